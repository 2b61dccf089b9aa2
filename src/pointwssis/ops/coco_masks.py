# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Masks as COCO run-length encodings (RLE): area, extent and IoU, and conversion of polygons.

RLEs are compressed, with `counts` as text, so that they fit into JSON and Arrow. Functions that do not need pycocotools
are in `rle.py`, those on tensors in `mask_ops.py`.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from .rasterizing import fill_polygons
from .rle import RLE, checked_rle, decode_rle, encode_mask
from .wording import brief

__all__ = [
    "RLE",
    "decode_rle",
    "encode_mask",
    "rle_area",
    "rle_box",
    "rle_coverage",
    "rle_coverages",
    "rle_iou",
    "segmentation_to_rle",
]


def rle_area(rle: RLE) -> int:
    """Return the number of foreground pixels."""
    return int(coco_mask.area(_with_bytes(rle)))


def rle_iou(rle: RLE, other: RLE) -> float:
    """Return the intersection over union of two masks of one image, 0 for two empty ones."""
    return float(coco_mask.iou([_with_bytes(rle)], [_with_bytes(other)], [0])[0, 0])


def rle_coverage(rle: RLE, others: Sequence[RLE]) -> list[float]:
    """Return the fraction of a mask, 0 … 1, that lies inside each of the other masks of the same image."""
    return rle_coverages([rle], others)[0].tolist()


def rle_coverages(rles: Sequence[RLE], others: Sequence[RLE]) -> np.ndarray:
    """Return the (N, M) fraction of each of N masks, 0 … 1, that lies inside each of M other masks of one image."""
    if not rles or not others:
        return np.zeros((len(rles), len(others)))
    # For crowds COCO's overlap is the intersection over the area of the first mask.
    encoded = [_with_bytes(rle) for rle in rles]
    return coco_mask.iou(encoded, [_with_bytes(other) for other in others], [1] * len(others))


def rle_box(rle: RLE) -> list[float]:
    """Return the extent of the foreground as COCO's [x, y, width, height] in pixels, zeros for an empty mask."""
    return [float(value) for value in coco_mask.toBbox(_with_bytes(rle))]


def segmentation_to_rle(segmentation: Any, height: int, width: int) -> RLE:
    """Convert any COCO `segmentation` to one compressed RLE.

    Args:
        segmentation: a list of polygons `[[x0, y0, x1, y1, …], …]`, an uncompressed RLE `{"size", "counts": list}` or
            a compressed one.
        height: height of the image in pixels.
        width: width of the image in pixels.

    Raises:
        ValueError: the segmentation is none of these or does not fit the image; the message names the bad value.

    Example:
        >>> rle_area(segmentation_to_rle([[0, 0, 4, 0, 4, 4, 0, 4]], height=8, width=8))
        16
    """
    if isinstance(segmentation, dict):
        return checked_rle(segmentation, height, width)
    if isinstance(segmentation, (list, tuple)) and len(segmentation):
        if not any(isinstance(part, (list, tuple, dict)) for part in segmentation):
            raise ValueError(
                f"{brief(segmentation, 60)} must be a list of polygons: [[x0, y0, x1, y1, …]], in two brackets"
            )
        return fill_polygons([_checked_polygon(polygon) for polygon in segmentation], height, width)
    raise ValueError(
        f"segmentation must be a list of polygons [[x0, y0, x1, y1, …], …] or an RLE {{'size', 'counts'}}, got "
        f"{brief(segmentation, 60)}"
    )


def _checked_polygon(polygon: Any) -> list[float]:
    """Return a flat polygon as floats, or raise a ValueError."""
    if not isinstance(polygon, (list, tuple)) or len(polygon) < 6 or len(polygon) % 2:
        length = len(polygon) if isinstance(polygon, (list, tuple)) else type(polygon).__name__
        raise ValueError(
            f"polygon {brief(polygon, 60)} must have an even number of at least 6 numbers (three corners x, y), got "
            f"{length} values"
        )
    try:
        # `float` also takes texts and true.
        if any(isinstance(value, (str, bool)) for value in polygon):
            raise TypeError
        values = [float(value) for value in polygon]
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"polygon {brief(polygon, 60)} must contain only numbers") from error
    if not all(math.isfinite(value) for value in values):
        raise ValueError(f"polygon {brief(polygon, 60)} must not contain NaN or infinity")
    return values


def _with_bytes(rle: RLE) -> RLE:
    """Return an RLE with `counts` as bytes, as pycocotools requires."""
    counts = rle["counts"]
    return {"size": list(rle["size"]), "counts": counts.encode("ascii") if isinstance(counts, str) else counts}
