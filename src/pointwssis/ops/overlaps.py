# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Overlaps between the masks of one image, settled by the points of the objects.

Masks are handled as sorted lists of their foreground pixels, decoded one at a time, so that memory grows with the
pixels of the image plus those of its largest mask, and not with the number of masks times the pixels.
"""

import math
from collections.abc import Sequence

import numpy as np

from .coco_masks import RLE, rle_coverages
from .points import pixel_of
from .rle import decode_pixels, encode_pixels

NESTED_COVERAGE = 0.7  # fraction of a mask inside a larger one from which it counts as nested
NESTED_AREA_RATIO = 3.0  # from this ratio of areas, a nested mask may also hold the point of the larger object
NOBODY = -1


def settle_overlaps(
    masks: Sequence[RLE], points: Sequence[Sequence[float]], annotated: Sequence[RLE] = ()
) -> list[RLE]:
    """Give every pixel that several masks of one image claim to one of them.

    In this order:

    1. A mask never keeps the pixel of another object's point.
    2. Pixels of annotated masks are not taken, except by an object whose own point lies inside the annotated mask: it
       is nested in it, like a button on a shirt.
    3. A mask that is nested in a larger one keeps its pixels, and the larger one loses them.
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
    owners = _nearest_owners(masks, points, point_pixels)
    return _masks_of(owners, masks, point_pixels)


def _pixels_of(points: Sequence[Sequence[float]], height: int, width: int) -> np.ndarray:
    """Return the (N,) flat column-major indices of the pixels of points."""
    pixels = [pixel_of(point, height, width) for point in points]
    return np.array([column * height + row for row, column in pixels], dtype=np.int64)


def _without_annotated(masks: Sequence[RLE], point_pixels: np.ndarray, annotated: Sequence[RLE]) -> list[RLE]:
    """Return masks without the pixels of those annotated masks that do not hold their point."""
    if not annotated:
        return list(masks)
    settled = list(masks)
    coverages = rle_coverages(masks, annotated)
    for index in np.flatnonzero(coverages.any(axis=1)):
        pixels = decode_pixels(masks[index])
        for other in np.flatnonzero(coverages[index]):
            taken = decode_pixels(annotated[other])
            if not _contains(taken, point_pixels[index]):
                pixels = np.setdiff1d(pixels, taken, assume_unique=True)
        # A mask without a free pixel keeps what it had; its point decides below.
        settled[index] = (
            encode_pixels(pixels, masks[index]["size"]) if len(pixels) else _dot(masks[index], point_pixels[index])
        )
    return settled


def _without_nested(masks: Sequence[RLE], point_pixels: np.ndarray) -> list[RLE]:
    """Return masks without the pixels of the smaller masks that are nested in them."""
    coverages = rle_coverages(masks, masks)  # fraction of each row's mask inside each column's mask
    np.fill_diagonal(coverages, 0)
    pairs = np.argwhere(coverages >= NESTED_COVERAGE)
    # Only pairs of an inner and an outer mask are decoded, grouped by the outer one.
    settled = list(masks)
    for outer in np.unique(pairs[:, 1]):
        outer_pixels = decode_pixels(masks[outer])
        kept = outer_pixels
        for inner in pairs[pairs[:, 1] == outer, 0]:
            inner_pixels = decode_pixels(masks[inner])
            if _is_nested(inner_pixels, outer_pixels, point_pixels[inner], point_pixels[outer]):
                kept = np.setdiff1d(kept, inner_pixels, assume_unique=True)
        if len(kept) < len(outer_pixels):
            settled[outer] = encode_pixels(kept, masks[outer]["size"]) if len(kept) else masks[outer]
    return settled


def _is_nested(inner: np.ndarray, outer: np.ndarray, inner_point: int, outer_point: int) -> bool:
    """Return True if a mask that is mostly covered by another one shows an object in front of it.

    Two masks that both hold both points show two objects that the network did not separate, unless one is much smaller.
    """
    if len(inner) >= len(outer) or not _contains(inner, inner_point):
        return False
    return not _contains(inner, outer_point) or len(outer) >= NESTED_AREA_RATIO * len(inner)


def _nearest_owners(masks: Sequence[RLE], points: Sequence[Sequence[float]], point_pixels: np.ndarray) -> np.ndarray:
    """Return the (H · W,) index of the object that owns each pixel, column by column; −1 for none."""
    height, width = masks[0]["size"]
    owners = np.full(height * width, NOBODY, dtype=np.int32)
    nearest = np.full(height * width, np.inf, dtype=np.float32)
    for index, (mask, (x, y)) in enumerate(zip(masks, points, strict=True)):
        pixels = decode_pixels(mask)
        # Distance of each of its pixels to the point, relative to the size of the mask.
        columns, rows = np.divmod(pixels, height)
        distance = np.hypot(columns - x, rows - y) / math.sqrt(max(len(pixels), 1))
        closer = distance < nearest[pixels]
        owners[pixels[closer]], nearest[pixels[closer]] = index, distance[closer]
    # The pixel of a point belongs to its object, or to nobody if its mask does not hold it.
    for index, (mask, pixel) in enumerate(zip(masks, point_pixels, strict=True)):
        rivals = point_pixels == pixel
        if owners[pixel] != NOBODY and not rivals[owners[pixel]]:
            owners[pixel] = index if _contains(decode_pixels(mask), pixel) else NOBODY
    return owners


def _masks_of(owners: np.ndarray, masks: Sequence[RLE], point_pixels: np.ndarray) -> list[RLE]:
    """Return the masks of the owners; one that lost everything gets the free neighborhood of its point."""
    settled = []
    for index, mask in enumerate(masks):
        pixels = decode_pixels(mask)
        kept = pixels[owners[pixels] == index]
        if len(pixels) and not len(kept):
            kept = _free_neighborhood(owners, mask["size"], point_pixels[index])
            owners[kept] = index
        settled.append(encode_pixels(kept, mask["size"]))
    return settled


def _free_neighborhood(owners: np.ndarray, size: Sequence[int], pixel: int) -> np.ndarray:
    """Return the pixel of a point and those of its 3 × 3 neighborhood that nobody owns, in ascending order."""
    height, width = size
    column, row = divmod(int(pixel), height)
    columns, rows = np.meshgrid(np.arange(column - 1, column + 2), np.arange(row - 1, row + 2), indexing="ij")
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    neighbors = columns[inside] * height + rows[inside]
    return neighbors[(owners[neighbors] == NOBODY) | (neighbors == pixel)]


def _dot(mask: RLE, pixel: int) -> RLE:
    return encode_pixels(np.array([pixel]), mask["size"])


def _contains(pixels: np.ndarray, pixel: int) -> bool:
    """Return True if a sorted list of pixels holds a pixel."""
    place = int(np.searchsorted(pixels, pixel))
    return place < len(pixels) and pixels[place] == pixel
