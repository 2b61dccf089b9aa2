# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Overlapping square windows that cover an image, and the window in which a point is most central.

Windows cut an image whose objects would be too small if the whole of it were scaled to the network's input.
"""

import math
from typing import NamedTuple

import numpy as np

from .user_error import UserError

MAX_TILES = 100_000  # per image, each of which goes through the network: far more than any image needs
MIN_OVERLAP = 0.25  # fraction of a tile's side; objects up to this size are whole in at least one tile


class Window(NamedTuple):
    """A window in pixels of an image; `right` and `bottom` are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        """Return (height, width) in pixels."""
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """Return the slices of the rows and columns of an image."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


def tile_windows(height: int, width: int, tile_size: int | None, min_overlap: float = MIN_OVERLAP) -> list[Window]:
    """Return the fewest windows that cover an image and overlap by at least a fraction of their side.

    They are spread evenly, so that the first and the last of each row and column are flush with the border. An image
    that is smaller than a tile along an axis has one window there, of the size of the image.

    Args:
        height: height of the image in pixels.
        width: width of the image in pixels.
        tile_size: side of the windows in pixels; None returns one window, the whole image.
        min_overlap: least overlap of neighbors divided by `tile_size`, at least 0 and below 1.

    Returns:
        The windows row by row.

    Raises:
        UserError: the windows are so small that there would be more than `MAX_TILES`.

    Example:
        >>> [(window.left, window.right) for window in tile_windows(100, 256, 128)]
        [(0, 128), (64, 192), (128, 256)]
    """
    if tile_size is None:
        return [Window(0, 0, width, height)]
    tops, lefts = _starts(height, tile_size, min_overlap), _starts(width, tile_size, min_overlap)
    if len(tops) * len(lefts) > MAX_TILES:
        raise UserError(
            f"tile_size is {tile_size}, which cuts an image of {width} × {height} pixels into "
            f"{len(tops) * len(lefts):,} tiles; give a side with which there are at most {MAX_TILES:,}"
        )
    windows = []
    for top in tops:
        for left in lefts:
            windows.append(Window(left, top, min(left + tile_size, width), min(top + tile_size, height)))
    return windows


def _starts(side: int, tile_size: int, min_overlap: float) -> list[int]:
    """Return the first pixels of the windows along one axis."""
    excess = side - tile_size
    if excess <= 0:
        return [0]
    steps = math.ceil(excess / max(1, int(tile_size * (1 - min_overlap))))
    return [round(step * excess / steps) for step in range(steps + 1)]


def most_central_windows(points: np.ndarray, windows: list[Window], height: int, width: int) -> np.ndarray:
    """Return for each point the index of the window in which it lies farthest from the inner borders.

    Borders of the image cut no object, so only borders between windows count. Among equals, the window whose center is
    nearest wins, then the first one.

    Args:
        points: (N, 2) float, (x, y) in pixels of the image.
        windows: windows that cover the image.
        height: height of the image in pixels.
        width: width of the image in pixels.

    Returns:
        (N,) int64.

    Example:
        >>> windows = tile_windows(128, 224, 128)
        >>> most_central_windows(np.array([[100, 64], [130, 64]]), windows, 128, 224).tolist()
        [0, 1]
    """
    bounds = np.array(windows, dtype=np.float64)  # (W, 4)
    x, y = points[:, :1], points[:, 1:]  # (N, 1)
    # Distance of each point to each border of each window; borders of the image are infinitely far.
    distances = np.stack([x - bounds[:, 0], y - bounds[:, 1], bounds[:, 2] - x, bounds[:, 3] - y])  # (4, N, W)
    is_image_border = np.array([0, 0, width, height])[:, None] == bounds.T  # (4, W)
    margins = np.where(is_image_border[:, None], np.inf, distances).min(axis=0)
    # Ties are broken by the distance to the center; lexsort's last key comes first.
    centers = (bounds[:, :2] + bounds[:, 2:]) / 2
    offsets = np.hypot(x - centers[:, 0], y - centers[:, 1])
    return np.lexsort((offsets, -margins), axis=1)[:, 0]
