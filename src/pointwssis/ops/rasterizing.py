# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Filling polygons as pycocotools does, with bounded memory whatever the coordinates.

pycocotools keeps about a hundred bytes per pixel of an outline, and crashes the interpreter if it gets none. A long
ring is therefore cut into a fan of shorter rings around its first corner. Filling is by parity and each edge
contributes the same in both directions, so the edges that cutting adds cancel out: the pixels are exactly the same.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from pycocotools import mask as coco_mask

from .rle import RLE, encode_mask

_MAX_OUTLINE = 30_000_000  # pixels of all outlines of one mask together, about two seconds
_MAX_PART = 500_000  # pixels of an outline that are filled at once, about 50 MB
_MAX_SIDE = 100_000_000  # pixels; pycocotools multiplies coordinates by 5, in 32 bits


def fill_polygons(rings: Sequence[Sequence[float]], height: int, width: int) -> RLE:
    """Return the union of polygons, each filled by parity.

    Args:
        rings: flat rings `[x0, y0, x1, y1, …]` of at least three corners, finite numbers.
        height: height of the image in pixels.
        width: width of the image in pixels.

    Raises:
        ValueError: a corner is far outside of the image, or the outlines are too long to be those of an object.

    Example:
        >>> fill_polygons([[0, 0, 4, 0, 4, 4, 0, 4]], height=4, width=4)
        {'size': [4, 4], 'counts': '0`0'}
    """
    limit = 2 * max(height, width)
    if limit > 2 * _MAX_SIDE or height * width >= 2**32:
        raise ValueError(f"an image of {width} × {height} pixels is too large for polygons")
    for ring in rings:
        # A stray vertex is cut off at the border; one that is very far away would overflow.
        farthest = max(ring, key=abs)
        if abs(farthest) > limit:
            raise ValueError(
                f"polygon far outside of the image: coordinates are pixels of an image of {width} × {height}, got "
                f"{farthest:g}"
            )
    # Most objects have too few corners for a long outline, and are not measured.
    if sum(map(len, rings)) * limit <= _MAX_PART:
        merged = coco_mask.merge(coco_mask.frPyObjects([list(ring) for ring in rings], height, width))
        return {"size": [height, width], "counts": merged["counts"].decode("ascii")}
    outline = sum(float(_edge_lengths(ring).sum()) for ring in rings)
    if outline > _MAX_OUTLINE:
        raise ValueError(
            f"outlines of {outline:,.0f} pixels in an image of {width} × {height}, at most {_MAX_OUTLINE:,} can be "
            "filled; simplify the polygon or give run lengths"
        )
    filled = [_fill(ring, height, width) for ring in rings]
    merged = coco_mask.merge(filled)
    return {"size": [height, width], "counts": merged["counts"].decode("ascii")}


def _fill(ring: Sequence[float], height: int, width: int) -> RLE:
    """Return one filled ring, with `counts` as bytes."""
    parts = list(_fan(ring))
    if len(parts) == 1:
        return coco_mask.frPyObjects(parts, height, width)[0]
    # Pixels inside an odd number of parts are inside the ring.
    mask = np.zeros((height, width), dtype=bool)
    for part in parts:
        mask ^= coco_mask.decode(coco_mask.frPyObjects([part], height, width)[0]).astype(bool)
    rle = encode_mask(mask)
    return {**rle, "counts": rle["counts"].encode("ascii")}


def _fan(ring: Sequence[float]) -> Iterator[list[float]]:
    """Yield rings around the first corner that together have the parity of a ring, each with a bounded outline."""
    # Edge n leads from corner n to the next one; a part covers successive edges up to the bound.
    part_of_edge = np.cumsum(_edge_lengths(ring)) // _MAX_PART
    borders = [0, *(np.flatnonzero(np.diff(part_of_edge)) + 1).tolist(), len(ring) // 2]
    for first, past in zip(borders[:-1], borders[1:], strict=True):
        corners = [*ring[2 * first : 2 * past + 2]]
        # Every part starts and ends at the first corner; pycocotools takes fewer than three corners for a box.
        yield [*corners, *ring[:2]] if first == 0 else [*ring[:2], *corners, *ring[:2]]


def _edge_lengths(ring: Sequence[float]) -> np.ndarray:
    """Return the (N,) pixels along each edge of a ring, the last of which leads back to its first corner."""
    corners = np.asarray(ring, dtype=float).reshape(-1, 2)
    return np.abs(np.roll(corners, -1, axis=0) - corners).max(axis=1) + 1
