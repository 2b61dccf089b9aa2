# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""Turn points into masks: a teacher predicts one rough mask per point, a MaskRefineNet refines it.

python examples/label_with_points.py --annotations points.csv --image_dir data/nuclei/images \
    --teacher_name_or_path outputs/teacher --refiner_name_or_path outputs/refiner --output_file pseudo_labels.json

With --labeled_fraction, the annotation file has masks, and those of the remaining images are hidden, as in
train_solov2.py: only their points are used, and the labels are compared with the hidden masks.
"""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import torch
from transformers import HfArgumentParser

from pointwssis import (
    evaluate_pseudo_labels,
    load_annotations,
    predict_rough_masks,
    refine_rough_masks,
    split_supervision,
    to_coco,
)
from pointwssis.cli.endings import run_script
from pointwssis.pseudo_labeling import keep_rough_masks, mask_refine_net_refiner, solov2_teacher


@dataclass
class ScriptArguments:
    annotations: str = field(metadata={"help": "Annotation file with points."})
    image_dir: str = field(metadata={"help": "Folder of the images."})
    teacher_name_or_path: str = field(metadata={"help": "SOLOv2 that predicts the rough masks."})
    output_file: str = field(metadata={"help": "COCO JSON to write."})
    refiner_name_or_path: str | None = field(
        default=None, metadata={"help": "MaskRefineNet; default: the rough masks are the labels."}
    )
    labeled_fraction: float | None = field(
        default=None, metadata={"help": "Fraction of the images that the teacher learned from; the others are labeled."}
    )
    batch_size: int = field(default=8, metadata={"help": "Images per forward pass of the teacher."})
    bf16: bool = field(default=False, metadata={"help": "Compute in bfloat16."})


def main() -> None:
    (args,) = HfArgumentParser(ScriptArguments, description=__doc__).parse_args_into_dataclasses()
    dtype = torch.bfloat16 if args.bf16 else torch.float32

    # Rows whose objects have points; masks that they have already stay as they are.
    annotated = load_annotations(args.annotations, args.image_dir)
    rows = annotated
    if args.labeled_fraction is not None:
        rows = split_supervision(annotated, args.labeled_fraction)["point"]

    # Points -> rough masks -> refined masks. Any callable of the same signature is a teacher or a refiner.
    labels = predict_rough_masks(rows, solov2_teacher(args.teacher_name_or_path, dtype), args.batch_size)
    if args.refiner_name_or_path is None:
        labels = keep_rough_masks(labels)
    else:
        labels = refine_rough_masks(labels, mask_refine_net_refiner(args.refiner_name_or_path, dtype))

    # Pseudo labels in COCO's format, which train_student.py reads.
    Path(args.output_file).parent.mkdir(parents=True, exist_ok=True)
    Path(args.output_file).write_text(json.dumps(to_coco(labels)), encoding="utf-8")
    count = sum(len(objects) for objects in labels["objects"])
    print(f"{args.output_file}: {count} masks in {len(labels)} images")

    # Quality of the pseudo labels, where the masks were hidden.
    if args.labeled_fraction is not None:
        for name, value in evaluate_pseudo_labels(labels, annotated).items():
            print(f"{name:<10}{value}")


if __name__ == "__main__":
    sys.exit(run_script(main))
