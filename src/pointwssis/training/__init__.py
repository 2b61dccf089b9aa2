# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Train SOLOv2 and MaskRefineNet with the `Trainer` of transformers."""

from .augmentation import Augmentation
from .datasets import InstanceCollator, InstanceDataset, RefinementDataset, SimilarShapeSampler
from .trainer import SegmentationTrainer, SegmentationTrainingArguments

__all__ = [
    "Augmentation",
    "InstanceCollator",
    "InstanceDataset",
    "RefinementDataset",
    "SegmentationTrainer",
    "SegmentationTrainingArguments",
    "SimilarShapeSampler",
]
