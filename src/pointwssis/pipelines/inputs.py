# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""What pipelines take: images and their prompts in all the forms that people have them in, as one dict an image."""

import base64
import os
import sys
from collections.abc import Iterator, Mapping, Sized
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import get_session
from PIL import Image
from torch.utils.data import Dataset

PROMPTS = ("points", "labels", "rough_masks")  # what an item may hold beside its image
ADDRESSES = ("http://", "https://")


def as_items(inputs: Any, **prompts: Any) -> Any:
    """Inputs in the four forms that transformers' pipelines know, each item a dict with an `image`.

    Args:
        inputs: an image, a row that holds one under "image", or a list, tuple, iterator, torch or `datasets` dataset
            (or column) of them.
        prompts: for one image its prompts, for a list of images a list of them; None is not given.

    Returns:
        A dict, a list of dicts, a torch dataset of dicts or a generator of dicts, as `inputs` is one or several. A
        dict has `image`, the prompts, and where there are several a `position` for error messages.
    """
    prompts = given(prompts)
    if isinstance(inputs, (list, tuple)):
        for name, values in prompts.items():
            is_list = isinstance(values, Sized) and not isinstance(values, str)
            if not is_list or len(values) != len(inputs):
                count = f"has {len(values)}" if is_list else f"is {values!r:.40}"
                raise ValueError(f"{name} {count}; it takes a list with one entry for each of the {len(inputs)} images")
        columns = zip(*prompts.values(), strict=True) if prompts else ((),) * len(inputs)
        rows = zip(inputs, columns, strict=True)
        return [
            _item(image, position, dict(zip(prompts, values, strict=True)))
            for position, (image, values) in enumerate(rows)
        ]
    if not _holds_several(inputs):
        return _item(inputs, None, prompts)
    if prompts:
        raise ValueError(
            f"with a dataset or generator of images, give {' and '.join(prompts)} inside of its items: "
            f"{{'image', {', '.join(map(repr, PROMPTS[:2]))}, …}}"
        )
    if hasattr(inputs, "__len__") and hasattr(inputs, "__getitem__"):
        return _Items(inputs)
    return (_item(image, position, {}) for position, image in enumerate(inputs))


def _holds_several(inputs: Any) -> bool:
    """Whether this is a dataset, a column of one, or an iterator."""
    if isinstance(inputs, (Dataset, Iterator)):
        return True
    datasets = sys.modules.get("datasets")  # who hands one of its objects over has imported it
    return datasets is not None and isinstance(inputs, (datasets.Dataset, datasets.IterableDataset, datasets.Column))


class _Items(Dataset):
    """Anything with a length and rows as the torch dataset that transformers' pipelines take."""

    def __init__(self, rows: Any):
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return _item(self.rows[index], index, {})


def _item(image: Any, position: int | None, prompts: Mapping[str, Any]) -> dict[str, Any]:
    row = image if isinstance(image, Mapping) and "image" in image else {"image": image}
    own = {name: row[name] for name in PROMPTS if row.get(name) is not None}
    return {"image": row["image"], **own, **prompts, "position": position}


def read_item(item: Mapping[str, Any], timeout: float | None = None) -> dict[str, Any]:
    """The item with its image as a PIL image, and a `name` for it in error messages."""
    source, position = item["image"], item.get("position")
    file = source.get("path") if isinstance(source, Mapping) else getattr(source, "filename", source)
    file = str(file) if isinstance(file, (str, Path)) and 0 < len(str(file)) < 200 else None
    name = f"image {position}" if position is not None else "the image" if file is None else file
    try:
        image = as_image(source, timeout)
    except (TypeError, ValueError) as error:
        if file is not None or position is None:
            raise
        raise type(error)(f"{name}: {error}") from error
    name += f" ({file})" if position is not None and file is not None else ""
    return {**item, "image": image, "name": name}


def as_image(image: Any, timeout: float | None = None) -> Image.Image:
    """An upright 8-bit RGB image out of whatever people have.

    Args:
        image: a path, an address, base64 text (with or without "data:image/…;base64,"), a PIL image, an array or
            tensor, or a `{"path", "bytes"}` dict as an undecoded column of `datasets` holds it.
        timeout: seconds to wait for an address; None is for ever.

    Raises:
        FileNotFoundError: text that is neither a file nor an address nor base64.
        OSError: an address that does not answer.
        ValueError: no image, or one that is damaged.
    """
    # Not above: `data` stands on datasets, and `import pointwssis` is not to wait for that.
    from ..ops.images import read_image

    if isinstance(image, str) and image.startswith(ADDRESSES):
        image = {"path": image, "bytes": _fetched(image, timeout)}
    elif isinstance(image, str) and not os.path.isfile(image):
        image = {"path": "base64 image", "bytes": _decoded_base64(image)}
    elif isinstance(image, (np.ndarray, torch.Tensor)):
        image = _image_of_array(np.asarray(image.cpu() if isinstance(image, torch.Tensor) else image))
    return read_image(image)


def _fetched(address: str, timeout: float | None) -> bytes:
    try:
        response = get_session().get(address, timeout=timeout, follow_redirects=True)
        response.raise_for_status()
    except Exception as error:  # the client's own classes, of whichever library the Hub client stands on
        raise OSError(f"{address}: cannot be fetched ({error}); check the address") from error
    return response.content


def _decoded_base64(text: str) -> bytes:
    head, comma, body = text.partition(",")
    is_data = head.startswith("data:image/") and bool(comma)
    try:
        content = base64.b64decode("".join((body if is_data else text).split()), validate=True)
    except ValueError as error:
        if is_data:
            raise ValueError(f"{head},…: is no base64 text ({error})") from error
        content = b""
    # The letters of a path may be base64's too, but they are too few for an image.
    if not is_data and len(content) < 32:
        raise FileNotFoundError(f"{text:.200}: image file not found; a text is a path, an address or a base64 image")
    return content


def _image_of_array(array: np.ndarray) -> Image.Image:
    """Gray of any depth, or 8-bit color, channels first or last."""
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[2] not in (1, 3, 4):
        array = np.moveaxis(array, 0, -1)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if 0 not in array.shape:
        if array.ndim == 2:
            return Image.fromarray(array if array.dtype in (np.uint8, np.bool_) else array.astype(np.float32))
        if array.ndim == 3 and array.shape[2] in (3, 4) and array.dtype == np.uint8:
            return Image.fromarray(np.ascontiguousarray(array))
    raise ValueError(
        f"an image array has the shape {array.shape} and the type {array.dtype}; give (height, width, 3) uint8 "
        "from 0 to 255, or (height, width) of any type"
    )


def given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that are not None."""
    return {name: value for name, value in parameters.items() if value is not None}
