# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Single records of a COCO file: every reader returns a value of the schema or raises `AnnotationError`."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...ops.coco_masks import RLE, decode_rle, segmentation_to_rle
from ...ops.mask_measures import MaskMeasures, measure_mask
from ...ops.points import PointSource, point_from_mask
from ...ops.wording import brief
from ..errors import AnnotationError, Remark
from ..schema import make_object
from .doubts import are_fractions, doubt_about_box, doubt_about_polygons, doubts

_BOX_HINT = ", or load with point_source='box_center' (on the command line: --point_source box_center)"
_MAX_LISTED = 10  # category ids that a message lists
_MAX_LEVELS = 16
_OTHER_TASKS = {"segments_info": "panoptic annotation", "caption": "annotation of another task"}
BORDER_TOLERANCE = 1e-4  # part of the image's side by which rounding in a file may exceed it


def read_id(record: Any, field: str = "id") -> int:
    """Read an integer from `record[field]`."""
    if not isinstance(record, Mapping):
        raise AnnotationError("not a JSON object", "record", record, "write it as {…}")
    value = required(record, field)
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())  # tables may write 7.0
    # Python counts true as an integer; larger ids do not fit into the schema.
    if isinstance(value, bool) or not is_whole or abs(value) >= 2**63:
        raise AnnotationError(f"{field} is not a 64-bit integer", field, value, "number the records 1, 2, 3, …")
    return int(value)


def required(record: Mapping[str, Any], field: str) -> Any:
    """Return `record[field]`, which must exist."""
    if field not in record:
        raise AnnotationError(f"missing key {field}", field, "missing", f"add it to {brief(sorted(record))}")
    return record[field]


def check_is_instance(record: Any) -> None:
    """Raise an `AnnotationError` for an annotation of COCO's other tasks, which lacks what an instance has."""
    for field, kind in _OTHER_TASKS.items():
        if isinstance(record, Mapping) and field in record:
            hint = "give the file of instances, such as instances_val2017.json"
            raise AnnotationError(kind, field, record[field], hint)


def read_category(category_id: Any, index_of: Mapping[int, int], field: str = "category_id") -> int:
    """Return the class index of a category id."""
    is_number = isinstance(category_id, (int, float)) and not isinstance(category_id, bool)
    if not is_number or category_id not in index_of:  # 1.0, as tables may write it, finds 1
        if isinstance(category_id, str):
            hint = "write the number of the category, without quotes"
            raise AnnotationError("category is not a number", field, category_id, hint)
        known = f"{sorted(index_of)[:_MAX_LISTED]}{'…' if len(index_of) > _MAX_LISTED else ''}"
        raise AnnotationError("unknown category", field, category_id, f"list it under 'categories', which has {known}")
    return index_of[category_id]


def read_image_labels(record: Mapping[str, Any], index_of: Mapping[int, int]) -> list[int] | None:
    """Return the class indices of an image-level label (a list of category ids), None without one."""
    labels = record.get("image_labels")
    if labels is None:
        return None
    if not isinstance(labels, list):
        raise AnnotationError("image_labels is not a list", "image_labels", labels, "give a list of category ids")
    return [read_category(label, index_of, "image_labels") for label in labels]


def read_object_values(
    record: Mapping[str, Any], index_of: Mapping[int, int], width: int, height: int
) -> tuple[int, int | None, dict[str, Any]]:
    """Read one annotation; the point is None if the annotation does not state one.

    Only an annotation with a point and no mask may lack a category: it is a bare click.

    Returns:
        Id, class index, and the values that `build_object` takes.
    """
    check_is_instance(record)
    values: dict[str, Any] = {"iscrowd": _read_crowd(record)}
    # Polygons and run lengths alike become compressed run lengths of the image's size
    for field in ("segmentation", "rough_segmentation"):
        if record.get(field):  # null and [] mean that there is none
            values[field] = read_mask(record[field], field, width, height)
    values["remarks"] = _doubts_about_record(record, values["iscrowd"], (width, height))
    # Keypoints count only without a mask, so the masks are read first.
    values["point"] = _own_point(record, "segmentation" in values, width, height)
    if record.get("bbox"):
        # Only the sides are checked: a box may reach beyond the border
        values["bbox"] = read_numbers(record["bbox"], "bbox", 4)
        if min(values["bbox"][2:]) < 0:
            raise AnnotationError("negative box size", "bbox", record["bbox"], "give [x, y, width, height]")
    # Optional numbers, missing or null if there is none
    for field in ("area", "score"):
        if record.get(field) is not None:
            values[field] = read_numbers([record[field]], field, 1)[0]
    _check_ranges(values)
    if record.get("level") is not None:
        values["level"] = _read_level(record["level"])
    # The teacher assigns a class to a click; everything else states its own.
    is_bare_click = record.get("category_id") is None and values["point"] is not None and "segmentation" not in values
    category = None if is_bare_click else read_category(required(record, "category_id"), index_of)
    return read_id(record), category, values


