# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""Train MaskRefineNet to correct a teacher's rough masks, on images whose masks are known.

python examples/train_mask_refine_net.py \
    --train_annotations data/nuclei/annotations/instances_train.json --image_dir data/nuclei/images \
    --labeled_fraction 0.1 --teacher_names_or_paths outputs/teacher/checkpoint-1000 outputs/teacher/checkpoint-1333 \
    --output_dir outputs/refiner --max_steps 1500 --warmup_steps 100

The paper uses two checkpoints of the teacher, from 2/3 and 8/9 of its training: on training images their masks are as
imperfect as those of the final teacher on new images. All arguments of transformers' TrainingArguments apply.
"""

import sys
from dataclasses import dataclass, field

from datasets import Dataset, concatenate_datasets
from transformers import HfArgumentParser, set_seed

from pointwssis import (
    SegmentationTrainer,
    SegmentationTrainingArguments,
    load_annotations,
    predict_rough_masks,
    split_supervision,
)
from pointwssis.cli.endings import run_script
from pointwssis.data import class_names
from pointwssis.models.factory import new_refiner, saved_model
from pointwssis.models.mask_refine_net.named_mask_refine_net import find_refiner
from pointwssis.pseudo_labeling import solov2_teacher
from pointwssis.training import MASK_REFINE_NET_ARGUMENTS, RefinementDataset, RefinementSampling, augmentation_for
from pointwssis.training.saving import saving_on_signals


@dataclass
class ScriptArguments:
    train_annotations: str = field(metadata={"help": "Annotation file with masks."})
    image_dir: str = field(metadata={"help": "Folder of the images."})
    teacher_names_or_paths: list[str] = field(metadata={"help": "SOLOv2 models that predict the rough masks."})
    val_annotations: str | None = field(default=None, metadata={"help": "Annotation file for the evaluation loss."})
    labeled_fraction: float = field(default=1.0, metadata={"help": "Fraction of the images whose masks are used."})
    model_name_or_path: str | None = field(default=None, metadata={"help": "MaskRefineNet to start from, or general."})
    backbone_name_or_path: str | None = field(default=None, metadata={"help": "Pretrained ResNet of a new one."})
    point_jitter: float = field(default=0.15, metadata={"help": "Deviation of the points, relative to the objects."})
    perturb: float = field(default=0.0, metadata={"help": "Fraction of rough masks that are perturbed ground truth."})


def rough_rows(rows: Dataset, teachers: list[str]) -> Dataset:
    """Return the rows with the rough masks of each teacher."""
    return concatenate_datasets([predict_rough_masks(rows, solov2_teacher(teacher)) for teacher in teachers])


def main() -> None:
    parser = HfArgumentParser((ScriptArguments, SegmentationTrainingArguments), description=__doc__)
    parser.set_defaults(**MASK_REFINE_NET_ARGUMENTS)
    args, training_args = parser.parse_args_into_dataclasses()
    set_seed(training_args.seed)

    # Datasets: objects with a mask, a point, and the rough mask that the teacher predicts from this point.
    train_rows = load_annotations(args.train_annotations, args.image_dir)
    names = class_names(train_rows)
    if args.labeled_fraction < 1:
        train_rows = split_supervision(train_rows, args.labeled_fraction)["full"]
    train_rows = rough_rows(train_rows, args.teacher_names_or_paths)
    eval_rows = None
    if args.val_annotations is not None:
        eval_rows = load_annotations(args.val_annotations, args.image_dir, class_names=names)
        eval_rows = rough_rows(eval_rows, args.teacher_names_or_paths[-1:])

    # Model and image processor.
    if args.model_name_or_path is None:
        model, processor = new_refiner(names, {}, args.backbone_name_or_path)
    else:
        model, processor = saved_model(find_refiner(args.model_name_or_path), names)
    train_dataset = RefinementDataset(
        train_rows,
        processor,
        box_scales=tuple(model.config.train_box_scale),
        sampling=RefinementSampling(args.point_jitter, args.perturb),
        augmentation=augmentation_for({}, names),
        seed=training_args.seed,
    )
    trainer = SegmentationTrainer(
        model=model, args=training_args, train_dataset=train_dataset, eval_dataset=eval_rows, processing_class=processor
    )
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
