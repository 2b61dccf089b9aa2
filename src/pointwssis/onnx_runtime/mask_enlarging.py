# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Masks from a quarter of the canvas to the original image, computed only in the window where they are.

Probabilities are enlarged bilinearly by 4, the padding is cut off, and they are resized bilinearly to the image: one
matrix per axis.
"""

from functools import lru_cache

import numpy as np

from ..ops.tiles import Window

ROUNDING = 1e-5  # a weighted mean may exceed its largest value by this fraction


def linear_weights(source: int, target: int) -> np.ndarray:
    """Return the (target, source) float32 weights of a bilinear resize along one axis, corners not aligned.

    Example:
        >>> linear_weights(2, 4).tolist()
        [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    scale = np.float32(source / target)
    position = np.maximum(scale * (np.arange(target, dtype=np.float32) + np.float32(0.5)) - np.float32(0.5), 0)
    first = np.minimum(position.astype(np.int64), source - 1)
    second = np.minimum(first + 1, source - 1)
    part = np.clip(position - first.astype(np.float32), 0, 1)
    weights = np.zeros((target, source), np.float32)
    rows = np.arange(target)
    np.add.at(weights, (rows, first), 1 - part)
    np.add.at(weights, (rows, second), part)
    return weights


@lru_cache(maxsize=8)  # clicks on one image need the same ones again and again
def _weights_and_range(source: int, valid: int, target: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the (target, source) weights of one axis, and the first and last source pixel of each target pixel."""
    weights = linear_weights(valid, target) @ linear_weights(source, 4 * source)[:valid]
    has_weight = weights != 0
    return weights, has_weight.argmax(axis=1), source - 1 - has_weight[:, ::-1].argmax(axis=1)


def enlarged_mask(
    probabilities: np.ndarray, valid_size: tuple[int, int], target_size: tuple[int, int], threshold: float
) -> tuple[np.ndarray, Window]:
    """Return a mask in the window of the image outside of which it is empty.

    Args:
        probabilities: (h, w) at a quarter of the padded canvas.
        valid_size: (height, width) of the image inside the canvas.
        target_size: (height, width) of the image or tile.
        threshold: foreground probability of a mask's pixels.

    Returns:
        (height, width) bool of the window, and the window; both empty for an empty mask.
    """
    foreground = probabilities > threshold * (1 - ROUNDING)
    ranges, parts = [], []
    for axis in (0, 1):
        occupied = np.flatnonzero(foreground.any(axis=1 - axis))
        weights, first, last = _weights_and_range(probabilities.shape[axis], valid_size[axis], target_size[axis])
        # Target pixels that depend on the foreground, and the source pixels that these depend on.
        start, stop = 0, 0
        if len(occupied):
            start = int(np.searchsorted(last, occupied[0], "left"))
            stop = int(np.searchsorted(first, occupied[-1], "right"))
        if start >= stop:
            return np.zeros((0, 0), bool), Window(0, 0, 0, 0)
        sources = slice(int(first[start]), int(last[stop - 1]) + 1)
        ranges.append((start, stop, sources))
        parts.append(weights[start:stop, sources])
    (top, bottom, rows), (left, right, columns) = ranges
    values = parts[0] @ probabilities[rows, columns] @ parts[1].T
    return values > threshold, Window(left, top, right, bottom)
