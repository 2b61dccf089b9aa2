# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Masks as COCO's run lengths: area, extent and IoU of them, and every other form of a `segmentation` as one.

Run lengths (RLE) are the compressed ones with `counts` as text, so that they fit into JSON and Arrow. What needs no
pycocotools is in `rle.py`, masks as tensors are in `mask_geometry.py`.
"""

import math
from collections.abc import Sequence
from typing import Any

from pycocotools import mask as coco_mask

from .rle import RLE, checked_rle, decode_rle, encode_mask

__all__ = ["RLE", "decode_rle", "encode_mask", "rle_area", "rle_box", "rle_coverage", "rle_iou", "segmentation_to_rle"]


def rle_area(rle: RLE) -> int:
    """Number of foreground pixels."""
    return int(coco_mask.area(_with_bytes(rle)))


def rle_iou(rle: RLE, other: RLE) -> float:
    """Intersection over union of two masks of one image; 0 for two empty ones."""
    return float(coco_mask.iou([_with_bytes(rle)], [_with_bytes(other)], [0])[0, 0])


def rle_coverage(rle: RLE, others: Sequence[RLE]) -> list[float]:
    """How much of a mask, 0 … 1, lies inside of each of the others, which are masks of the same image."""
    if not others:
        return []
    # With a crowd COCO's overlap is the intersection over the first mask's own area.
    return coco_mask.iou([_with_bytes(rle)], [_with_bytes(other) for other in others], [1] * len(others))[0].tolist()


def rle_box(rle: RLE) -> list[float]:
    """Extent of the foreground as COCO's [x, y, width, height] in pixels, zeros for an empty mask."""
    return [float(value) for value in coco_mask.toBbox(_with_bytes(rle))]


def segmentation_to_rle(segmentation: Any, height: int, width: int) -> RLE:
    """Any COCO `segmentation` as one compressed RLE.

    Args:
        segmentation: a list of polygons `[[x0, y0, x1, y1, …], …]`, an uncompressed RLE `{"size", "counts": list}` or
            a compressed one.
        height: of the image, in pixels.
        width: of the image, in pixels.

    Raises:
        ValueError: when it is none of these, or does not fit the image; the message says what is wrong with which
            value.

    Example:
        >>> rle_area(segmentation_to_rle([[0, 0, 4, 0, 4, 4, 0, 4]], height=8, width=8))
        16
    """
    if isinstance(segmentation, dict):
        return checked_rle(segmentation, height, width)
    if isinstance(segmentation, (list, tuple)) and len(segmentation):
        polygons = [_checked_polygon(polygon) for polygon in segmentation]
        merged = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
        return {"size": [height, width], "counts": merged["counts"].decode("ascii")}
    raise ValueError(
        f"segmentation is {segmentation!r:.60}; it takes a list of polygons [[x0, y0, x1, y1, …], …] or an RLE "
        f"{{'size', 'counts'}}"
    )


def _checked_polygon(polygon: Any) -> list[float]:
    if not isinstance(polygon, (list, tuple)) or len(polygon) < 6 or len(polygon) % 2:
        length = len(polygon) if isinstance(polygon, (list, tuple)) else type(polygon).__name__
        raise ValueError(
            f"polygon {polygon!r:.60} has {length} values; a polygon needs an even number of at least 6 (three "
            "corners x, y)"
        )
    try:
        values = [float(value) for value in polygon]
    except (TypeError, ValueError) as error:
        raise ValueError(f"polygon {polygon!r:.60} holds something that is no number") from error
    if not all(math.isfinite(value) for value in values):
        raise ValueError(f"polygon {polygon!r:.60} holds NaN or infinity")
    return values


def _with_bytes(rle: RLE) -> RLE:
    counts = rle["counts"]
    return {"size": list(rle["size"]), "counts": counts.encode("ascii") if isinstance(counts, str) else counts}
