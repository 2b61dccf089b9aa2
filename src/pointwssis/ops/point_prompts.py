# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Checks of points and their classes; every error names the image."""

import logging
import numbers
from collections.abc import Mapping, Set
from typing import Any

import numpy as np
from PIL import Image

from .plain_arrays import numbers_of
from .user_error import UserError
from .wording import brief, did_you_mean

logger = logging.getLogger(__name__)

_SMALL_SIDE = 4  # pixels; in such an image points may well be in the first pixel
LISTED_CLASSES = 20  # class names that an error lists at most


def checked_points(points: Any, image: Image.Image, name: str) -> np.ndarray:
    """Return points as an (N, 2) float64 array.

    Args:
        points: N pairs (x, y) in pixels of the image, as a list, an array or a tensor; N may be 0. A point on the right
            or bottom border (x = width) counts as inside.
        image: the upright image.
        name: name of the image, for errors.

    Raises:
        UserError: the points are not (N, 2) numbers, not finite, outside the image, or parts of it (0 to 1); names the
            image and the point.
    """
    # A table states the order of its columns.
    if {"x", "y"} <= set(getattr(points, "columns", ())):
        points = points[["x", "y"]]
    try:
        array = numbers_of(points)
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"points of {name} must be a list of (x, y) numbers, got {brief(points)}") from error
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
    _check_unit(array, image, name)
    return array


def _check_unit(points: np.ndarray, image: Image.Image, name: str) -> None:
    """Raise a `UserError` for several points that all lie in the first pixel, as parts of the image do; warn of one."""
    are_fractions = points.size and points.max() <= 1 and (points % 1).any()
    if not are_fractions or min(image.size) <= _SMALL_SIDE:
        return
    message = (
        f"all points of {name} lie in its first pixel, such as ({points[0, 0]:g}, {points[0, 1]:g}): they seem to be "
        "parts of the image (0 to 1); multiply x by its width and y by its height in pixels"
    )
    if len(np.unique(points, axis=0)) > 1:
        raise UserError(message)
    logger.warning(message)


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
    values = labels.tolist() if hasattr(labels, "tolist") else labels
    # Sets and dicts have no order that could be that of the points.
    if isinstance(values, (str, bytes, Set, Mapping)) or not hasattr(values, "__len__"):
        raise UserError(f"labels of {name} must be a list with one entry per point, got {brief(labels)}")
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
    # An array of one number, such as an entry of a tensor, counts as the number.
    if getattr(label, "ndim", None) == 0:
        label = label.item()
    if label is None or (isinstance(label, numbers.Integral) and label == -1):
        return None
    # A class by its name, then by its id.
    if isinstance(label, str):
        ids = {name: index for index, name in id2label.items()}
        if label not in ids:
            listed = ", ".join(map(repr, list(ids)[:LISTED_CLASSES])) + (", …" if len(ids) > LISTED_CLASSES else "")
            hint = did_you_mean(label, ids, count=3) or f"the model knows {listed}"
            raise UserError(f"unknown label {brief(label)} of {where}; {hint}")
        return ids[label]
    # A bool is an integer to Python, but no class.
    if isinstance(label, bool) or not isinstance(label, numbers.Integral) or label not in id2label:
        raise UserError(
            f"unknown label {brief(label)} of {where}; give a class name, an id from 0 to {len(id2label) - 1}, or None "
            "if the class is unknown"
        )
    return int(label)
