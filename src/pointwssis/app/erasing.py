# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Negative clicks: the part of a mask that an annotator takes away."""

from collections.abc import Sequence

import numpy as np

from ..ops.points import point_in_mask

Point = tuple[float, float]  # (x, y) in pixels of the image


def without_part(mask: np.ndarray, clicked: Point, kept: Point, other: np.ndarray) -> np.ndarray:
    """Return a mask without the part that a negative click means.

    The networks know no negative points, so the part follows from masks and distances: the object that the model sees
    at the click, unless that is the kept object itself; otherwise all pixels that are nearer to the click than to the
    kept point.

    Args:
        mask: (H, W) bool mask to correct.
        clicked: place of the negative click.
        kept: point of the object, which stays in the mask if it lies in it.
        other: (H, W) bool mask that the model gives for the click.

    Example:
        >>> mask = np.ones((1, 6), dtype=bool)
        >>> without_part(mask, (5, 0), (0, 0), np.zeros_like(mask)).astype(int)
        array([[1, 1, 1, 0, 0, 0]])
    """
    is_another_object = point_in_mask(clicked, other) and not point_in_mask(kept, other)
    removed = other if is_another_object else _is_nearer(mask.shape, clicked, kept)
    return mask & ~removed


def _is_nearer(size: Sequence[int], clicked: Point, kept: Point) -> np.ndarray:
    """Return the (H, W) bool pixels that are nearer to the first point than to the second."""
    rows, columns = np.ogrid[: size[0], : size[1]]
    to_clicked, to_kept = ((columns - x) ** 2 + (rows - y) ** 2 for x, y in (clicked, kept))
    return to_clicked < to_kept
