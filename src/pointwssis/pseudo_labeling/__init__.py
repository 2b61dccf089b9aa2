# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Turn points into masks over a dataset: rough masks, refined masks, pseudo labels, and the doubt about them."""

from ..pipelines.refiners import Refiner
from .generate import (
    generate_pseudo_labels,
    keep_rough_masks,
    predict_rough_masks,
    propose_rough_masks,
    refine_rough_masks,
)
from .labeler_types import Proposer, Teacher
from .labelers import mask_refine_net_refiner, solov2_proposer, solov2_teacher

__all__ = [
    "Proposer",
    "Refiner",
    "Teacher",
    "generate_pseudo_labels",
    "keep_rough_masks",
    "mask_refine_net_refiner",
    "predict_rough_masks",
    "propose_rough_masks",
    "refine_rough_masks",
    "solov2_proposer",
    "solov2_teacher",
]
