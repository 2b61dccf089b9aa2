# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Image processor of SOLOv2 on Pillow and NumPy, the default of `AutoImageProcessor`."""

from typing import Any

import numpy as np
from transformers.image_processing_backends import PilBackend
from transformers.image_processing_utils import BatchFeature
from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, PILImageResampling, SizeDict
from transformers.processing_utils import ImagesKwargs, Unpack

from ...ops.deep_images import is_deep
from ...ops.image_sizes import shortest_edge_size
from ...ops.images import to_rgb
from ...ops.processor_settings import CheckedSettings
from ...ops.tiles import tile_windows
from .post_processing_solov2 import SOLOv2PostProcessing
from .transforms_solov2 import transform_labels


class SOLOv2ImageProcessorKwargs(ImagesKwargs, total=False):
    r"""
    size_divisor (`int`, *optional*, defaults to `self.size_divisor`):
        Divisor of both sides of the padded batch.
    do_flip_channel_order (`bool`, *optional*, defaults to `self.do_flip_channel_order`):
        Pass BGR to the network instead of RGB; `image_mean` and `image_std` are in the network's order.
    tile_size (`int`, *optional*, defaults to `self.tile_size`):
        Side in pixels of the original image of the square windows that the network sees instead of whole images; each
        is scaled to `size`. None shows it whole images.
    """

    size_divisor: int
    do_flip_channel_order: bool
    tile_size: int | None


# The official models were trained with BGR minus its ImageNet mean, on the scale of 0 … 255.
OFFICIAL_PREPROCESSING = {
    "do_flip_channel_order": True,
    "image_mean": [103.53 / 255, 116.28 / 255, 123.675 / 255],
    "image_std": [1 / 255, 1 / 255, 1 / 255],
}

LABEL_NAMES = ("mask_labels", "class_labels", "boxes", "input_points")


class SOLOv2ImageProcessorBase(CheckedSettings):
    """Base class of both backends, which implement `prepare`.

    Defaults are the official sizes (shortest edge 800, padding to multiples of 32) and the RGB mean and standard
    deviation of transformers' own backbones. Converted official models use `OFFICIAL_PREPROCESSING`.
    """

    valid_kwargs = SOLOv2ImageProcessorKwargs
    resample = PILImageResampling.BILINEAR
    image_mean = IMAGENET_DEFAULT_MEAN
    image_std = IMAGENET_DEFAULT_STD
    size = {"shortest_edge": 800, "longest_edge": 1333}
    default_to_square = False
    do_convert_rgb = True
    do_resize = True
    do_rescale = True
    do_normalize = True
    do_pad = True
    do_flip_channel_order = False
    size_divisor = 32
    tile_size = None
    model_input_names = ["pixel_values", "pixel_mask"]

    def preprocess(
        self,
        images: Any,
        mask_labels: list | None = None,
        class_labels: list | None = None,
        boxes: list | None = None,
        input_points: list | None = None,
        window_sides: list[int] | None = None,
        **kwargs: Unpack[SOLOv2ImageProcessorKwargs],
    ) -> BatchFeature:
        r"""Resize, normalize and pad images together with their labels and points.

        With `tile_size`, the batch holds the tiles of the first image (see `tile_windows`), then those of the second.

        images (`ImageInput`):
            One image or a list of images, 8-bit or deeper, channels first or last.
        mask_labels (`list`, *optional*):
            For each image its `(num_instances, height, width)` binary masks in pixels of the original image; resized
            and padded with the image.
        class_labels (`list`, *optional*):
            For each image its `(num_instances,)` class ids.
        boxes (`list`, *optional*):
            For each image `(num_instances, 4)` xyxy boxes in pixels of the original image (exclusive maximum); scaled
            with the image.
        input_points (`list`, *optional*):
            For each image `(num_points, 2)` points, (x, y) in pixels of the original image; scaled with the image.
        window_sides (`list[int]`, *optional*):
            For images that are windows already: for each the side in pixels of its whole window, which the image does
            not fill if it is smaller. They are not cut into tiles, and may have labels.
        """
        labels = dict(zip(LABEL_NAMES, (mask_labels, class_labels, boxes, input_points), strict=True))
        return super().preprocess(images, labels, window_sides, **kwargs)

    def process_image(self, image: Any, *args: Any, **kwargs: Any) -> Any:
        """Convert one image as in transformers, but scale images of more than 8 bits as in `deep_images.py`."""
        return super().process_image(to_rgb(image) if is_deep(image) else image, *args, **kwargs)

    def resize(self, image: Any, size: SizeDict, **kwargs: Any) -> Any:
        """Resize one (C, H, W) image; `shortest_edge` with or without `longest_edge` follows detectron2's rounding."""
        if size.shortest_edge:
            height, width = shortest_edge_size(*image.shape[-2:], size.shortest_edge, size.longest_edge)
            size = SizeDict(height=height, width=width)
        return super().resize(image, size=size, **kwargs)

    def _preprocess(
        self,
        images: list[Any],
        labels: dict[str, Any],
        window_sides: list[int] | None,
        do_resize: bool,
        size: SizeDict,
        resample: Any,
        do_pad: bool,
        pad_size: SizeDict | None,
        size_divisor: int | None,
        do_flip_channel_order: bool,
        tile_size: int | None,
        return_tensors: Any,
        **kwargs: Any,
    ) -> BatchFeature:
        if window_sides is None and tile_size is not None:
            images = tiles_of_images(images, labels, tile_size)
            window_sides = [tile_size] * len(images)
        new_sizes = [size] * len(images)
        if window_sides is not None and do_resize:
            # A window that does not fill its side is scaled like one that does, and padded to the same canvas.
            whole = size_of_whole_window(size)
            for index, (image, side) in enumerate(zip(images, window_sides, strict=True)):
                height, width = (
                    max(1, round(old * new / side)) for old, new in zip(image.shape[-2:], whole, strict=True)
                )
                new_sizes[index] = SizeDict(height=height, width=width)
            pad_size = pad_size or padded_size([whole], size_divisor)
        names = ("do_rescale", "rescale_factor", "do_normalize", "image_mean", "image_std")
        settings = {name: kwargs[name] for name in names}
        # Each image: resize, flip the channels, rescale and normalize.
        processed = []
        for image, new_size in zip(images, new_sizes, strict=True):
            resized = self.resize(image, size=new_size, resample=resample) if do_resize else image
            if do_flip_channel_order:
                resized = resized[list(reversed(range(len(resized))))]
            processed.append(self.prepare(resized, **settings))
        original_sizes = [tuple(image.shape[-2:]) for image in images]
        return self.batched(processed, original_sizes, labels, do_pad, pad_size, size_divisor, return_tensors)

    def batched(
        self,
        processed: list[Any],
        original_sizes: list[tuple[int, int]],
        labels: dict[str, Any],
        do_pad: bool,
        pad_size: SizeDict | None,
        size_divisor: int | None,
        return_tensors: Any,
    ) -> BatchFeature:
        """Pad images to one canvas, and transform their labels to its frame."""
        data: dict[str, Any] = {}
        resized_sizes = [tuple(image.shape[-2:]) for image in processed]
        canvas = None
        if do_pad:
            pad_size = pad_size or padded_size(resized_sizes, size_divisor)
            canvas = (pad_size.height, pad_size.width)
            processed, data["pixel_mask"] = self.pad(
                processed, pad_size=pad_size, return_mask=True, disable_grouping=True
            )
        data["pixel_values"] = processed
        encoded = BatchFeature(data, tensor_type=return_tensors)
        encoded.update(transform_labels(original_sizes, resized_sizes, canvas, **labels))
        return encoded


