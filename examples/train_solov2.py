# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""Train SOLOv2 on images with masks: the teacher of PointWSSIS.

python examples/train_solov2.py \
    --train_annotations data/nuclei/annotations/instances_train.json \
    --val_annotations data/nuclei/annotations/instances_val.json --image_dir data/nuclei/images \
    --labeled_fraction 0.1 --shortest_edges 256 --longest_edge 256 \
    --output_dir outputs/teacher --max_steps 1500 --warmup_steps 200 --per_device_train_batch_size 8

The annotation files may have any format that pointwssis reads. All arguments of transformers' TrainingArguments apply.
"""

import sys
from dataclasses import dataclass, field

from transformers import HfArgumentParser, set_seed

from pointwssis import SegmentationTrainer, SegmentationTrainingArguments, load_annotations, split_supervision
from pointwssis.cli.endings import run_script
from pointwssis.data import class_names
from pointwssis.models.factory import new_segmenter, saved_model
from pointwssis.models.solov2.configuration_solov2 import TEACHER_NUM_GRIDS, TEACHER_SCALE_RANGES
from pointwssis.training import InstanceCollator, InstanceDataset, augmentation_for, background_threshold
from pointwssis.training.saving import saving_on_signals


@dataclass
class ScriptArguments:
    train_annotations: str = field(metadata={"help": "Annotation file with masks."})
    image_dir: str = field(metadata={"help": "Folder of the images."})
    val_annotations: str | None = field(default=None, metadata={"help": "Annotation file to evaluate on."})
    labeled_fraction: float = field(default=1.0, metadata={"help": "Fraction of the images whose masks are used."})
    model_name_or_path: str | None = field(default=None, metadata={"help": "SOLOv2 to start from; default: a new one."})
    backbone_name_or_path: str | None = field(
        default=None, metadata={"help": "Pretrained backbone of a new SOLOv2, such as microsoft/resnet-50."}
    )
    shortest_edges: list[int] = field(
        default_factory=lambda: [640, 672, 704, 736, 768, 800],
        metadata={"help": "Lengths of the shorter image side, one drawn per batch; the last one is used to predict."},
    )
    longest_edge: int = field(default=1333, metadata={"help": "Limit of the longer image side."})
    max_detections: int = field(default=100, metadata={"help": "Detections per image in the evaluation."})


def main() -> None:
    parser = HfArgumentParser((ScriptArguments, SegmentationTrainingArguments), description=__doc__)
    args, training_args = parser.parse_args_into_dataclasses()
    set_seed(training_args.seed)

    # Datasets: rows of one schema, whatever the format of the files.
    train_rows = load_annotations(args.train_annotations, args.image_dir)
    names = class_names(train_rows)
    if args.labeled_fraction < 1:
        train_rows = split_supervision(train_rows, args.labeled_fraction)["full"]
    eval_rows = None
    if args.val_annotations is not None:
        eval_rows = load_annotations(args.val_annotations, args.image_dir, class_names=names)

    # Model and image processor. A teacher has finer grids than a student (paper, section 4.2).
    size = {"shortest_edge": args.shortest_edges[-1], "longest_edge": args.longest_edge}
    if args.model_name_or_path is None:
        fields = {"num_grids": TEACHER_NUM_GRIDS, "scale_ranges": TEACHER_SCALE_RANGES}
        model, processor = new_segmenter(names, fields, size, backbone_name_or_path=args.backbone_name_or_path)
    else:
        model, processor = saved_model(args.model_name_or_path, names, size=size)
    model.config.background_threshold = background_threshold(train_rows)
    model.config.max_detections = args.max_detections

    # The trainer of transformers, with COCO's mask AP as its evaluation.
    trainer = SegmentationTrainer(
        model=model,
        args=training_args,
        train_dataset=InstanceDataset(train_rows, augmentation_for({}, names), training_args.seed),
        eval_dataset=eval_rows,
        data_collator=InstanceCollator(processor, args.shortest_edges),
        processing_class=processor,
        max_detections=args.max_detections,
    )

    # Train, evaluate and publish.
    with saving_on_signals(trainer.save_in_time):
        result = trainer.train(resume_from_checkpoint=training_args.resume_from_checkpoint)
    trainer.save_model()
    trainer.save_state()
    trainer.log_metrics("train", result.metrics)
    trainer.save_metrics("train", result.metrics)
    if eval_rows is not None:
        metrics = trainer.evaluate()
        trainer.log_metrics("eval", metrics)
        trainer.save_metrics("eval", metrics)
    if training_args.push_to_hub:
        trainer.push_to_hub()


if __name__ == "__main__":
    sys.exit(run_script(main, "go on with --resume_from_checkpoint OUTPUT_DIR/checkpoint-STEP"))
