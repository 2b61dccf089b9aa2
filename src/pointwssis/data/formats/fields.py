# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Numbers and shapes of annotation tools as values of an object, checked: every function raises `AnnotationError`.

Tools draw on a plane: the pixel in column 3 reaches from x = 3 to x = 4, a click on its middle has x = 3.5, and the
image ends at x = width. Points of the schema are pixel indices (that click has x = 3), so half a pixel is taken off.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...ops.coco_masks import encode_mask
from ..errors import AnnotationError, LoadReport
from .coco_records import box_center, read_mask, read_point

logger = logging.getLogger(__name__)

_SLACK = 1e-4  # of the image's side: what rounding in a file may put outside of it


def start_report(report: LoadReport | None, source: str | Path, skip_bad: bool) -> LoadReport:
    """The report of a file that is about to be read."""
    report = LoadReport() if report is None else report
    report.source, report.skip_bad = str(source), skip_bad
    return report


def read_number(value: Any, field: str) -> float:
    """A finite number, also out of a text."""
    try:
        number = math.nan if isinstance(value, bool) or "_" in str(value) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise AnnotationError(
            f"{field} is no finite number", field, value, "write it with digits and a dot, as in 12.5"
        )
    return number


def read_whole(value: Any, field: str) -> int:
    """A whole number, also out of a text."""
    number = read_number(value, field)
    if number != int(number):
        raise AnnotationError(f"{field} is no whole number", field, value, "write it without a fraction")
    return int(number)


def read_flag(value: Any, field: str) -> bool:
    """A truth value, also out of a text."""
    text = str(value).strip().lower()
    if text in ("true", "yes", "1"):
        return True
    if text in ("false", "no", "0"):
        return False
    raise AnnotationError(f"{field} is neither true nor false", field, value, "write true or false")


def click(x: float, y: float, width: int, height: int, field: str, value: Any = None) -> dict[str, Any]:
    """A click on the plane of an image.

    Args:
        x: from 0 to `width`.
        y: from 0 to `height`.
        width: of the image, in pixels.
        height: of the image, in pixels.
        field: of the annotation file.
        value: what stands there, where it is not [x, y].
    """
    point = []
    for position, side in ((x, width), (y, height)):
        if not -_SLACK * side <= position <= (1 + _SLACK) * side:
            remedy = f"the image has {width} × {height} pixels; move the click or remove it"
            raise AnnotationError("click outside of the image", field, [x, y] if value is None else value, remedy)
        point.append(min(max(position - 0.5, 0.0), side - 1.0))
    return {"point": read_point(point, width, height)}


def polygon_mask(polygons: Sequence[Sequence[float]], width: int, height: int, field: str) -> dict[str, Any]:
    """Flat polygons on the plane of an image, `[[x0, y0, x1, y1, …], …]`, as one mask."""
    for polygon in polygons:
        if len(polygon) < 6:
            raise AnnotationError("polygon of less than three corners", field, polygon, "draw it again or remove it")
    return {"segmentation": read_mask([list(polygon) for polygon in polygons], field, width, height)}


def ellipse_mask(
    center: tuple[float, float], radii: tuple[float, float], degrees: float, width: int, height: int, field: str
) -> dict[str, Any]:
    """An ellipse on the plane of an image, turned clockwise about its center: the pixels whose middle it covers."""
    reach = max(radii)
    if min(radii) <= 0 or reach > 2 * max(width, height):
        remedy = f"the image has {width} × {height} pixels; draw it again or remove it"
        raise AnnotationError("ellipse without extent, or far larger than the image", field, list(radii), remedy)
    left, top = (max(math.floor(middle - reach), 0) for middle in center)
    right, bottom = (min(math.ceil(middle + reach), side) for middle, side in zip(center, (width, height), strict=True))
    mask = np.zeros((height, width), dtype=bool)
    if left < right and top < bottom:
        columns, rows = np.meshgrid(np.arange(left, right) + 0.5 - center[0], np.arange(top, bottom) + 0.5 - center[1])
        along = turned(np.stack([columns.ravel(), rows.ravel()], axis=1), -degrees) / radii
        mask[top:bottom, left:right] = (np.square(along).sum(axis=1) <= 1).reshape(columns.shape)
    return dense_mask(mask)


def box(corners: np.ndarray, width: int, height: int, field: str) -> dict[str, Any]:
    """The extent of (N, 2) corners, inside of the image, as COCO's box; its center becomes the point."""
    low, high = (np.clip(values, 0, (width, height)) for values in (corners.min(axis=0), corners.max(axis=0)))
    if not (high > low).all():  # NaN too
        value = [round(float(number), 2) for number in (*corners.min(axis=0), *corners.max(axis=0))]
        remedy = f"the image has {width} × {height} pixels; draw the box again or remove it"
        raise AnnotationError("box without a pixel of the image", field, value, remedy)
    return {"bbox": [float(number) for number in (*low, *(high - low))]}


def box_alone(item: Mapping[str, Any], width: int, height: int) -> list[float] | None:
    """COCO's box of an object that was marked by nothing else: it has no mask, and its point is the box's center."""
    if item["bbox"] is None or item["segmentation"] is not None or min(item["bbox"][2:]) <= 0:
        return None
    center = box_center(item["bbox"], width, height)
    own = item["point"] is not None and max(abs(a - b) for a, b in zip(item["point"], center, strict=True)) > 1e-3
    return None if own else item["bbox"]


def warn_of_crowds(count: int, tool: str) -> None:
    """Logs what a format has no place for."""
    if count:
        logger.warning("%d crowds are left out: %s has no ignore regions, so they become background", count, tool)


def turned(corners: np.ndarray, degrees: float) -> np.ndarray:
    """(N, 2) corners turned clockwise, as seen on the screen, about (0, 0)."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return corners @ np.array([[cosine, sine], [-sine, cosine]])


def dense_mask(mask: np.ndarray) -> dict[str, Any]:
    """An (H, W) bool mask of the whole image."""
    return {"segmentation": encode_mask(mask)}
