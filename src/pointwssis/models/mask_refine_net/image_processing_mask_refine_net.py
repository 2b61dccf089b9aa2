# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Image processor of MaskRefineNet on torchvision: the same crops, slightly different resizing of whole images."""

from transformers.image_processing_backends import TorchvisionBackend

from .image_processing_pil_mask_refine_net import MaskRefineNetImageProcessorBase, MaskRefineNetImageProcessorKwargs


class MaskRefineNetImageProcessor(MaskRefineNetImageProcessorBase, TorchvisionBackend):
    """Image processor of MaskRefineNet on torchvision."""


__all__ = ["MaskRefineNetImageProcessor", "MaskRefineNetImageProcessorKwargs"]
