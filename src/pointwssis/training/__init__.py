# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Train SOLOv2 and MaskRefineNet with the `Trainer` of transformers."""

from typing import TYPE_CHECKING

from ..ops.lazy_names import lazy_names

if TYPE_CHECKING:
    from .arguments import MASK_REFINE_NET_ARGUMENTS, SegmentationTrainingArguments
    from .augmentation import Augmentation
    from .collators import InstanceCollator
    from .datasets import InstanceDataset
    from .expected_iou import ExpectedIou
    from .flips import augmentation_for
    from .incomplete_labels import background_threshold
    from .refinement_dataset import RefinementDataset
    from .refinement_sampling import RefinementSampling
    from .samplers import SimilarShapeSampler
    from .trainer import SegmentationTrainer

__getattr__, __dir__ = lazy_names(__name__, __file__)

__all__ = [
    "MASK_REFINE_NET_ARGUMENTS",
    "Augmentation",
    "ExpectedIou",
    "InstanceCollator",
    "InstanceDataset",
    "RefinementDataset",
    "RefinementSampling",
    "SegmentationTrainer",
    "SegmentationTrainingArguments",
    "SimilarShapeSampler",
    "augmentation_for",
    "background_threshold",
]
