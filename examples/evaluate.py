# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""Measure the COCO mask AP of a SOLOv2 on an annotation file, or how well it handles clicks without a label.

python examples/evaluate.py --model_name_or_path outputs/student --max_detections 400 \
    --annotations data/nuclei/annotations/instances_val.json --image_dir data/nuclei/images

With --clicks: the fraction of clicks on objects that get the right class, and how well the background score separates
clicks on objects from clicks on background (AUROC, and the fractions kept and rejected at the best threshold and at
the one that keeps 95% of the objects).
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from transformers import HfArgumentParser, pipeline

from pointwssis import SegmentationTrainer, SegmentationTrainingArguments, evaluate_clicks, load_annotations
from pointwssis.cli.endings import run_script
from pointwssis.data import class_names
from pointwssis.models.factory import saved_model


@dataclass
class ScriptArguments:
    model_name_or_path: str = field(metadata={"help": "Folder or Hub repository of a SOLOv2."})
    annotations: str = field(metadata={"help": "Annotation file with masks."})
    image_dir: str = field(metadata={"help": "Folder of the images."})
    max_detections: int = field(default=100, metadata={"help": "Detections per image; 100 is COCO's."})
    clicks: bool = field(default=False, metadata={"help": "Measure clicks instead of AP."})
    random_points: bool = field(default=False, metadata={"help": "Click on a random pixel of each object."})


def main() -> None:
    parser = HfArgumentParser((ScriptArguments, SegmentationTrainingArguments), description=__doc__)
    args, training_args = parser.parse_args_into_dataclasses()

    # Dataset: rows of one schema, whatever the format of the file.
    rows = load_annotations(args.annotations, args.image_dir)
    batch_size = training_args.per_device_eval_batch_size

    # Clicks without a label: the pipeline predicts class, mask and background score of each.
    if args.clicks:
        segmenter = pipeline("point-instance-segmentation", model=args.model_name_or_path)
        segmenter = partial(segmenter, batch_size=batch_size, mask_format="rle")
        show(evaluate_clicks(rows, segmenter, "random" if args.random_points else None, batch_size))
        return

    # Model, image processor and trainer.
    model, processor = saved_model(args.model_name_or_path, class_names(rows))
    model.config.max_detections = args.max_detections
    trainer = SegmentationTrainer(
        model=model,
        args=training_args,
        eval_dataset=rows,
        processing_class=processor,
        max_detections=args.max_detections,
    )
    trainer.evaluate()
    show(trainer.evaluator.compute())


def show(metrics: Mapping[str, Any]) -> None:
    """Print one figure per line: fractions in percent, counts and the threshold as they are."""
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
    sys.exit(run_script(main))
