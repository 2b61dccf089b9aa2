# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Inputs of pipelines: images and their prompts in every common form, converted to one dict per image."""

import base64
import io
import os
import sys
from collections.abc import Iterator, Mapping, Sequence, Sized
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import get_session
from PIL import Image
from torch.utils.data import Dataset

from ..ops.images import image_of_array, read_image
from ..ops.plain_arrays import plain_array
from ..ops.user_error import UserError, UserFileNotFoundError

PROMPTS = ("points", "labels", "rough_masks")  # keys that an item may hold beside its image
_OTHER_NAMES = ("point", "input_points", "point_coords")  # of points, which would be ignored
URL_SCHEMES = ("http://", "https://")
MIN_IMAGE_BYTES = 32  # shorter base64 text is taken for a path: letters of a path may be valid base64


def as_items(inputs: Any, **prompts: Any) -> Any:
    """Convert inputs in the forms that transformers' pipelines accept to items, each a dict with an `image`.

    Args:
        inputs: an image, a row that holds one under "image", or a list, tuple, iterator, torch or `datasets` dataset
            (or column) of them.
        prompts: the prompts of one image, or for a list of images one list per prompt; None counts as absent.

    Returns:
        For one image a dict, for a list a list of dicts, for a dataset a torch dataset of dicts, for an iterator a
        generator of dicts. A dict has `image`, the prompts and `position`, the index of the image among several (None
        for one image), for error messages.

    Raises:
        UserError: the prompts of a list do not match its images, or a dataset or iterator has prompts beside it.
    """
    prompts = given(prompts)
    if isinstance(inputs, (list, tuple)):
        return _items_of_list(inputs, prompts)
    if not _holds_several(inputs):
        return _item(inputs, None, prompts)
    # A dataset or generator keeps its prompts in its items, where they stay with their images.
    if prompts:
        keys = ", ".join(map(repr, PROMPTS[:2]))
        raise UserError(
            f"with a dataset or generator of images, give {' and '.join(prompts)} inside its items: "
            f"{{'image', {keys}, …}}"
        )
    # With a length, rows can be read in any order; a generator is read once, from the front.
    if hasattr(inputs, "__len__") and hasattr(inputs, "__getitem__"):
        return _Items(inputs)
    return (_item(image, position, {}) for position, image in enumerate(inputs))


def _items_of_list(images: Sequence[Any], prompts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one item per image of a list, each with its own entry of every prompt."""
    for name, values in prompts.items():
        is_list = isinstance(values, Sized) and not isinstance(values, str)
        if not is_list or len(values) != len(images):
            got = f"{len(values)} entries" if is_list else f"{values!r:.40}"
            raise UserError(f"{name} must be a list with one entry for each of the {len(images)} images, got {got}")
    items = []
    for position, image in enumerate(images):
        own = {name: values[position] for name, values in prompts.items()}
        items.append(_item(image, position, own))
    return items


def _holds_several(inputs: Any) -> bool:
    """Return True for a dataset, a column of one, or an iterator."""
    if isinstance(inputs, (Dataset, Iterator)):
        return not isinstance(inputs, io.IOBase)  # an open file iterates over its lines
    datasets = sys.modules.get("datasets")  # the caller who passes one of its objects has imported it
    return datasets is not None and isinstance(inputs, (datasets.Dataset, datasets.IterableDataset, datasets.Column))


class _Items(Dataset):
    """A torch dataset, as transformers' pipelines expect it, over anything with a length and rows."""

    def __init__(self, rows: Any):
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return _item(self.rows[index], index, {})


def _item(image: Any, position: int | None, prompts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the item of one image or row; prompts given beside a row override those inside it."""
    row = image if isinstance(image, Mapping) and "image" in image else {"image": image}
    own = {name: row[name] for name in PROMPTS if row.get(name) is not None}
    misnamed = [name for name in _OTHER_NAMES if name in row]
    if misnamed and not own.keys() | prompts.keys():
        place = "the item" if position is None else f"item {position}"
        raise UserError(f"{place} has the key {misnamed[0]!r}, which is not read; call it 'points'")
    return {"image": row["image"], **own, **prompts, "position": position}


def read_item(item: Mapping[str, Any], timeout: float | None = None) -> dict[str, Any]:
    """Decode the image of an item.

    Args:
        item: as `as_items` returns it.
        timeout: seconds to wait for a URL; None waits forever.

    Returns:
        The item with its image as an upright RGB PIL image, and with a `name` of the image for error messages.
    """
    file, position = _file_of(item["image"]), item.get("position")
    try:
        image = as_image(item["image"], timeout)
    except (TypeError, ValueError) as error:
        # Errors about a file name it already; those about one of several images in memory need its position.
        if file is not None or position is None:
            raise
        raise type(error)(f"image {position}: {error}") from error
    if position is None:
        name = file or "the image"
    else:
        name = f"image {position}" if file is None else f"image {position} ({file})"
    return {**item, "image": image, "name": name}


def _file_of(image: Any) -> str | None:
    """Return the path or URL that an image comes from; None for an image in memory."""
    file = image.get("path") if isinstance(image, Mapping) else getattr(image, "filename", image)
    # Long text is base64, not a path.
    return str(file) if isinstance(file, (str, Path)) and 0 < len(str(file)) < 200 else None


def as_image(image: Any, timeout: float | None = None) -> Image.Image:
    """Return an image in any common form as an upright 8-bit RGB image.

    Args:
        image: a path, a URL, base64 text (with or without "data:image/…;base64,"), the bytes of an image file, a PIL
            image, an array or tensor, or a `{"path", "bytes"}` dict as in an undecoded column of `datasets`.
        timeout: seconds to wait for a URL; None waits forever.

    Raises:
        UserFileNotFoundError: the text is neither a file nor a URL nor base64.
        OSError: the URL cannot be fetched.
        UserError: this is not an image, or it is damaged.
    """
    # Bring every form to one that `read_image` takes.
    if isinstance(image, str) and image.startswith(URL_SCHEMES):
        image = {"path": image, "bytes": _fetched(image, timeout)}
    elif isinstance(image, str) and not os.path.isfile(image):
        image = {"path": "base64 image", "bytes": _decoded_base64(image)}
    elif isinstance(image, (np.ndarray, torch.Tensor)):
        image = image_of_array(plain_array(image))
    return read_image(image)


def _fetched(url: str, timeout: float | None) -> bytes:
    """Return the content of a URL."""
    try:
        response = get_session().get(url, timeout=timeout, follow_redirects=True)
        response.raise_for_status()
    except Exception as error:  # the error classes belong to whichever HTTP library the Hub client uses
        raise OSError(f"{url}: cannot be fetched ({error}); check the URL") from error
    return response.content


def _decoded_base64(text: str) -> bytes:
    """Return the bytes of a base64 text, or raise an error about a missing file where the text looks like a path."""
    # A data URL says that it is base64; plain text may also be a path that does not exist.
    head, comma, body = text.partition(",")
    is_data = head.startswith("data:image/") and bool(comma)
    try:
        content = base64.b64decode("".join((body if is_data else text).split()), validate=True)
    except ValueError as error:
        if is_data:
            raise UserError(f"{head},…: not valid base64 text ({error})") from error
        content = b""
    if not is_data and len(content) < MIN_IMAGE_BYTES:
        raise UserFileNotFoundError(f"{text:.200}: image file not found; expected a path, a URL or a base64 image")
    return content


def given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that are not None."""
    return {name: value for name, value in parameters.items() if value is not None}
