# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Image processor of MaskRefineNet, torchvision backend: equal crops, slightly different resizing of whole images."""

import torch
from transformers.image_processing_backends import TorchvisionBackend
from transformers.image_processing_utils import BatchFeature
from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, ImageInput, PILImageResampling
from transformers.processing_utils import Unpack
from transformers.utils import auto_docstring

from .crops_mask_refine_net import ObjectPrompts, crop_objects
from .image_processing_pil_mask_refine_net import MaskRefineNetImageProcessorKwargs
from .post_processing_mask_refine_net import post_process_masks


@auto_docstring
class MaskRefineNetImageProcessor(TorchvisionBackend):
    valid_kwargs = MaskRefineNetImageProcessorKwargs
    model_input_names = ["pixel_values", "rough_masks", "input_points", "class_labels"]
    resample = PILImageResampling.BILINEAR
    image_mean = IMAGENET_DEFAULT_MEAN
    image_std = IMAGENET_DEFAULT_STD
    size = {"height": 256, "width": 256}
    default_to_square = True
    do_convert_rgb = True
    do_resize = True
    do_rescale = True
    do_normalize = True
    box_scale = 2.0

    @auto_docstring
    def preprocess(
        self,
        images: ImageInput,
        rough_masks: list | None = None,
        input_points: list | None = None,
        class_labels: list | None = None,
        mask_labels: list | None = None,
        box_scales: list | None = None,
        **kwargs: Unpack[MaskRefineNetImageProcessorKwargs],
    ) -> BatchFeature:
        r"""
        rough_masks (`list`, *optional*):
            For each image the `(N, height, width)` rough masks of its objects, in the image's frame. Without them the
            whole images are resized and normalised, and nothing else.
        input_points (`list`, *optional*):
            For each image the `(N, 2)` points of its objects, (x, y) in the image's pixels.
        class_labels (`list`, *optional*):
            For each image the `(N,)` classes of its objects; not needed by a class-agnostic refiner.
        mask_labels (`list`, *optional*):
            For each image the `(N, height, width)` true masks of its objects, for training.
        box_scales (`list`, *optional*):
            For each image `(N,)` sizes of the crops over the extents of their rough masks, for training.

        Returns:
            [`BatchFeature`]: one row an object over all images, see `crop_objects`.
        """
        return super().preprocess(images, rough_masks, input_points, class_labels, mask_labels, box_scales, **kwargs)

    def _preprocess(
        self,
        images: list[torch.Tensor],
        rough_masks: list | None = None,
        input_points: list | None = None,
        class_labels: list | None = None,
        mask_labels: list | None = None,
        box_scales: list | None = None,
        **kwargs,
    ) -> BatchFeature:
        if rough_masks is None:
            return super()._preprocess(images, **kwargs)
        names = ("do_rescale", "rescale_factor", "do_normalize", "image_mean", "image_std")
        settings = {name: kwargs[name] for name in names}

        def prepare_crop(crop: torch.Tensor) -> torch.Tensor:
            return self.rescale_and_normalize(crop, **settings).to(torch.float32)

        prompts = ObjectPrompts(rough_masks, input_points, class_labels, mask_labels, box_scales)
        size = (kwargs["size"].height, kwargs["size"].width)
        data = crop_objects(images, prompts, size, kwargs["box_scale"], prepare_crop)
        return BatchFeature(data, tensor_type=kwargs["return_tensors"])

    post_process_masks = staticmethod(post_process_masks)


__all__ = ["MaskRefineNetImageProcessor", "MaskRefineNetImageProcessorKwargs"]
