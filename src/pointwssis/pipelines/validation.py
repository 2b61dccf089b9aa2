# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Points, labels and rough masks as people write them, checked before the network runs; every error names the image."""

import difflib
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from ..ops.rle import checked_rle, decode_rle


def checked_points(points: Any, image: Image.Image, name: str) -> np.ndarray:
    """(N, 2) float64 points.

    Args:
        points: N pairs (x, y) in pixels of the image, as a list, an array or a tensor; N may be 0. A point on the right
            or lower border (x = width) counts as inside.
        image: the upright image.
        name: of the image, for errors.

    Raises:
        ValueError: not (N, 2) numbers, not finite, or outside of the image; names the image and the point.
    """
    try:
        array = np.asarray(points.cpu() if hasattr(points, "cpu") else points, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"points of {name} are {points!r:.80}; they take a list of (x, y) numbers") from error
    if array.size == 0:
        array = array.reshape(0, 2)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"points of {name} have the shape {array.shape}; they take (number of points, 2), each (x, y)")
    for index, (x, y) in enumerate(array.tolist()):
        if not (0 <= x <= image.width and 0 <= y <= image.height):  # NaN fails too
            raise ValueError(
                f"point {index} of {name} is ({x:g}, {y:g}), outside of the image of {image.width} × {image.height} "
                "pixels; give (x, y) in pixels of the upright image"
            )
    return array


def checked_labels(labels: Any, num_points: int, id2label: Mapping[int, str], name: str) -> list[int | None]:
    """Class id of each point, None where it has none.

    Args:
        labels: for each point a name, an id, or None or −1; None alone where no class is known.
        num_points: how many there must be.
        id2label: of the model.
        name: of the image, for errors.

    Raises:
        ValueError: not one entry a point, or a class that the model does not know; names image, point and the closest
            classes.
    """
    if labels is None:
        return [None] * num_points
    if isinstance(labels, (str, numbers.Number)) or not hasattr(labels, "__len__"):
        raise ValueError(f"labels of {name} is {labels!r:.80}; give a list with one entry a point")
    values = labels.tolist() if hasattr(labels, "tolist") else list(labels)
    if len(values) != num_points:
        raise ValueError(f"labels of {name} are {len(values)} for {num_points} points; give one a point, maybe None")
    return [label_id(value, id2label, f"point {index} of {name}") for index, value in enumerate(values)]


def label_id(label: Any, id2label: Mapping[int, str], where: str) -> int | None:
    """Class id of a name or an id; None for None and −1."""
    known = {name: index for index, name in id2label.items()}
    if isinstance(label, str):
        if label in known:
            return known[label]
        lowered = {name.lower(): name for name in known}
        close = [lowered[name] for name in difflib.get_close_matches(label.lower(), lowered, n=3)]
        some = ", ".join(map(repr, list(known)[:20])) + (", …" if len(known) > 20 else "")
        hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"the model knows {some}"
        raise ValueError(f"label {label!r} of {where} is unknown; {hint}")
    if label is None or label == -1:
        return None
    if isinstance(label, bool) or not isinstance(label, numbers.Integral) or label not in id2label:
        raise ValueError(
            f"label {label!r} of {where} is unknown; give a name, an id from 0 to {len(id2label) - 1}, or None where "
            "the class is not known"
        )
    return int(label)


def checked_rough_masks(masks: Any, num_points: int, image: Image.Image, name: str) -> list[np.ndarray]:
    """N masks, (height, width) bool.

    Args:
        masks: for each point a mask of the image's size: an array, a tensor, a PIL image, a COCO RLE or COCO polygons.
        num_points: how many there must be.
        image: the upright image.
        name: of the image, for errors.
    """
    if not isinstance(masks, Sequence) and not (hasattr(masks, "ndim") and masks.ndim == 3):
        raise ValueError(f"rough_masks of {name} is a {type(masks).__name__}; give a list with one mask a point")
    if len(masks) != num_points:
        raise ValueError(f"rough_masks of {name} are {len(masks)} for {num_points} points; give one a point")
    return [_rough_mask(mask, image, f"rough_masks[{index}] of {name}") for index, mask in enumerate(masks)]


def _rough_mask(mask: Any, image: Image.Image, where: str) -> np.ndarray:
    if isinstance(mask, (Mapping, list)):
        try:
            return decode_rle(_as_rle(mask, image.height, image.width))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
    array = np.asarray(mask.cpu() if hasattr(mask, "cpu") else mask) != 0
    if array.shape != (image.height, image.width):
        raise ValueError(
            f"{where} has the shape {array.shape}; the image has (height, width) = {(image.height, image.width)}"
        )
    return array


def _as_rle(segmentation: Any, height: int, width: int) -> dict[str, Any]:
    if isinstance(segmentation, Mapping):
        return checked_rle(segmentation, height, width)
    # Not above: polygons take pycocotools, and a pipeline that is loaded by trust_remote_code does without.
    from ..ops.coco_masks import segmentation_to_rle

    return segmentation_to_rle(segmentation, height, width)
