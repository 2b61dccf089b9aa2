# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""SOLOv2 (Wang et al. 2020): configuration, network, grid, loss, decoding, image processors."""

from .configuration_solov2 import SOLOv2Config
from .image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from .image_processing_solov2 import SOLOv2ImageProcessor
from .modeling_solov2 import SOLOv2ForInstanceSegmentation, SOLOv2Model

__all__ = [
    "SOLOv2Config",
    "SOLOv2ForInstanceSegmentation",
    "SOLOv2ImageProcessor",
    "SOLOv2ImageProcessorPil",
    "SOLOv2Model",
]
