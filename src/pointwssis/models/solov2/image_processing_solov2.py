# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Image processor of SOLOv2 on torchvision, used on request: its resizing differs from Pillow's in the last bit."""

from typing import Any

import torch
from transformers.image_processing_backends import TorchvisionBackend
from transformers.utils import requires_backends

from .image_processing_pil_solov2 import SOLOv2ImageProcessorBase, SOLOv2ImageProcessorKwargs
from .post_processing_solov2 import SOLOv2PostProcessing


class SOLOv2ImageProcessor(SOLOv2PostProcessing, SOLOv2ImageProcessorBase, TorchvisionBackend):
    """Image processor of SOLOv2 on torchvision."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        requires_backends(self, "torchvision")  # its methods would fail with a NameError
        super().__init__(*args, **kwargs)

    def prepare(self, image: torch.Tensor, **settings: Any) -> torch.Tensor:
        """Rescale and normalize a resized (C, H, W) image."""
        return self.rescale_and_normalize(image, **settings)


__all__ = ["SOLOv2ImageProcessor", "SOLOv2ImageProcessorKwargs"]