def _check_ranges(values: Mapping[str, Any]) -> None:
    if values.get("area", 0) < 0:
        hint = "give the number of pixels, or leave area out"
        raise AnnotationError("negative area", "area", values["area"], hint)
    if not 0 <= values.get("score", 0) <= 1:
        raise AnnotationError("score outside of 0 … 1", "score", values["score"], "give a fraction, or leave it out")
    # Sides of at most one pixel, and no mask to tell the unit
    box = values.get("bbox")
    if box and "segmentation" not in values and are_fractions(box):
        hint = "multiply x and width by the width of the image in pixels, y and height by its height"
        raise AnnotationError("coordinates seem to be parts of the image (0 to 1)", "bbox", box, hint)


def _read_level(value: Any) -> int:
    level = read_numbers([value], "level", 1)[0]
    if level not in range(_MAX_LEVELS):
        hint = "give the number of the pyramid level, 0, 1, …, or leave it out"
        raise AnnotationError("level is not the number of a pyramid level", "level", value, hint)
    return int(level)


def build_object(
    id: int,
    category: Any,
    values: Mapping[str, Any],
    size: tuple[int, int],
    point_source: PointSource = "center",
    seed: Sequence[int] = (0,),
) -> tuple[dict[str, Any], list[Remark]]:
    """Build an entry of `objects`; missing values are derived from the mask, which is measured once.

    Args:
        id: id of the object.
        category: class index, or class name that the caller replaces later.
        values: values of `make_object`. Missing `area` and `bbox` are those of the mask, a missing `point` is derived
            as `point_source` says; crowds have none. `remarks` are those on the record itself.
        size: (width, height) of the image in pixels.
        point_source: rule for deriving the point.
        seed: seed of a "random" point.

    Returns:
        The object, and remarks on values that deserve attention.
    """
    values = {**values}
    remarks = [*values.pop("remarks", ())]
    item = make_object(id, category, **values)
    # One pass over the run lengths serves area, box and point
    measures = None if item["segmentation"] is None else measure_mask(item["segmentation"])
    if measures is not None:
        remarks += doubts(values, measures)
        # Values of the file win over measured ones
        if item["area"] is None:
            item["area"] = float(measures.area)
        if item["bbox"] is None and measures.area:
            item["bbox"] = measures.box
    elif doubt := doubt_about_box(item["bbox"], size):
        remarks.append(doubt)
    if item["point"] is None and not item["iscrowd"]:
        # Each object has a generator of its own, so its point does not depend on other objects.
        generator = np.random.default_rng(seed) if point_source == "random" else None
        item["point"], text = derive_point(item, size, point_source, generator, measures)
        if text:
            remarks.append(Remark(text, "point", [round(value, 2) for value in item["point"]]))
    return item, remarks


