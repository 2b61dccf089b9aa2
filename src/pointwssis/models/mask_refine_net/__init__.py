# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""MaskRefineNet (paper, section 3.3): configuration, network, loss, crops, image processors."""

from .configuration_mask_refine_net import MaskRefineNetConfig
from .image_processing_mask_refine_net import MaskRefineNetImageProcessor
from .image_processing_pil_mask_refine_net import MaskRefineNetImageProcessorPil
from .modeling_mask_refine_net import MaskRefineNetForMaskRefinement

__all__ = [
    "MaskRefineNetConfig",
    "MaskRefineNetForMaskRefinement",
    "MaskRefineNetImageProcessor",
    "MaskRefineNetImageProcessorPil",
]
