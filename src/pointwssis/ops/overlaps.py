# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Overlaps between the masks of one image, settled by the points of the objects.

Masks are handled as sorted lists of their foreground pixels, decoded one at a time, so that memory grows with the
pixels of the image plus those of its largest mask, and not with the number of masks times the pixels.
"""

import math
from collections.abc import Sequence

import numpy as np

from .coco_masks import RLE, rle_area, rle_coverages
from .points import pixel_of
from .rle import decode_pixels, encode_pixels

NESTED_COVERAGE = 0.8  # least fraction of a nested mask inside the larger one
NESTED_AREA_RATIO = 4.0  # least ratio of the larger mask's area to that of a nested one
NOBODY = -1


def settle_overlaps(
    masks: Sequence[RLE], points: Sequence[Sequence[float]], annotated: Sequence[RLE] = ()
) -> list[RLE]:
    """Give every pixel that several masks of one image claim to one of them.

    In this order:

    1. A mask never keeps the pixel of another object's point.
    2. Annotated masks keep their pixels, except those of an object that is nested in them.
    3. An object that is nested in a larger one, like a button on a shirt, keeps its pixels, and the larger one loses
       them. Nested is a mask that holds its own point, lies for the most part in the other mask, and has at most a
       quarter of its area.
    4. Any other pixel goes to the object whose point is nearest relative to its size: distance / √area.

    A mask that loses all its pixels gets the free pixels of the 3 × 3 neighborhood of its point, at least the pixel of
    the point itself. A mask that was empty stays empty.

    Args:
        masks: masks of N objects of one image, RLEs of one size.
        points: their N points, (x, y) in pixels of the image.
        annotated: other masks of the image, which do not change.

    Returns:
        N masks in the same order. They are disjoint, except for objects whose points lie in the same pixel.

    Example:
        >>> from pointwssis.ops import decode_rle, encode_mask
        >>> masks = [encode_mask(np.array([[1, 1, 1, 1, 0, 0]])), encode_mask(np.array([[0, 0, 1, 1, 1, 1]]))]
        >>> [decode_rle(mask).astype(int).tolist() for mask in settle_overlaps(masks, [(0, 0), (5, 0)])]
        [[[1, 1, 1, 0, 0, 0]], [[0, 0, 0, 1, 1, 1]]]
    """
    if not masks:
        return []
    height, width = masks[0]["size"]
    point_pixels = _pixels_of(points, height, width)
    masks = _without_annotated(masks, point_pixels, annotated)
    masks = _without_nested(masks, point_pixels)
    owners = _owners(masks, points, point_pixels)
    return _masks_of(owners, masks, point_pixels)


def _pixels_of(points: Sequence[Sequence[float]], height: int, width: int) -> np.ndarray:
    """Return the (N,) flat column-major indices of the pixels of points."""
    pixels = [pixel_of(point, height, width) for point in points]
    return np.array([column * height + row for row, column in pixels], dtype=np.int64)


def free_part(mask: RLE, others: Sequence[RLE]) -> RLE:
    """Return the pixels of a mask that no other mask of the image claims; may be empty."""
    pixels = decode_pixels(mask)
    for other in others:
        pixels = np.setdiff1d(pixels, decode_pixels(other), assume_unique=True)
    return encode_pixels(pixels, mask["size"])


def _without_annotated(masks: Sequence[RLE], point_pixels: np.ndarray, annotated: Sequence[RLE]) -> list[RLE]:
    """Return masks without the pixels of annotated masks, except of those that they are nested in."""
    settled = list(masks)
    coverages = rle_coverages(masks, annotated)  # (N, M)
    for index in np.flatnonzero(coverages.any(axis=1)):
        mask, size = masks[index], masks[index]["size"]
        takers = []
        for other in np.flatnonzero(coverages[index]):
            if not _is_nested(mask, annotated[other], coverages[index, other], point_pixels[index]):
                takers.append(annotated[other])
        # A mask without a free pixel keeps the pixel of its point.
        free = free_part(mask, takers)
        settled[index] = free if rle_area(free) else encode_pixels(point_pixels[index : index + 1], size)
    return settled


def _without_nested(masks: Sequence[RLE], point_pixels: np.ndarray) -> list[RLE]:
    """Return masks without the pixels of the smaller masks that are nested in them."""
    settled = list(masks)
    coverages = rle_coverages(masks, masks)  # (N, N) fraction of each row's mask inside each column's mask
    np.fill_diagonal(coverages, 0)
    # Only masks that may hold a nested one are decoded.
    for outer in np.flatnonzero((coverages >= NESTED_COVERAGE).any(axis=0)):
        nested = []
        for inner in np.flatnonzero(coverages[:, outer]):
            if _is_nested(masks[inner], masks[outer], coverages[inner, outer], point_pixels[inner]):
                nested.append(inner)
        free = free_part(masks[outer], [masks[inner] for inner in nested])
        # The pixel of its own point stays, unless it is that of a nested object too.
        if rle_area(free) and point_pixels[outer] not in point_pixels[nested]:
            free = _with_own_point(free, masks[outer], point_pixels[outer])
        settled[outer] = free if rle_area(free) else masks[outer]
    return settled


def _with_own_point(part: RLE, mask: RLE, pixel: int) -> RLE:
    """Return a part of a mask with the pixel of its point, if the mask holds it."""
    if not _contains(decode_pixels(mask), pixel):
        return part
    return encode_pixels(np.union1d(decode_pixels(part), [pixel]), mask["size"])


def _is_nested(inner: RLE, outer: RLE, coverage: float, inner_point: int) -> bool:
    """Return True if a mask shows an object in front of a much larger one.

    Masks of similar sizes that cover each other are two objects that the network did not separate.
    """
    if coverage < NESTED_COVERAGE or NESTED_AREA_RATIO * rle_area(inner) > rle_area(outer):
        return False
    return _contains(decode_pixels(inner), inner_point)


def _owners(masks: Sequence[RLE], points: Sequence[Sequence[float]], point_pixels: np.ndarray) -> np.ndarray:
    """Return the (H · W,) index of the object that owns each pixel, column by column; −1 for none."""
    # The size of a mask that also covers its neighbors is too large, so what it wins is measured for a second pass.
    owners = _nearest(masks, points, [len(decode_pixels(mask)) for mask in masks])
    won = np.bincount(owners[owners != NOBODY], minlength=len(masks))
    owners = _nearest(masks, points, won.tolist())
    # The pixel of a point belongs to its object, or to nobody if its mask does not hold it.
    for index, (mask, pixel) in enumerate(zip(masks, point_pixels, strict=True)):
        owner = owners[pixel]
        if owner != NOBODY and point_pixels[owner] != pixel:
            owners[pixel] = index if _contains(decode_pixels(mask), pixel) else NOBODY
    return owners


def _nearest(masks: Sequence[RLE], points: Sequence[Sequence[float]], areas: Sequence[int]) -> np.ndarray:
    """Return the (H · W,) index of the object whose point is nearest, relative to the root of its area in pixels."""
    height, width = masks[0]["size"]
    owners = np.full(height * width, NOBODY, dtype=np.int32)
    nearest = np.full(height * width, np.inf, dtype=np.float32)
    for index, (mask, (x, y), area) in enumerate(zip(masks, points, areas, strict=True)):
        pixels = decode_pixels(mask)
        columns, rows = np.divmod(pixels, height)
        # In the precision of `nearest`, so that the first of two equally near objects wins
        distance = (np.hypot(columns - x, rows - y) / math.sqrt(max(area, 1))).astype(np.float32)
        closer = distance < nearest[pixels]
        owners[pixels[closer]], nearest[pixels[closer]] = index, distance[closer]
    return owners


def _masks_of(owners: np.ndarray, masks: Sequence[RLE], point_pixels: np.ndarray) -> list[RLE]:
    """Return the masks of the owners; one that lost everything gets the free neighborhood of its point."""
    settled = []
    for index, mask in enumerate(masks):
        pixels = decode_pixels(mask)
        kept = pixels[owners[pixels] == index]
        if len(pixels) and not len(kept):
            kept = _free_neighborhood(owners, mask["size"], point_pixels[index], point_pixels)
            owners[kept] = index
        settled.append(encode_pixels(kept, mask["size"]))
    return settled


def _free_neighborhood(owners: np.ndarray, size: Sequence[int], pixel: int, point_pixels: np.ndarray) -> np.ndarray:
    """Return the pixel of a point and those of its 3 × 3 neighborhood that nobody owns, in ascending order.

    The pixels of other points are not free.
    """
    height, width = size
    column, row = divmod(int(pixel), height)
    columns, rows = np.meshgrid(np.arange(column - 1, column + 2), np.arange(row - 1, row + 2), indexing="ij")
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    neighbors = columns[inside] * height + rows[inside]
    is_free = (owners[neighbors] == NOBODY) & ~np.isin(neighbors, point_pixels)
    return neighbors[is_free | (neighbors == pixel)]


def _contains(pixels: np.ndarray, pixel: int) -> bool:
    """Return True if a sorted list of pixels holds a pixel."""
    place = int(np.searchsorted(pixels, pixel))
    return place < len(pixels) and pixels[place] == pixel
