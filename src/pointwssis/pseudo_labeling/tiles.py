# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Overlapping tiles of an image, and the tile in which each point is most central."""

import math
from collections import defaultdict
from collections.abc import Sequence

Box = tuple[int, int, int, int]


def tile_starts(side: int, zoom: float) -> list[int]:
    """Return the first pixels of tiles of `side / zoom` pixels that cover a side, overlapping by at least half.

    Example:
        >>> tile_starts(100, 2)
        [0, 25, 50]
    """
    length = math.ceil(side / zoom)
    count = math.ceil((side - length) / (length / 2)) + 1
    return [round(number * (side - length) / max(count - 1, 1)) for number in range(count)]


def central_tiles(image_size: tuple[int, int], points: Sequence[Sequence[float]], zoom: float) -> dict[Box, list[int]]:
    """Return the tiles of an image that some point needs → the indices of the points that are most central in it.

    Args:
        image_size: (width, height) of the image in pixels.
        points: (x, y) in pixels of the image.
        zoom: factor by which the image is larger than its tiles along each side.

    Returns:
        (x_min, y_min, x_max, y_max) with an exclusive maximum → indices of points; every point is in one tile.
    """
    tiles = defaultdict(list)
    lengths = [math.ceil(side / zoom) for side in image_size]
    starts = [tile_starts(side, zoom) for side in image_size]
    for index, point in enumerate(points):
        corner = []
        # Along each axis, the tile whose center is nearest.
        for value, length, own_starts in zip(point, lengths, starts, strict=True):
            corner.append(min(own_starts, key=lambda start: abs(start + (length - 1) / 2 - value)))
        x, y = corner
        tiles[x, y, x + lengths[0], y + lengths[1]].append(index)
    return dict(tiles)
