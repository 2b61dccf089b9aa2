# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""Train a SOLOv2 student on images with masks and on pseudo labels of label_with_points.py together.

python examples/train_student.py \
    --train_annotations data/nuclei/annotations/instances_train.json --labeled_fraction 0.1 \
    --pseudo_labels pseudo_labels.json --val_annotations data/nuclei/annotations/instances_val.json \
    --image_dir data/nuclei/images --model_name_or_path outputs/teacher \
    --shortest_edges 256 --longest_edge 256 \
    --output_dir outputs/student --max_steps 1500 --warmup_steps 200 --per_device_train_batch_size 8

All arguments of transformers' TrainingArguments apply; the defaults are those of the official student.
"""

import sys
from dataclasses import dataclass, field

from datasets import concatenate_datasets
from transformers import HfArgumentParser, set_seed

from pointwssis import SegmentationTrainer, SegmentationTrainingArguments, load_annotations, split_supervision
from pointwssis.cli.endings import run_script
from pointwssis.data import class_names
from pointwssis.models.factory import new_segmenter, saved_model
from pointwssis.training import InstanceCollator, InstanceDataset, augmentation_for, background_threshold
from pointwssis.training.saving import saving_on_signals


@dataclass
class ScriptArguments:
    train_annotations: str = field(metadata={"help": "Annotation file with masks."})
    pseudo_labels: str = field(metadata={"help": "COCO file of label_with_points.py."})
    image_dir: str = field(metadata={"help": "Folder of the images."})
    val_annotations: str | None = field(default=None, metadata={"help": "Annotation file to evaluate on."})
    labeled_fraction: float = field(default=1.0, metadata={"help": "Fraction of the images whose masks are used."})
    full_repeats: int = field(default=1, metadata={"help": "Repetitions of the images with masks per epoch."})
    weigh_pseudo_labels: bool = field(default=False, metadata={"help": "Weight pseudo labels by score and agreement."})
    model_name_or_path: str | None = field(default=None, metadata={"help": "SOLOv2 to start from; default: a new one."})
    backbone_name_or_path: str | None = field(default=None, metadata={"help": "Pretrained backbone of a new SOLOv2."})
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

    # Datasets: pseudo labels have the same schema as annotations, so the two are simply concatenated.
    full_rows = load_annotations(args.train_annotations, args.image_dir)
    names = class_names(full_rows)
    if args.labeled_fraction < 1:
        full_rows = split_supervision(full_rows, args.labeled_fraction)["full"]
    pseudo_rows = load_annotations(args.pseudo_labels, args.image_dir, class_names=names)
    train_rows = concatenate_datasets([*[full_rows] * args.full_repeats, pseudo_rows])
    eval_rows = None
    if args.val_annotations is not None:
        eval_rows = load_annotations(args.val_annotations, args.image_dir, class_names=names)

    # Model and image processor.
    size = {"shortest_edge": args.shortest_edges[-1], "longest_edge": args.longest_edge}
    if args.model_name_or_path is None:
        model, processor = new_segmenter(names, {}, size, backbone_name_or_path=args.backbone_name_or_path)
    else:
        model, processor = saved_model(args.model_name_or_path, names, size=size)
    model.config.background_threshold = background_threshold(train_rows)
    model.config.max_detections = args.max_detections

    # The trainer of transformers, with COCO's mask AP as its evaluation.
    augmentation = augmentation_for({}, names)
    trainer = SegmentationTrainer(
        model=model,
        args=training_args,
        train_dataset=InstanceDataset(train_rows, augmentation, training_args.seed, args.weigh_pseudo_labels),
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
