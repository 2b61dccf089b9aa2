# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Turn points into masks over a dataset: rough masks, refined masks, pseudo labels."""

from .generate import (
    Proposer,
    Refiner,
    Teacher,
    generate_pseudo_labels,
    keep_rough_masks,
    predict_rough_masks,
    propose_rough_masks,
    refine_rough_masks,
)
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
