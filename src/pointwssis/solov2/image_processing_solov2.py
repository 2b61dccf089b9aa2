# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Image processor of SOLOv2 on torchvision; only when asked for, its resizing differs in the last bit from Pillow's."""

from typing import Any

import torch
from transformers.image_processing_backends import TorchvisionBackend
from transformers.image_processing_utils import BatchFeature
from transformers.image_utils import SizeDict
from transformers.utils import auto_docstring

from .image_processing_pil_solov2 import SOLOv2ImageProcessorBase, SOLOv2ImageProcessorKwargs
from .post_processing_solov2 import SOLOv2PostProcessing


@auto_docstring
class SOLOv2ImageProcessor(SOLOv2PostProcessing, SOLOv2ImageProcessorBase, TorchvisionBackend):
    def _preprocess(
        self,
        images: list[torch.Tensor],
        labels: dict[str, Any],
        do_resize: bool,
        size: SizeDict,
        resample: Any,
        do_rescale: bool,
        rescale_factor: float,
        do_normalize: bool,
        image_mean: Any,
        image_std: Any,
        do_pad: bool,
        pad_size: SizeDict | None,
        size_divisor: int | None,
        do_flip_channel_order: bool,
        return_tensors: Any,
        **kwargs: Any,
    ) -> BatchFeature:
        processed = []
        for image in images:
            tensor = self.resize(image, size=size, resample=resample) if do_resize else image
            if do_flip_channel_order:
                tensor = tensor.flip(0)
            processed.append(
                self.rescale_and_normalize(tensor, do_rescale, rescale_factor, do_normalize, image_mean, image_std)
            )
        sizes = [tuple(image.shape[-2:]) for image in images]
        return self.batched(
            processed, sizes, labels, do_pad, pad_size, size_divisor, return_tensors, disable_grouping=True
        )


__all__ = ["SOLOv2ImageProcessor", "SOLOv2ImageProcessorKwargs"]
