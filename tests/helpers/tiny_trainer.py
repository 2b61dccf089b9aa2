# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Trainers of tiny models: four steps on a few images."""

from pathlib import Path

from helpers import tiny
from helpers.training_in_two_processes import mixed_rows
from pointwssis.training.arguments import SegmentationTrainingArguments
from pointwssis.training.augmentation import Augmentation
from pointwssis.training.collators import InstanceCollator
from pointwssis.training.datasets import InstanceDataset
from pointwssis.training.trainer import SegmentationTrainer

LIVELY = Augmentation(0.5, 0.5, True, 0.2, 0.2)


def arguments(folder: Path, **changes) -> SegmentationTrainingArguments:
    values = {
        "output_dir": str(folder),
        "per_device_train_batch_size": 2,
        "max_steps": 4,
        "warmup_steps": 1,
        "logging_steps": 1,
        "save_strategy": "no",
        "use_cpu": True,
        "disable_tqdm": True,
    }
    return SegmentationTrainingArguments(**{**values, **changes})


def trainer(folder: Path, rows=None, eval_dataset=None, seed: int = 0, callbacks=None, max_detections=100, **changes):
    model, processor = tiny.segmenter(seed)
    rows = mixed_rows() if rows is None else rows
    return SegmentationTrainer(
        model=model.train(),
        args=arguments(folder, **changes),
        train_dataset=InstanceDataset(rows, LIVELY, seed=7),
        data_collator=InstanceCollator(processor, [48, 64], 96),
        processing_class=processor,
        eval_dataset=eval_dataset,
        max_detections=max_detections,
        callbacks=callbacks,
    )


def natural(folder: Path, made: tuple, rows, eval_rows=None, **changes) -> SegmentationTrainer:
    """Return the trainer as a user of transformers would create it."""
    model, processor = made
    return SegmentationTrainer(
        model, arguments(folder, **changes), train_dataset=rows, eval_dataset=eval_rows, processing_class=processor
    )


def evaluated(folder: Path, rows, **changes) -> tuple[dict, dict]:
    made = trainer(folder, eval_dataset=rows, **changes)
    metrics = made.evaluate()
    return {name: value for name, value in metrics.items() if "AP" in name or "AR" in name}, made.evaluator.results
