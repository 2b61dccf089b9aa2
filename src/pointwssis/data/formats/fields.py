# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Numbers and shapes of annotation tools as values of an object; invalid input raises `AnnotationError`.

Tools draw on a plane: the pixel in column 3 reaches from x = 3 to x = 4, a click on its center has x = 3.5, and the
image ends at x = width. Points of the schema are pixel indices (that click has x = 3), so half a pixel is subtracted.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...ops.coco_masks import decode_rle, encode_mask
from ...ops.wording import counted
from ..errors import AnnotationError, Remark
from .coco_records import BORDER_TOLERANCE, box_center, read_mask, read_point, swapped_hint
from .doubts import doubt_about_extent, doubt_about_polygons

logger = logging.getLogger(__name__)


def read_number(value: Any, field: str) -> float:
    """Read a finite number, also from text."""
    try:
        # Python's `float` also takes true and 1_000, which are mistakes in a file.
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        number = float(value) if is_number or (isinstance(value, str) and "_" not in value) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        hint = "write it with digits and a decimal point, as in 12.5"
        raise AnnotationError(f"{field} is not a finite number", field, value, hint)
    return number


def read_whole(value: Any, field: str) -> int:
    """Read an integer, also from text."""
    number = read_number(value, field)
    if number != int(number):
        raise AnnotationError(f"{field} is not an integer", field, value, "write it without a fraction")
    return int(number)


def read_angle(value: Any, field: str, turn: float = 360.0) -> float:
    """Read an angle, 0 if there is none, as degrees.

    Args:
        value: angle in the file.
        field: field of the annotation file.
        turn: a whole turn in the unit of the file.
    """
    angle = read_number(value or 0, field)
    if abs(angle) > 10 * turn:
        hint = f"a whole turn is {turn:.4g}; draw the shape again or remove it"
        raise AnnotationError("angle of more than ten turns", field, value, hint)
    return angle * 360.0 / turn


def read_flag(value: Any, field: str) -> bool:
    """Read a truth value, also from text."""
    text = str(value).strip().lower() if isinstance(value, (str, bool, int)) else ""
    if text in ("true", "yes", "1"):
        return True
    if text in ("false", "no", "0"):
        return False
    raise AnnotationError(f"{field} is neither true nor false", field, value, "write true or false")


def read_corners(values: Any, field: str) -> np.ndarray:
    """Read a list of points [[x, y], …] as (N, 2)."""
    pairs = values if isinstance(values, list) else []
    if not pairs or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise AnnotationError(f"{field} is not a list of [x, y]", field, values, "draw the shape again or remove it")
    return np.array([(read_number(x, field), read_number(y, field)) for x, y in pairs])


def click(x: float, y: float, width: int, height: int, field: str, value: Any = None) -> dict[str, Any]:
    """Return the values of a click on the plane of an image.

    Args:
        x: horizontal position on the plane, 0 to `width`.
        y: vertical position on the plane, 0 to `height`.
        width: width of the image in pixels.
        height: height of the image in pixels.
        field: field of the annotation file.
        value: value of the field for the message, if it is not [x, y].
    """
    point = []
    for position, side in ((x, width), (y, height)):
        # Tolerate the rounding of a file; beyond that the click is wrong.
        if not -BORDER_TOLERANCE * side <= position <= (1 + BORDER_TOLERANCE) * side:
            hint = f"the image has {width} × {height} pixels; move the click or remove it"
            hint += swapped_hint(x, y, width, height)
            raise AnnotationError("click outside of the image", field, [x, y] if value is None else value, hint)
        # From the plane to pixel indices: the border belongs to the outermost pixel
        point.append(min(max(position - 0.5, 0.0), side - 1.0))
    return {"point": read_point(point, width, height)}


def place_of_point(point: Sequence[float], width: int, height: int) -> list[float]:
    """Return the position of a point of the schema on the plane of an image, the inverse of `click`.

    Args:
        point: (x, y) in pixel indices.
        width: width of the image in pixels.
        height: height of the image in pixels.

    Example:
        >>> place_of_point((3.0, 9.75), 20, 10)  # the last row ends at y = 10
        [3.5, 10.0]
    """
    return [min(coordinate + 0.5, float(side)) for coordinate, side in zip(point, (width, height), strict=True)]


def polygon_mask(polygons: Sequence[Sequence[float]], width: int, height: int, field: str) -> dict[str, Any]:
    """Return the mask of flat polygons `[[x0, y0, x1, y1, …], …]` on the plane of an image."""
    for polygon in polygons:
        if len(polygon) < 6:
            hint = "draw it again or remove it"
            raise AnnotationError("polygon of fewer than three corners", field, polygon, hint)
    mask = read_mask([list(polygon) for polygon in polygons], field, width, height)
    return {"segmentation": mask, **_remarks(doubt_about_polygons(polygons, (width, height), field))}


