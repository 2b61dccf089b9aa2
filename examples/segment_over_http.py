# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""Ask a running `pointwssis app` for masks; needs gradio_client and Pillow, but neither pointwssis nor torch.

python examples/segment_over_http.py http://127.0.0.1:7860 photo.jpg --points 120,80 300,210 --labels dog ""
python examples/segment_over_http.py http://127.0.0.1:7860 photo.jpg --threshold 0.4 --output_file overlay.png

Without points the model finds all objects itself.
"""

import argparse
import base64
from pathlib import Path

from gradio_client import Client
from PIL import Image, ImageDraw

COLORS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")


def point(text: str) -> list[float]:
    """Return "120,80" as (x, y), in pixels of the upright image."""
    x, y = text.split(",")
    return [float(x), float(y)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="address of the app")
    parser.add_argument("image", type=Path)
    parser.add_argument("--points", type=point, nargs="+", help="clicks, each as x,y")
    parser.add_argument("--labels", nargs="+", help="class of each click; an empty text lets the model say")
    parser.add_argument("--threshold", type=float, default=0.3, help="lowest score of an object without a click")
    parser.add_argument("--output_file", type=Path, help="picture to draw the outlines on")
    args = parser.parse_args()

    # Images travel as base64 text in JSON. A refused request raises gradio_client's AppError with the reason.
    client = Client(args.address, verbose=False)
    image = base64.b64encode(args.image.read_bytes()).decode()
    if args.points is None:
        found = client.predict(image, args.threshold, "polygon", api_name="/find_all")
    else:
        labels = None if args.labels is None else [label or None for label in args.labels]
        found = client.predict(image, args.points, labels, "polygon", api_name="/segment")

    # Each instance is a dict; its mask is a list of rings [x0, y0, x1, y1, …] as in COCO (or with "rle" run lengths).
    for instance in found:
        corners = sum(len(ring) // 2 for ring in instance["mask"])
        print(f"{instance['label']}  score {instance['score']:.2f}  outline of {corners} corners")
    if args.output_file is not None:
        picture = Image.open(args.image).convert("RGB")
        draw = ImageDraw.Draw(picture)
        for index, instance in enumerate(found):
            for ring in instance["mask"]:
                draw.polygon(ring, outline=COLORS[index % len(COLORS)])
        picture.save(args.output_file)


if __name__ == "__main__":
    main()
