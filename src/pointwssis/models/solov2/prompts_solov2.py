# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Checks of what the post-processing of SOLOv2 gets beside the outputs: points, classes, sizes."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def check_counts(num_images: int, **values: Sequence[Any] | None) -> None:
    """Raise a ValueError for an argument that is given, but not for each image."""
    for name, entries in values.items():
        if entries is not None and len(entries) != num_images:
            raise ValueError(f"{name} has {len(entries)} entries for {num_images} images; give one per image")


def checked_points(points: Any, size: tuple[int, int], image: int) -> Tensor:
    """Return points as an (N, 2) float64 tensor on the CPU.

    Args:
        points: N pairs (x, y) in pixels of the image.
        size: (height, width) of the image.
        image: index of the image in the batch, for errors.

    Raises:
        ValueError: the points are not (N, 2), not finite, or outside the image.
    """
    points = points.cpu() if isinstance(points, Tensor) else points  # some devices have no float64
    values = torch.as_tensor(points, dtype=torch.float64)
    if len(values) == 0:
        values = values.reshape(-1, 2)
    if values.ndim != 2 or values.shape[1] != 2:
        raise ValueError(
            f"input_points of image {image} must have the shape (number of points, 2), each (x, y), got the shape "
            f"{tuple(values.shape)}"
        )
    height, width = size
    for index, (x, y) in enumerate(values.tolist()):
        if not (0 <= x <= width and 0 <= y <= height):  # also true for NaN
            raise ValueError(
                f"point {index} of image {image} is ({x:g}, {y:g}), outside the image of {width} × {height} pixels"
            )
    return values


def checked_labels(labels: Any, num_points: int, num_labels: int, image: int) -> Tensor:
    """Return (N,) class ids on the CPU, −1 for unknown.

    Args:
        labels: N class ids, each also −1 or None if unknown; None if all are unknown.
        num_points: expected number of labels, N.
        num_labels: number of classes of the model.
        image: index of the image in the batch, for errors.

    Raises:
        ValueError: the number of labels differs from that of the points, or a class does not exist.
    """
    if labels is None:
        return torch.full((num_points,), -1)
    values = [-1 if label is None else label for label in _as_list(labels)]
    if len(values) != num_points:
        raise ValueError(
            f"class_labels of image {image} must have one entry per point, got {len(values)} for {num_points} points"
        )
    for index, value in enumerate(values):
        if value not in range(-1, num_labels):  # NaN, fractions and names fail too
            raise ValueError(
                f"unknown class label {value!r} of point {index} of image {image}; the model has the classes 0 … "
                f"{num_labels - 1}; use −1 or None if the class is unknown"
            )
    return torch.tensor(values, dtype=torch.long)


def checked_image_labels(labels: Any, num_labels: int, image: int) -> Tensor | None:
    """Return the (K,) classes that an image is known to contain, or None if they are unknown.

    Raises:
        ValueError: a class does not exist.
    """
    if labels is None:
        return None
    values = _as_list(labels)
    for value in values:
        if value not in range(num_labels):
            raise ValueError(
                f"unknown class {value!r} in image_labels of image {image}; the model has the classes 0 … "
                f"{num_labels - 1}"
            )
    return torch.tensor(values, dtype=torch.long)


def box_sizes(boxes: Any, scale: Tensor) -> Tensor:
    """Return (N,) square roots of box areas in pixels of the network's input.

    Args:
        boxes: (N, 4) xyxy in pixels of the original image.
        scale: (2,) factors (x, y) from the original image to the network's input.
    """
    corners = torch.as_tensor(boxes, dtype=torch.float32, device=scale.device).reshape(-1, 4)
    sides = (corners[:, 2:] - corners[:, :2]).clamp(min=0) * scale
    return sides.prod(dim=1).sqrt()


def _as_list(values: Any) -> list[Any]:
    return values.tolist() if hasattr(values, "tolist") else list(values)
