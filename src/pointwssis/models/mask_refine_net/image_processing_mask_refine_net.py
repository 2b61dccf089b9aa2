# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Image processor of MaskRefineNet on torchvision: the same crops, slightly different resizing of whole images."""

from typing import Any

import torch
from transformers.image_processing_backends import TorchvisionBackend
from transformers.utils import requires_backends

from .image_processing_pil_mask_refine_net import MaskRefineNetImageProcessorBase, MaskRefineNetImageProcessorKwargs


class MaskRefineNetImageProcessor(MaskRefineNetImageProcessorBase, TorchvisionBackend):
    """Image processor of MaskRefineNet on torchvision."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        requires_backends(self, "torchvision")  # its methods would fail with a NameError
        super().__init__(*args, **kwargs)

    def prepare_crop(self, crop: torch.Tensor, **settings: Any) -> torch.Tensor:
        """Rescale and normalize a (3, h, w) part of an image to a float tensor."""
        return self.rescale_and_normalize(crop, **settings).to(torch.float32)


__all__ = ["MaskRefineNetImageProcessor", "MaskRefineNetImageProcessorKwargs"]