def derive_point(
    item: Mapping[str, Any],
    size: tuple[int, int],
    point_source: PointSource,
    generator: np.random.Generator | None = None,
    measures: MaskMeasures | None = None,
) -> tuple[list[float], str | None]:
    """Derive the point of an object without one from its mask or box.

    "center" and "random" need a mask; "box_center" takes the annotation's box, so that box labels become points
    (as in the paper for BDD100K). An empty mask gets the center of its box.

    Args:
        item: object with `segmentation` and `bbox`.
        size: (width, height) of the image in pixels.
        point_source: rule for deriving the point.
        generator: random generator of a "random" point.
        measures: measures of the mask, if they are known already.

    Returns:
        The point [x, y] in pixel indices of the image, and a remark if it deserves attention.
    """
    rle = item["segmentation"]
    if measures is None and rle is not None:
        measures = measure_mask(rle)
    is_empty = measures is not None and not measures.area

    # The center of the box: wanted, or the only one that an empty mask has.
    if item["bbox"] is not None and (is_empty or point_source == "box_center"):
        # A box outside of the image has a center that clipping would move to an unrelated pixel.
        if rle is None:
            _check_box_overlaps(item["bbox"], size)
        remark = "mask without a pixel (its point is the center of its box)"
        return box_center(item["bbox"], size), remark if is_empty else None
    # Nothing is left to derive a point from
    if measures is None or measures.center is None:
        problem = "neither point nor mask" if rle is None else "mask without a pixel"
        hint = "give it a point [x, y] or a segmentation" + (_BOX_HINT if item["bbox"] else "")
        raise AnnotationError(problem, "segmentation", rle, hint)

    # A point of the mask; drawing one needs only the pixels of its box.
    if point_source == "center":
        return list(measures.center), None if measures.center_is_inside else "center of mass outside of its mask"
    # Other sources need pixels: work in the crop of the mask's box, then shift the point back
    left, top, box_width, box_height = (int(value) for value in measures.box)
    crop = decode_rle(rle)[top : top + box_height, left : left + box_width]
    x, y = point_from_mask(crop, point_source, generator)
    is_inside = bool(crop[round(y), round(x)])
    return [x + left, y + top], None if is_inside else "center of mass outside of its mask"


def _check_box_overlaps(bbox: Sequence[float], size: tuple[int, int]) -> None:
    x, y, box_width, box_height = bbox
    if not (-box_width < x < size[0] and -box_height < y < size[1] and min(box_width, box_height) > 0):
        hint = f"the image has {size[0]} × {size[1]} pixels; draw the box again or remove it"
        raise AnnotationError("box without a pixel of the image", "bbox", list(bbox), hint)


def box_center(bbox: Sequence[float], size: tuple[int, int]) -> list[float]:
    """Return the center [x, y] of a COCO box, clipped to an image.

    Args:
        bbox: [x, y, width, height] of the box's edges.
        size: (width, height) of the image in pixels.

    Returns:
        [x, y] in pixel indices.
    """
    x, y, box_width, box_height = bbox
    # Half a pixel leads from the plane to pixel indices
    center = (x + box_width / 2 - 0.5, y + box_height / 2 - 0.5)
    return [min(max(coordinate, 0.0), side - 1.0) for coordinate, side in zip(center, size, strict=True)]


def read_mask(value: Any, field: str, width: int, height: int) -> RLE:
    """Read a COCO `segmentation` (polygons or run lengths) of an image of this size."""
    polygons = value if isinstance(value, list) else []
    if polygons and all(isinstance(polygon, list) and are_fractions(polygon) for polygon in polygons):
        hint = f"multiply x by the width {width} and y by the height {height} of the image"
        raise AnnotationError("coordinates seem to be parts of the image (0 to 1)", field, value, hint)
    try:
        return segmentation_to_rle(value, height, width)
    except ValueError as error:
        raise AnnotationError(f"bad {field}", field, value, f"{error}; export it again or remove it") from error


def _own_point(record: Mapping[str, Any], has_mask: bool, width: int, height: int) -> list[float] | None:
    """Return the point that an annotation states: `point`, `points`, or `keypoints` if there is no mask.

    Of several clicks on one object, and of several labeled keypoints (v > 0), it is the one nearest to their mean.
    Keypoints beside a mask are parts of the object (such as a person's joints), so the mask's center serves better.
    """
    if record.get("point") is not None:
        return read_point(record["point"], width, height)

    # Keypoints are triples x, y, v.
    field, points = "points", record.get("points")
    if not points and not has_mask and record.get("keypoints"):
        field, numbers = "keypoints", record["keypoints"]
        if not isinstance(numbers, list) or len(numbers) % 3:
            raise AnnotationError("keypoints do not come in threes", field, numbers, "give x, y, v of each keypoint")
        # Keep labeled keypoints: v is 0 for those that are not.
        triples = [read_numbers(numbers[start : start + 3], field, 3) for start in range(0, len(numbers), 3)]
        points = [[x, y] for x, y, visibility in triples if visibility > 0]
    if not points:
        return None
    if not isinstance(points, list):
        raise AnnotationError("points is not a list", field, points, "give [[x, y], …]")
    # A flat [x, y] is a single click
    if not any(isinstance(point, list) for point in points):
        points = [points]
    points = _positive(points, record)
    return nearest_to_mean([read_point(point, width, height, field) for point in points]) if points else None


