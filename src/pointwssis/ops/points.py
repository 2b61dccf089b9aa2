# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Point labels of masks.

Points are `(x, y)` pixel indices: the pixel in column 3 has x = 3, without a half-pixel offset.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from .rle import RLE, rle_covers

PointSource = Literal["center", "box_center", "random"]


def point_from_mask(
    mask: np.ndarray, point_source: PointSource = "center", generator: np.random.Generator | None = None
) -> tuple[float, float]:
    """Return the point label of one object.

    The paper's points are centers of mass; its table 4 compares them with random ones. A center may lie outside a
    non-convex object, a random point does not.

    Args:
        mask: (H, W) bool, the object in the frame of its image.
        point_source: `center` (center of mass over pixel indices), `box_center` (center of the mask's extent) or
            `random` (a random pixel of the mask).
        generator: random number generator for `random`; None creates an unseeded one.

    Returns:
        (x, y) in pixels of the mask.

    Raises:
        ValueError: the mask is empty, or the source is unknown.

    >>> mask = np.zeros((4, 8), bool)
    >>> mask[1:3, 2:7] = True
    >>> point_from_mask(mask)
    (4.0, 1.5)
    """
    rows, columns = np.nonzero(np.asarray(mask))
    if len(rows) == 0:
        raise ValueError("point_from_mask: an empty mask has no point; remove the object or give it a point")
    if point_source == "center":
        return float(columns.mean()), float(rows.mean())
    if point_source == "box_center":
        return float(columns.min() + columns.max()) / 2, float(rows.min() + rows.max()) / 2
    if point_source == "random":
        pick = (generator or np.random.default_rng()).integers(len(rows))
        return float(columns[pick]), float(rows[pick])
    raise ValueError(f"point_from_mask: point_source must be 'center', 'box_center' or 'random', got {point_source!r}")


def pixel_of(point: Sequence[float], height: int, width: int) -> tuple[int, int]:
    """Return the (row, column) of the pixel of a point; a point on the right or bottom border is in the last pixel.

    Args:
        point: (x, y) in pixels of the image.
        height: height of the image.
        width: width of the image.

    Example:
        >>> pixel_of((3.2, 1.0), 10, 20), pixel_of((20, 10), 10, 20)
        ((1, 3), (9, 19))
    """
    x, y = point
    return min(round(y), height - 1), min(round(x), width - 1)


def point_in_mask(point: Sequence[float], mask: np.ndarray) -> bool:
    """Return True if the pixel of a point (x, y) belongs to a (height, width) mask."""
    return bool(mask[pixel_of(point, *mask.shape)])


def point_in_rle(point: Sequence[float], rle: RLE) -> bool:
    """Return True if the pixel of a point (x, y) belongs to a mask in compressed run lengths, which is not decoded."""
    return rle_covers(rle, *pixel_of(point, *rle["size"]))
