# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Image processor of MaskRefineNet on Pillow and NumPy, the default of `AutoImageProcessor`."""

from typing import Any

from transformers.image_processing_backends import PilBackend
from transformers.image_processing_utils import BatchFeature
from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, ImageInput, PILImageResampling
from transformers.processing_utils import ImagesKwargs, Unpack

from ...ops.deep_images import is_deep
from ...ops.images import to_rgb
from ...ops.processor_settings import CheckedSettings
from .crops_mask_refine_net import ObjectPrompts, crop_objects, normalization
from .post_processing_mask_refine_net import post_process_masks


class MaskRefineNetImageProcessorKwargs(ImagesKwargs, total=False):
    r"""
    box_scale (`float`, *optional*, defaults to 2.0):
        Size of a crop relative to the extent of its rough mask.
    """

    box_scale: float | int


class MaskRefineNetImageProcessorBase(CheckedSettings):
    """Base class of both backends, which differ only in resizing whole images."""

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
        r"""Crop each object from its image, with its rough mask and point.

        images (`ImageInput`):
            One image or a list of images, 8-bit or deeper, channels first or last.
        rough_masks (`list`, *optional*):
            For each image the `(N, height, width)` rough masks of its objects, in the frame of the image. Without them
            whole images are resized and normalized.
        input_points (`list`, *optional*):
            For each image the `(N, 2)` points of its objects, (x, y) in pixels of the image.
        class_labels (`list`, *optional*):
            For each image the `(N,)` classes of its objects; not needed by a class-agnostic refiner.
        mask_labels (`list`, *optional*):
            For each image the `(N, height, width)` ground-truth masks of its objects, for training.
        box_scales (`list`, *optional*):
            For each image `(N,)` sizes of the crops relative to the extents of their rough masks, for training.

        Returns:
            [`BatchFeature`]: one row per object over all images, see `crop_objects`.
        """
        prompts = None
        if rough_masks is not None:
            prompts = ObjectPrompts(rough_masks, input_points, class_labels, mask_labels, box_scales)
        return super().preprocess(images, prompts, **kwargs)

    def process_image(self, image: Any, *args: Any, **kwargs: Any) -> Any:
        """Convert one image as in transformers, but scale images of more than 8 bits as in `deep_images.py`."""
        return super().process_image(to_rgb(image) if is_deep(image) else image, *args, **kwargs)

    def _preprocess(self, images: list[Any], prompts: ObjectPrompts | None = None, **kwargs: Any) -> BatchFeature:
        if prompts is None:
            return super()._preprocess(images, **kwargs)
        # Crops are rescaled and normalized in one step, with the settings of this call.
        mean_and_std = (kwargs["image_mean"], kwargs["image_std"]) if kwargs["do_normalize"] else (None, None)
        gain, offset = normalization(kwargs["rescale_factor"] if kwargs["do_rescale"] else None, *mean_and_std)
        size = (kwargs["size"].height, kwargs["size"].width)
        data = crop_objects(images, prompts, size, kwargs["box_scale"], gain, offset)
        return BatchFeature(data, tensor_type=kwargs["return_tensors"])

    post_process_masks = staticmethod(post_process_masks)


class MaskRefineNetImageProcessorPil(MaskRefineNetImageProcessorBase, PilBackend):
    """Image processor of MaskRefineNet on Pillow and NumPy."""


__all__ = ["MaskRefineNetImageProcessorKwargs", "MaskRefineNetImageProcessorPil"]
