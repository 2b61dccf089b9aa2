# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""COCO mask AP of a saved model on any COCO file.

python examples/evaluate.py outputs/nuclei/student_refined --max_detections 400 \
    --annotations data/nuclei/annotations/instances_val.json --image_dir data/nuclei/images
"""

import argparse

from pointwssis.data import load_coco
from pointwssis.stages import evaluate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder or Hub repository of a SOLOv2")
    parser.add_argument("--annotations", required=True, help="COCO JSON with the truth")
    parser.add_argument("--image_dir", required=True, help="folder of its images")
    parser.add_argument("--max_detections", type=int, default=100, help="detections an image; 100 is COCO's")
    parser.add_argument("--batch_size", type=int, default=4)
    options = parser.parse_args()
    rows = load_coco(options.annotations, options.image_dir)
    for name, value in evaluate(options.model, rows, options.max_detections, options.batch_size).items():
        print(f"{name:<8}{'not available' if value is None else format(100 * value, '.2f')}")


if __name__ == "__main__":
    main()