def _positive(points: list[Any], record: Mapping[str, Any]) -> list[Any]:
    """Return the points that lie on the object: prompts of a tool may mark others by a label of 0."""
    labels = record.get("point_labels", record.get("labels"))
    if not isinstance(labels, list) or len(labels) != len(points):
        return points
    return [point for point, label in zip(points, labels, strict=True) if label not in (0, -1)]


def nearest_to_mean(points: Sequence[Sequence[float]]) -> list[float]:
    """Return the one of several clicks on an object that is nearest to their mean."""
    clicks = np.array(points)
    distances = np.square(clicks - clicks.mean(axis=0)).sum(axis=1)
    return [float(value) for value in clicks[distances.argmin()]]


def _read_crowd(record: Mapping[str, Any]) -> bool:
    # Other tools mark what is not to be learned by `ignore`.
    values = {field: record.get(field) or 0 for field in ("iscrowd", "ignore")}
    for field, value in values.items():
        if value not in (0, 1):
            raise AnnotationError(f"{field} is neither 0 nor 1", field, value, "write 0 or 1")
    return any(values.values())


def _doubts_about_record(record: Mapping[str, Any], is_crowd: bool, size: tuple[int, int]) -> list[Remark]:
    """Return remarks on values that reading changes: polygons are clipped, and crowds are no objects."""
    remarks, polygons, attributes = [], record.get("segmentation"), record.get("attributes")
    if polygons and isinstance(polygons, list):
        remarks += filter(None, [doubt_about_polygons(polygons, size, "segmentation")])
    if is_crowd and isinstance(attributes, Mapping) and "occluded" in attributes:
        text = "crowd that may be a brush mask of CVAT (not learned; export as CVAT for images 1.1)"
        remarks.append(Remark(text, "iscrowd", 1, is_suspect=True))
    return remarks


def read_point(value: Any, width: int, height: int, field: str = "point") -> list[float]:
    """Read a point [x, y] in pixel indices of an image of this size; its border belongs to the outermost pixel."""
    x, y = read_numbers(value, field, 2)
    sides = (width, height)
    if all(
        -BORDER_TOLERANCE * side <= at <= (1 + BORDER_TOLERANCE) * side for at, side in zip((x, y), sides, strict=True)
    ):
        return [_inside(at, int(side)) for at, side in zip((x, y), sides, strict=True)]
    hint = f"points are [x, y] in pixels of the image, 0 ≤ x < {width} and 0 ≤ y < {height}"
    raise AnnotationError("point outside of the image", field, value, hint + swapped_hint(x, y, width, height))


def _inside(at: float, side: int) -> float:
    """Return a coordinate in the schema's precision, at least 0 and below the side of the image."""
    if at >= side:  # the border
        return side - 1.0
    # The largest float32 below the side is still inside.
    return float(np.clip(np.float32(at), 0, np.nextafter(np.float32(side), np.float32(0))))


def swapped_hint(x: float, y: float, width: int, height: int) -> str:
    """Return the end of a message if a point outside of the image would lie inside with x and y swapped; else ""."""
    if not (0 <= y < width and 0 <= x < height):
        return ""
    if x >= width:
        return f"; x {x:g} lies outside the width {width}, but fits the height: are x and y swapped?"
    return f"; y {y:g} lies outside the height {height}, but fits the width: are x and y swapped?"


def read_numbers(value: Any, field: str, count: int) -> list[float]:
    """Read a list of exactly `count` finite numbers."""
    if not isinstance(value, (list, tuple)) or len(value) != count:
        raise AnnotationError(f"{field} does not hold {count} numbers", field, value, f"give {count} numbers")
    # Python counts true and false as integers, so exclude them.
    if any(isinstance(number, bool) or not isinstance(number, (int, float)) for number in value):
        raise AnnotationError(f"{field} holds something that is not a number", field, value, f"give {count} numbers")
    try:
        numbers = [float(number) for number in value]
    except OverflowError:  # an integer of hundreds of digits
        numbers = [math.inf]
    if not all(math.isfinite(number) for number in numbers):
        hint = "give finite numbers or remove the annotation"
        raise AnnotationError(f"{field} is NaN or infinite", field, value, hint)
    return numbers
