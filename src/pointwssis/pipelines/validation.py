# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Checks of points, labels and rough masks before the network runs; every error names the image."""

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..ops.rle import checked_rle, decode_rle
from ..ops.user_error import UserError
from ..ops.wording import did_you_mean

LISTED_CLASSES = 20  # class names that an error lists at most


def checked_prompts(
    points: Any, labels: Any, image: Image.Image, id2label: Mapping[int, str], name: str
) -> dict[str, torch.Tensor | None]:
    """Return the points of one image and their classes as the decoding takes them.

    Args:
        points: see `checked_points`; None requests ordinary instance segmentation.
        labels: see `checked_labels`.
        image: the upright image.
        id2label: class names of the model.
        name: name of the image, for errors.

    Returns:
        `points` (N, 2) float64 and `labels` (N,) int64 class ids, −1 for an unknown class; both None without points.

    Raises:
        UserError: as in `checked_points` and `checked_labels`.
    """
    if points is None:
        return {"points": None, "labels": None}
    array = checked_points(points, image, name)
    ids = checked_labels(labels, len(array), id2label, name)
    known_ids = [-1 if class_id is None else class_id for class_id in ids]
    return {"points": torch.from_numpy(array), "labels": torch.tensor(known_ids, dtype=torch.long)}


def checked_points(points: Any, image: Image.Image, name: str) -> np.ndarray:
    """Return points as an (N, 2) float64 array.

    Args:
        points: N pairs (x, y) in pixels of the image, as a list, an array or a tensor; N may be 0. A point on the right
            or bottom border (x = width) counts as inside.
        image: the upright image.
        name: name of the image, for errors.

    Raises:
        UserError: the points are not (N, 2) numbers, not finite, or outside the image; names the image and the point.
    """
    # Anything that NumPy turns into numbers is accepted, also a tensor on a GPU.
    try:
        array = np.asarray(points.cpu() if hasattr(points, "cpu") else points, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(f"points of {name} must be a list of (x, y) numbers, got {points!r:.80}") from error
    # An empty list has no second axis.
    if array.size == 0:
        array = array.reshape(0, 2)
    if array.ndim != 2 or array.shape[1] != 2:
        raise UserError(
            f"points of {name} must have the shape (number of points, 2), each (x, y), got the shape {array.shape}"
        )
    for index, (x, y) in enumerate(array.tolist()):
        if not (0 <= x <= image.width and 0 <= y <= image.height):  # also true for NaN
            raise UserError(
                f"point {index} of {name} is ({x:g}, {y:g}), outside the image of {image.width} × {image.height} "
                "pixels; give (x, y) in pixels of the upright image"
            )
    return array


def checked_labels(labels: Any, num_points: int, id2label: Mapping[int, str], name: str) -> list[int | None]:
    """Return the class id of each point, None where its class is unknown.

    Args:
        labels: class name or id of each point, None or −1 if unknown; None alone if no class is known.
        num_points: expected number of labels.
        id2label: class names of the model.
        name: name of the image, for errors.

    Raises:
        UserError: the number of labels differs from that of the points, or the model does not know a class; names the
            image, the point and the closest classes.
    """
    if labels is None:
        return [None] * num_points
    # One label for all points is refused, since it is more likely a mistake.
    if isinstance(labels, (str, numbers.Number)) or not hasattr(labels, "__len__"):
        raise UserError(f"labels of {name} must be a list with one entry per point, got {labels!r:.80}")
    values = labels.tolist() if hasattr(labels, "tolist") else list(labels)
    if len(values) != num_points:
        raise UserError(
            f"labels of {name} must have one entry for each point (None if unknown), got {len(values)} for "
            f"{num_points} points"
        )
    return [label_id(value, id2label, f"point {index} of {name}") for index, value in enumerate(values)]


def label_id(label: Any, id2label: Mapping[int, str], where: str) -> int | None:
    """Return the class id of a class name or id; None for None and −1.

    Args:
        label: class name, class id, None or −1.
        id2label: class names of the model.
        where: description of the point that the label belongs to, for the error.

    Raises:
        UserError: the model does not know the class.
    """
    if label is None or (not isinstance(label, str) and label == -1):
        return None
    # A class by its name, then by its id.
    if isinstance(label, str):
        ids = {name: index for index, name in id2label.items()}
        if label not in ids:
            listed = ", ".join(map(repr, list(ids)[:LISTED_CLASSES])) + (", …" if len(ids) > LISTED_CLASSES else "")
            hint = did_you_mean(label, ids, count=3) or f"the model knows {listed}"
            raise UserError(f"unknown label {label!r} of {where}; {hint}")
        return ids[label]
    # A bool is an integer to Python, but no class.
    if isinstance(label, bool) or not isinstance(label, numbers.Integral) or label not in id2label:
        raise UserError(
            f"unknown label {label!r} of {where}; give a class name, an id from 0 to {len(id2label) - 1}, or None if "
            "the class is unknown"
        )
    return int(label)


def checked_rough_masks(masks: Any, num_points: int, image: Image.Image, name: str) -> list[np.ndarray]:
    """Return rough masks as N arrays, each (height, width) bool.

    Args:
        masks: one mask of the image's size per point: an array, a tensor, a PIL image, a COCO RLE or COCO polygons.
        num_points: expected number of masks.
        image: the upright image.
        name: name of the image, for errors.

    Raises:
        UserError: the number of masks differs from that of the points, or a mask does not fit the image.
    """
    # A single mask would be taken apart into its rows.
    if not isinstance(masks, Sequence) and not (hasattr(masks, "ndim") and masks.ndim == 3):
        raise UserError(f"rough_masks of {name} must be a list with one mask per point, got {type(masks).__name__}")
    if len(masks) != num_points:
        raise UserError(f"rough_masks of {name} must have one mask per point, got {len(masks)} for {num_points} points")
    return [_rough_mask(mask, image, f"rough_masks[{index}] of {name}") for index, mask in enumerate(masks)]


def _rough_mask(mask: Any, image: Image.Image, where: str) -> np.ndarray:
    """Return one rough mask as a (height, width) bool array."""
    # COCO's encodings are decoded at the size of the image.
    if isinstance(mask, (Mapping, list)):
        try:
            return decode_rle(_as_rle(mask, image.height, image.width))
        except ValueError as error:
            raise UserError(f"{where}: {error}") from error
    # Masks of 0 and 1 and of 0 and 255 are both common.
    array = np.asarray(mask.cpu() if hasattr(mask, "cpu") else mask) != 0
    if array.shape != (image.height, image.width):
        raise UserError(
            f"{where} must have the size of the image, (height, width) = {(image.height, image.width)}, got the shape "
            f"{array.shape}"
        )
    return array


def _as_rle(segmentation: Any, height: int, width: int) -> dict[str, Any]:
    """Return a COCO RLE or COCO polygons as a compressed RLE."""
    if isinstance(segmentation, Mapping):
        return checked_rle(segmentation, height, width)
    # Polygons need pycocotools, which a pipeline loaded with trust_remote_code does without: imported on use.
    from ..ops.coco_masks import segmentation_to_rle

    return segmentation_to_rle(segmentation, height, width)