def ellipse_mask(
    center: tuple[float, float], radii: tuple[float, float], degrees: float, width: int, height: int, field: str
) -> dict[str, Any]:
    """Return the mask of an ellipse on the plane of an image: the pixels whose center it covers.

    Args:
        center: (x, y) in pixels.
        radii: along x and y before the rotation, in pixels.
        degrees: clockwise rotation about the center.
        width: width of the image in pixels.
        height: height of the image in pixels.
        field: field of the annotation file.
    """
    reach = max(radii)
    if min(radii) <= 0 or reach > 2 * max(width, height):
        hint = f"the image has {width} × {height} pixels; draw it again or remove it"
        raise AnnotationError("ellipse without extent, or far larger than the image", field, [*map(float, radii)], hint)
    # Only a square around the ellipse is tested, in the ellipse's own frame.
    left, top = (max(math.floor(middle - reach), 0) for middle in center)
    right, bottom = (min(math.ceil(middle + reach), side) for middle, side in zip(center, (width, height), strict=True))
    mask = np.zeros((height, width), dtype=bool)
    if left < right and top < bottom:
        # Offsets of the pixels' centers from the center of the ellipse
        columns, rows = np.meshgrid(np.arange(left, right) + 0.5 - center[0], np.arange(top, bottom) + 0.5 - center[1])
        offsets = np.stack([columns.ravel(), rows.ravel()], axis=1)
        # Rotated back and measured in radii, the ellipse is the unit circle
        in_radii = rotated(offsets, -degrees) / radii
        mask[top:bottom, left:right] = (np.square(in_radii).sum(axis=1) <= 1).reshape(columns.shape)
    # The extent of the ellipse itself, which a rotation narrows
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    reaches = np.hypot(np.multiply(radii[0], (cosine, sine)), np.multiply(radii[1], (sine, cosine)))
    extent = np.array([center - reaches, center + reaches])
    return {**dense_mask(mask), **_remarks(doubt_about_extent(extent, (width, height), field))}


def united_masks(shapes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the values of one object whose parts are shapes with masks of one image; they may overlap."""
    union = np.any([decode_rle(shape["segmentation"]) for shape in shapes], axis=0)
    return {**dense_mask(union), "remarks": [remark for shape in shapes for remark in shape.get("remarks", ())]}


def box(corners: np.ndarray, width: int, height: int, field: str) -> dict[str, Any]:
    """Return the extent of (N, 2) corners, clipped to the image, as COCO's box; its center becomes the point."""
    low, high = (np.clip(values, 0, (width, height)) for values in (corners.min(axis=0), corners.max(axis=0)))
    if not (high > low).all():  # also rejects NaN
        value = [round(float(number), 2) for number in (*corners.min(axis=0), *corners.max(axis=0))]
        hint = f"the image has {width} × {height} pixels; draw the box again or remove it"
        raise AnnotationError("box without a pixel of the image", field, value, hint)
    return {
        "bbox": [float(number) for number in (*low, *(high - low))],
        **_remarks(doubt_about_extent(corners, (width, height), field)),
    }


def _remarks(doubt: Remark | None) -> dict[str, Any]:
    """Return the remark on a shape as values of an object."""
    return {} if doubt is None else {"remarks": [doubt]}


def box_alone(item: Mapping[str, Any], width: int, height: int) -> list[float] | None:
    """Return COCO's box of an object that has only a box: no mask, and no point except the center of the box."""
    if item["bbox"] is None or item["segmentation"] is not None or min(item["bbox"][2:]) <= 0:
        return None
    # A point at the center tells no more than the box; 1e-3 pixels allow for float32.
    center = box_center(item["bbox"], (width, height))
    has_own_point = item["point"] is not None and np.abs(np.subtract(item["point"], center)).max() > 1e-3
    return None if has_own_point else item["bbox"]


def warn_of_crowds(count: int, tool: str) -> None:
    """Log the crowds that a format cannot hold."""
    if count:
        crowds = f"{counted(count, 'crowd')} {'is' if count == 1 else 'are'}"
        logger.warning("%s left out: %s has no ignore regions, so they become background", crowds, tool)


def rotated(corners: np.ndarray, degrees: float) -> np.ndarray:
    """Rotate (N, 2) corners clockwise, as seen on the screen, about (0, 0)."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return corners @ np.array([[cosine, sine], [-sine, cosine]])


def dense_mask(mask: np.ndarray) -> dict[str, Any]:
    """Return the values of an (H, W) bool mask of the whole image."""
    return {"segmentation": encode_mask(mask)}
