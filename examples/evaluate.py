# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""COCO mask AP of a saved model on any COCO file, or how well it takes clicks without a label.

python examples/evaluate.py outputs/nuclei/student_refined --max_detections 400 \
    --annotations data/nuclei/annotations/instances_val.json --image_dir data/nuclei/images

With --clicks: how often a click on an object gets its class, and how well the background score tells clicks on objects
from clicks on background (AUROC; at the best threshold; at the one that keeps 95% of the objects).
"""

import argparse
from collections.abc import Mapping
from functools import partial
from typing import Any

from transformers import pipeline

from pointwssis import evaluate_clicks
from pointwssis.data import load_coco
from pointwssis.runs.stages import evaluate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder or Hub repository of a SOLOv2")
    parser.add_argument("--annotations", required=True, help="COCO JSON with the truth")
    parser.add_argument("--image_dir", required=True, help="folder of its images")
    parser.add_argument("--max_detections", type=int, default=100, help="detections an image; 100 is COCO's")
    parser.add_argument("--batch_size", type=int, default=4)
    parser.add_argument("--clicks", action="store_true", help="measure clicks instead of AP")
    parser.add_argument("--random_points", action="store_true", help="click on any pixel of an object, not its point")
    options = parser.parse_args()
    rows = load_coco(options.annotations, options.image_dir)
    if options.clicks:
        pipe = pipeline("point-instance-segmentation", model=options.model)
        segmenter = partial(pipe, batch_size=options.batch_size, mask_format="rle")
        point_source = "random" if options.random_points else None
        show(evaluate_clicks(rows, segmenter, point_source, options.batch_size))
    else:
        show(evaluate(options.model, rows, options.max_detections, options.batch_size))


def show(metrics: Mapping[str, Any]) -> None:
    """One line a figure: fractions in percent, counts and the threshold as they are."""
    width = 8 if "AP" in metrics else 28
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            show({f"  {key}": entry for key, entry in value.items()})
        elif value is None:
            print(f"{name:<{width}}not available")
        elif name == "threshold":
            print(f"{name:<{width}}{value:.4f}")
        else:
            print(f"{name:<{width}}{value if isinstance(value, int) else format(100 * value, '.2f')}")


if __name__ == "__main__":
    main()