def tiles_of_images(images: list[Any], labels: dict[str, Any], tile_size: int) -> list[Any]:
    """Return the tiles of (C, H, W) images, image by image.

    Raises:
        ValueError: the size is not a positive number of pixels, or labels are given, which are not cut.
    """
    if tile_size < 1:
        raise ValueError(f"tile_size is {tile_size}; it must be at least 1 pixel, or None for whole images")
    given = [name for name, values in labels.items() if values is not None]
    if given:
        raise ValueError(
            f"{', '.join(given)}: labels are not cut into tiles; cut windows with their labels and pass window_sides, "
            "or pass tile_size=None"
        )
    tiles = []
    for image in images:
        for window in tile_windows(*image.shape[-2:], tile_size):
            tiles.append(image[:, *window.slices])
    return tiles


def padded_size(sizes: list[tuple[int, int]], size_divisor: int | None) -> SizeDict:
    """Return the smallest canvas that holds images of these (height, width), divisible by `size_divisor`."""
    divisor = size_divisor or 1
    height, width = (-(-max(sides) // divisor) * divisor for sides in zip(*sizes, strict=True))
    return SizeDict(height=height, width=width)


def size_of_whole_window(size: SizeDict) -> tuple[int, int]:
    """Return the (height, width) that a square is scaled to."""
    if size.shortest_edge:
        return shortest_edge_size(1, 1, size.shortest_edge, size.longest_edge)
    return size.height, size.width


class SOLOv2ImageProcessorPil(SOLOv2PostProcessing, SOLOv2ImageProcessorBase, PilBackend):
    """Image processor of SOLOv2 on Pillow and NumPy."""

    def prepare(
        self,
        image: np.ndarray,
        do_rescale: bool,
        rescale_factor: float,
        do_normalize: bool,
        image_mean: Any,
        image_std: Any,
    ) -> np.ndarray:
        """Rescale and normalize a resized (C, H, W) image."""
        if do_rescale:
            image = self.rescale(image, rescale_factor)
        if do_normalize:
            image = self.normalize(image, image_mean, image_std)
        return np.ascontiguousarray(image)


__all__ = ["SOLOv2ImageProcessorKwargs", "SOLOv2ImageProcessorPil"]
