# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Values of a file that can be read but contradict each other: they are used, counted, and warned of.

Tolerances leave room for the habits of tools: boxes in whole pixels, areas of polygons or of boxes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...ops.mask_measures import MaskMeasures
from ...ops.points import point_in_rle
from ...ops.user_error import UserError
from ..errors import Remark

_MISSING_WORDS = ("nan", "null", "none", "na", "n/a", "undefined")
_BOX_TOLERANCE = 0.25  # of the longer side of the mask's box
_PIXELS = 4  # by which an edge of a box may differ
_SMALL_AREA = 16  # pixels by which an area may differ
_CORNER_TOLERANCE = 0.01  # pixels, by which rounding moves a corner of a pixel
_BEYOND = 0.15  # part of the side of an image by which a careless outline may leave it
_SMALL_SIDE = 4  # pixels; in such an image a click may well be in the first pixel


def doubts(values: Mapping[str, Any], measures: MaskMeasures) -> list[Remark]:
    """Return remarks on values of an object that contradict its mask.

    Args:
        values: values of the file, of `make_object`.
        measures: measures of its mask.
    """
    if not measures.area:
        return []
    remarks = []
    point, box, area = (values.get(field) for field in ("point", "bbox", "area"))
    rle = values["segmentation"]
    if point is not None and not point_in_rle(point, rle):
        # The center of a mask that is not convex is the rule of the paper.
        is_center = np.abs(np.subtract(point, measures.center)).max() < 0.01
        text = "center of mass outside of its mask" if is_center else "point outside of its mask"
        remarks.append(Remark(text, "point", _rounded(point), is_suspect=not is_center))
    if box is not None:
        (left, top, width, height), (mask_left, mask_top, mask_width, mask_height) = box, measures.box
        # Distances between the four edges
        far = max(abs(left - mask_left), abs(top - mask_top))
        far = max(far, abs(left + width - mask_left - mask_width), abs(top + height - mask_top - mask_height))
        if far > max(_PIXELS, _BOX_TOLERANCE * max(mask_width, mask_height)):
            both = (_rounded(box), measures.box)
            field = "box of the file, and of the mask,"
            remarks.append(Remark("box that does not fit its mask", field, both, is_suspect=True))
    if area is not None:
        of_box = measures.box[2] * measures.box[3]
        if not measures.area / 2 - _SMALL_AREA <= area <= 1.5 * of_box + _SMALL_AREA:
            both = (area, measures.area)
            field = "area of the file, and of the mask,"
            remarks.append(Remark("area that does not fit its mask", field, both, is_suspect=True))
    return remarks


def doubt_about_box(box: Sequence[float] | None, size: tuple[int, int]) -> Remark | None:
    """Return a remark on a box without a mask that does not fit its image, perhaps because it holds two corners.

    Args:
        box: [x, y, width, height] in pixels.
        size: (width, height) of the image in pixels.
    """
    if box is None:
        return None
    (left, top, right, bottom), (width, height) = box, size
    is_beyond = left + right > width + _PIXELS or top + bottom > height + _PIXELS
    if not is_beyond or not (0 <= left < right <= width and 0 <= top < bottom <= height):
        return doubt_about_extent(np.array([[left, top], [left + right, top + bottom]]), size, "bbox")
    text = "box beyond its image (a COCO box is [x, y, width, height]; this one seems to end with its second corner)"
    return Remark(text, "bbox", _rounded(box), is_suspect=True)


def doubt_about_extent(corners: np.ndarray, size: tuple[int, int], field: str) -> Remark | None:
    """Return a remark on a shape that reaches far beyond its image, where it is cut off; None for any other.

    Args:
        corners: (N, 2) corners in pixels, before they are clipped.
        size: (width, height) of the image in pixels.
        field: field of the annotation file.
    """
    beyond = np.maximum(-corners.min(axis=0), corners.max(axis=0) - size)
    if (beyond <= np.maximum(_PIXELS, _BEYOND * np.array(size))).all():
        return None
    text = "shape far beyond its image (cut off there; was it drawn on an image of another size?)"
    extent = [*_rounded(corners.min(axis=0)), *_rounded(corners.max(axis=0))]
    return Remark(text, f"extent of {field}", extent, is_suspect=True)


def doubt_about_polygons(polygons: Sequence[Sequence[float]], size: tuple[int, int], field: str) -> Remark | None:
    """Return a remark on polygons that reach far beyond their image; see `doubt_about_extent`.

    Args:
        polygons: [x0, y0, x1, y1, …] each, in pixels.
        size: (width, height) of the image in pixels.
        field: field of the annotation file.
    """
    return doubt_about_extent(np.concatenate([np.reshape(polygon, (-1, 2)) for polygon in polygons]), size, field)


def doubt_about_name(name: Any) -> Remark | None:
    """Return a remark on a class whose name other programs write for a missing value; None for any other."""
    if not isinstance(name, str) or name.strip().lower() not in _MISSING_WORDS:
        return None
    text = "label that stands for a missing one (taken as a class; leave it empty for a bare click)"
    return Remark(text, "label", name, is_suspect=True)


def are_fractions(values: Sequence[Any]) -> bool:
    """Return True for coordinates in parts of the image: all within 0 … 1, and not all at the corners of a pixel."""
    numbers = [value for value in values if isinstance(value, (int, float))]
    in_range = bool(numbers) and all(0 <= number <= 1 for number in numbers)
    return in_range and any(abs(number - round(number)) > _CORNER_TOLERANCE for number in numbers)


class FractionsCheck:
    """A check of the unit of all clicks in a file: those in parts of the image would all be in its first pixel."""

    def __init__(self) -> None:
        self.points: set[tuple[float, ...]] = set()
        self.in_first_pixel = True

    def add(self, item: Mapping[str, Any], size: tuple[int, int]) -> None:
        """Look at the next object."""
        if item["segmentation"] is None and item["bbox"] is None and item["point"] is not None:
            self.add_point(item["point"], size)

    def add_point(self, point: Sequence[float], size: tuple[int, int]) -> None:
        """Look at the next click; `size` is (width, height) of its image in pixels."""
        if self.in_first_pixel:
            self.points.add(tuple(point))
            self.in_first_pixel = max(point) <= 1 and min(size) > _SMALL_SIDE

    def conclude(self, source: str) -> None:
        """Raise an error if all clicks are in parts of the image."""
        has_fractions = any(value != int(value) for point in self.points for value in point)
        if len(self.points) > 1 and self.in_first_pixel and has_fractions:
            example = _rounded(min(self.points))
            raise UserError(
                f"{source}: all {len(self.points)} clicks lie in the first pixel of their image, such as {example}: "
                "they seem to be parts of the image (0 to 1); multiply x by its width and y by its height in pixels"
            )


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 2) for value in values]
