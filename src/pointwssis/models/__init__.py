# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""SOLOv2 and MaskRefineNet, laid out like the model folders of transformers, and functions that create them."""

from .factory import new_refiner, new_segmenter, saved_model, with_classes
from .inference import fold_batch_norms, prepare_for_inference
from .mask_refine_net import (
    MaskRefineNetConfig,
    MaskRefineNetForMaskRefinement,
    MaskRefineNetImageProcessor,
    MaskRefineNetImageProcessorPil,
)
from .solov2 import (
    SOLOv2Config,
    SOLOv2ForInstanceSegmentation,
    SOLOv2ImageProcessor,
    SOLOv2ImageProcessorPil,
    SOLOv2Model,
)

__all__ = [
    "MaskRefineNetConfig",
    "MaskRefineNetForMaskRefinement",
    "MaskRefineNetImageProcessor",
    "MaskRefineNetImageProcessorPil",
    "SOLOv2Config",
    "SOLOv2ForInstanceSegmentation",
    "SOLOv2ImageProcessor",
    "SOLOv2ImageProcessorPil",
    "SOLOv2Model",
    "fold_batch_norms",
    "new_refiner",
    "new_segmenter",
    "prepare_for_inference",
    "saved_model",
    "with_classes",
]
