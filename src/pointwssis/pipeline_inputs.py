# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""What pipelines take and give: images, prompts and masks in the forms that people have them in."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from datasets import Dataset as HFDataset
from PIL import Image
from torch.utils.data import Dataset
from transformers.image_utils import load_image

from .data.images import read_image
from .masks import decode_rle, encode_mask

MASK_FORMATS = ("pil", "rle", "numpy")


def with_prompts(inputs: Any, **prompts: Any) -> Any:
    """Images and their prompts as one dict an image; a single image stays single."""
    prompts = given(prompts)
    if isinstance(inputs, HFDataset):
        inputs = _Rows(inputs)
    if not prompts:
        return inputs
    if isinstance(inputs, (list, tuple)):
        for name, values in prompts.items():
            if not isinstance(values, Sequence) or len(values) != len(inputs):
                raise ValueError(f"{name} takes a list with one entry for each of the {len(inputs)} images")
        return [
            {"image": image, **dict(zip(prompts, values, strict=True))}
            for image, *values in zip(inputs, *prompts.values(), strict=True)
        ]
    if isinstance(inputs, (Dataset, Iterator)):
        raise ValueError(
            f"with a dataset or generator of images, give {' and '.join(prompts)} inside of its items: "
            f"{{'image', 'points', …}}"
        )
    return {"image": inputs, **prompts}


class _Rows(Dataset):
    """A `datasets.Dataset` as the torch dataset that transformers' pipelines take."""

    def __init__(self, rows: HFDataset):
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.rows[index]


def as_image(image: Any) -> Image.Image:
    """An upright 8-bit RGB image out of a path, an address, a PIL image, an array or a tensor."""
    if isinstance(image, str) and image.startswith(("http://", "https://")):
        image = load_image(image)
    elif isinstance(image, (np.ndarray, torch.Tensor)):
        image = _image_of_array(np.asarray(image.cpu() if isinstance(image, torch.Tensor) else image))
    return read_image(image)


def _image_of_array(array: np.ndarray) -> Image.Image:
    """Grey of any depth, or 8-bit colour, channels first or last."""
    if array.ndim == 3 and array.shape[0] in (1, 3) and array.shape[2] not in (1, 3):
        array = np.moveaxis(array, 0, -1)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim == 2:
        return Image.fromarray(array if array.dtype in (np.uint8, np.bool_) else array.astype(np.float32))
    if array.ndim != 3 or array.shape[2] not in (3, 4) or array.dtype != np.uint8:
        raise ValueError(
            f"an image array has the shape {array.shape} and the type {array.dtype}; give (height, width, 3) uint8 "
            "from 0 to 255, or (height, width) of any type"
        )
    return Image.fromarray(np.ascontiguousarray(array))


def as_mask(mask: Any) -> np.ndarray:
    """(H, W) bool out of an array, a PIL image or a COCO RLE."""
    return decode_rle(mask) if isinstance(mask, Mapping) else np.asarray(mask) != 0


def checked_mask_format(mask_format: str | None) -> str | None:
    if mask_format is not None and mask_format not in MASK_FORMATS:
        raise ValueError(f"mask_format is {mask_format!r}; it takes one of {MASK_FORMATS}")
    return mask_format


def formatted(mask: torch.Tensor | np.ndarray, mask_format: str) -> Any:
    """A bool mask in the wanted form."""
    array = mask.cpu().numpy() if isinstance(mask, torch.Tensor) else mask
    if mask_format == "rle":
        return encode_mask(array)
    return array if mask_format == "numpy" else Image.fromarray(array.astype(np.uint8) * 255)


def given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that are not None."""
    return {name: value for name, value in parameters.items() if value is not None}
