# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Masks, boxes and points resized and padded with their images, for both image processors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


def resize_masks(masks: Any, size: tuple[int, int], padded_size: tuple[int, int] | None = None) -> Tensor:
    """Resize binary masks to the nearest pixel, and pad them at the bottom and the right.

    Args:
        masks: (N, h, w) array or tensor, non-zero is foreground.
        size: (height, width) of the resized masks.
        padded_size: (height, width) of the result, at least `size`; None adds no padding.

    Returns:
        (N, height, width) bool.
    """
    masks = np.asarray(masks.cpu() if isinstance(masks, Tensor) else masks)
    masks = masks if masks.dtype == bool else masks != 0
    if tuple(masks.shape[1:]) != tuple(size):
        rows = _nearest_pixels(masks.shape[1], size[0])
        columns = _nearest_pixels(masks.shape[2], size[1])
        masks = masks.take(rows, axis=1).take(columns, axis=2)  # faster than indexing
    if padded_size is not None and tuple(padded_size) != tuple(size):
        padded = np.zeros((len(masks), *padded_size), dtype=bool)
        padded[:, : size[0], : size[1]] = masks
        masks = padded
    return torch.from_numpy(np.ascontiguousarray(masks))


def _checked_masks(mask_labels: Sequence[Any], original_sizes: Sequence[tuple[int, int]]) -> list[Tensor | np.ndarray]:
    """Return the (N, h, w) masks of each image as arrays or tensors, or raise a ValueError about their shape."""
    checked = [masks if isinstance(masks, Tensor) else np.asarray(masks) for masks in mask_labels]
    for image, (masks, size) in enumerate(zip(checked, original_sizes, strict=True)):
        if masks.ndim != 3 or tuple(masks.shape[1:]) != tuple(size):
            raise ValueError(
                f"mask_labels of image {image} must have the shape (N, {size[0]}, {size[1]}), got {tuple(masks.shape)}"
            )
    return checked


def _nearest_pixels(old: int, new: int) -> np.ndarray:
    """Return the (new,) indices of the pixels that a side of `old` pixels contributes to one of `new`."""
    return ((np.arange(new) + 0.5) * (old / new)).astype(np.int64).clip(max=old - 1)


def transform_labels(
    original_sizes: Sequence[tuple[int, int]],
    resized_sizes: Sequence[tuple[int, int]],
    padded_size: tuple[int, int] | None,
    mask_labels: Sequence[Any] | None = None,
    class_labels: Sequence[Any] | None = None,
    boxes: Sequence[Any] | None = None,
    input_points: Sequence[Any] | None = None,
) -> dict[str, list[Tensor]]:
    """Transform the labels of a batch to the frame of the network.

    Args:
        original_sizes: (height, width) of each image.
        resized_sizes: (height, width) of each image after resizing.
        padded_size: (height, width) of the batch's canvas; None leaves masks unpadded.
        mask_labels: per image (N, h, w) masks in pixels of the original image.
        class_labels: per image (N,) class ids.
        boxes: per image (N, 4) xyxy in pixels of the original image.
        input_points: per image (N, 2), (x, y) in pixels of the original image.

    Returns:
        The given labels under the same names, one tensor per image.

    Raises:
        ValueError: labels are not given for each image, or masks do not have the size of their image.
    """
    # One entry per image for each kind of labels.
    labels: dict[str, list[Tensor]] = {}
    for name, values in (
        ("mask_labels", mask_labels),
        ("class_labels", class_labels),
        ("boxes", boxes),
        ("input_points", input_points),
    ):
        if values is not None and len(values) != len(original_sizes):
            raise ValueError(f"{name} has {len(values)} entries for {len(original_sizes)} images; give one per image")
    # Factors (x, y) of each image.
    scales = []
    for old, new in zip(original_sizes, resized_sizes, strict=True):
        scales.append(torch.tensor([new[1] / old[1], new[0] / old[0]]))
    # Masks are resized and padded with their image.
    if mask_labels is not None:
        labels["mask_labels"] = []
        for masks, size in zip(_checked_masks(mask_labels, original_sizes), resized_sizes, strict=True):
            labels["mask_labels"].append(resize_masks(masks, size, padded_size))
    # Classes stay; boxes and points are scaled.
    if class_labels is not None:
        labels["class_labels"] = [torch.as_tensor(values, dtype=torch.long) for values in class_labels]
    if boxes is not None:
        rows = [torch.as_tensor(values, dtype=torch.float32).reshape(-1, 4) for values in boxes]
        labels["boxes"] = [box * scale.repeat(2) for box, scale in zip(rows, scales, strict=True)]
    if input_points is not None:
        rows = [torch.as_tensor(values, dtype=torch.float32).reshape(-1, 2) for values in input_points]
        labels["input_points"] = [point * scale for point, scale in zip(rows, scales, strict=True)]
    return labels
