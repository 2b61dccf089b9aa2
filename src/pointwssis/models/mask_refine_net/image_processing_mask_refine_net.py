# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Image processor of MaskRefineNet on torchvision: the same crops, slightly different resizing of whole images."""

from typing import Any

from transformers.image_processing_backends import TorchvisionBackend
from transformers.utils import requires_backends

from .image_processing_pil_mask_refine_net import MaskRefineNetImageProcessorBase, MaskRefineNetImageProcessorKwargs


class MaskRefineNetImageProcessor(MaskRefineNetImageProcessorBase, TorchvisionBackend):
    """Image processor of MaskRefineNet on torchvision."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        requires_backends(self, "torchvision")  # its methods would fail with a NameError
        super().__init__(*args, **kwargs)


__all__ = ["MaskRefineNetImageProcessor", "MaskRefineNetImageProcessorKwargs"]
