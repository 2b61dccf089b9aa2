# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Area, bounding box and center of mass of a mask from one pass over its run lengths."""

from dataclasses import dataclass

import numpy as np

from .rle import RLE, read_runs


@dataclass(frozen=True)
class MaskMeasures:
    """Measures of one mask.

    Args:
        area: number of foreground pixels.
        box: COCO's [x, y, width, height] in pixels, zeros for an empty mask.
        center: center of mass (x, y) in pixel indices; None for an empty mask.
        center_is_inside: True if the mask covers the pixel of its center.
    """

    area: int
    box: list[float]
    center: tuple[float, float] | None
    center_is_inside: bool


def measure_mask(rle: RLE) -> MaskMeasures:
    """Measure a mask without decoding it to pixels.

    Args:
        rle: compressed run lengths of a mask, column by column.

    Example:
        >>> from pointwssis.ops.rle import encode_mask
        >>> mask = np.zeros((4, 8), bool)
        >>> mask[1:3, 2:7] = True
        >>> measure_mask(encode_mask(mask))
        MaskMeasures(area=10, box=[2.0, 1.0, 5.0, 2.0], center=(4.0, 1.5), center_is_inside=True)
    """
    height = rle["size"][0]
    ends = np.cumsum(read_runs(rle["counts"]))
    # Every second run is foreground: the pixels first, …, last of the flattened mask, column after column.
    count = len(ends) // 2
    first, past = ends[: 2 * count : 2], ends[1 : 2 * count : 2]
    # Runs of length 0 are valid but have no pixel
    filled = past > first
    first, last = first[filled], past[filled] - 1
    if not len(first):
        return MaskMeasures(0, [0.0, 0.0, 0.0, 0.0], None, False)

    # A run that goes on in the next column touches the first and the last row.
    area = int((last - first + 1).sum())
    left, right = int(first[0] // height), int(last[-1] // height)
    if (first // height < last // height).any():
        top, bottom = 0, height - 1
    else:
        top, bottom = int((first % height).min()), int((last % height).max())
    box = [float(value) for value in (left, top, right - left + 1, bottom - top + 1)]

    # Sums of columns and rows are taken from the box's corner, in whole numbers, so that they are exact.
    columns = _sum_of_columns(last + 1, height) - _sum_of_columns(first, height)
    # Sums of flattened positions, column · height + row
    pixels = (first + last) * (last - first + 1) // 2
    sum_x = int(columns.sum())
    sum_y = int(pixels.sum()) - height * sum_x
    x, y = (sum_x - area * left) / area, (sum_y - area * top) / area
    # The rounded center, as a position in the flattened mask
    position = (left + round(x)) * height + top + round(y)
    is_inside = bool(((first <= position) & (position <= last)).any())
    return MaskMeasures(area, box, (x + left, y + top), is_inside)


def _sum_of_columns(pixel: np.ndarray, height: int) -> np.ndarray:
    """Return the sum of the column indices of all pixels before each of these, (N,) int64."""
    full, rest = pixel // height, pixel % height
    return height * full * (full - 1) // 2 + full * rest
