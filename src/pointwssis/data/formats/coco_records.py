# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""One record of a COCO file: every function returns the value in the form of the schema or raises `AnnotationError`."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...ops.coco_masks import RLE, decode_rle, rle_area, rle_box, segmentation_to_rle
from ...ops.images import check_image
from ...ops.points import PointSource, point_from_mask
from ..errors import AnnotationError
from ..schema import make_object
from .image_index import ImageIndex

_BOX_HINT = ", or load with point_source='box_center' (--point_source box_center of a command)"


def read_id(record: Any, field: str = "id") -> int:
    """A whole number from `record[field]`."""
    if not isinstance(record, Mapping):
        raise AnnotationError("not a JSON object", "record", record, "write it as {…}")
    value = required(record, field)
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())  # 7.0, as tables have it
    if isinstance(value, bool) or not whole or abs(value) >= 2**63:
        raise AnnotationError(f"{field} is no whole number of 64 bits", field, value, "number the records 1, 2, 3, …")
    return int(value)


def required(record: Mapping[str, Any], field: str) -> Any:
    if field not in record:
        raise AnnotationError(f"missing key {field}", field, "missing", f"add it; the record has {sorted(record)}")
    return record[field]


def read_image_record(record: Mapping[str, Any], images: ImageIndex | Path, complete: bool = True) -> dict[str, Any]:
    """File and size of an image, compared with the header of the file itself.

    Args:
        record: of the image.
        images: where its file is; a path: take the record's word for all of it.
        complete: whether all objects are marked of an image that does not say it itself.

    Returns:
        The fields `image`, `image_id`, `width`, `height`, `file_name` and `complete` of a row.
    """
    name = required(record, "file_name")
    width, height = (_read_side(required(record, field), field) for field in ("width", "height"))
    if not isinstance(name, str) or not name:
        raise AnnotationError("file_name is no text", "file_name", name, "give the path below the image folder")
    if isinstance(images, Path):
        path = (images / name).absolute()
    else:
        path = images.find(name, uploaded=True, field="file_name")
        read_size(path, name, (width, height))
        if path != images.folder / name:  # it was looked for
            name = images.name_of(path)
    complete = record.get("complete", complete)
    if not isinstance(complete, bool):
        raise AnnotationError("complete is neither true nor false", "complete", complete, "write true or false")
    fields = {"image": str(path), "image_id": read_id(record), "width": width, "height": height}
    return {**fields, "file_name": name, "complete": complete}


def _read_side(side: Any, field: str) -> int:
    if isinstance(side, bool) or not isinstance(side, (int, float)) or side <= 0 or side != side // 1:
        raise AnnotationError(f"{field} is no positive whole number", field, side, "give the size in pixels")
    return int(side)


def read_size(path: Path, name: str, said: tuple[int, int] | None = None, field: str = "file_name") -> tuple[int, int]:
    """(width, height) of an upright image, by its header, compared with what the annotation file says.

    Args:
        path: of the image.
        name: what the annotation file calls it.
        said: (width, height) in the annotation file, None where it says nothing.
        field: of the annotation file that names the image.
    """
    try:
        size = check_image(path)
    except FileNotFoundError as error:
        raise AnnotationError("missing image file", field, name, str(error), FileNotFoundError) from error
    except ValueError as error:
        raise AnnotationError("unreadable image file", field, name, str(error)) from error
    if said is not None and size != said:
        turned = " (swapped, as by an EXIF orientation: label the upright picture, or strip the tag)"
        hint = turned if size == said[::-1] else ""
        remedy = f"{path} has {size[0]} × {size[1]} pixels{hint}; the labels would not fit"
        raise AnnotationError("size differs from the file's", "width × height", f"{said[0]} × {said[1]}", remedy)
    return size


def read_category(category_id: Any, index_of: Mapping[int, int], field: str = "category_id") -> int:
    """Class index of a category id."""
    number = isinstance(category_id, (int, float)) and not isinstance(category_id, bool)
    if not number or category_id not in index_of:  # 1.0, as tables have it, finds 1
        known = f"{sorted(index_of)[:10]}{'…' if len(index_of) > 10 else ''}"
        raise AnnotationError("unknown category", field, category_id, f"list it under 'categories', which has {known}")
    return index_of[category_id]


def read_image_labels(record: Mapping[str, Any], index_of: Mapping[int, int]) -> list[int] | None:
    """Class indices of an image-level label (a list of category ids), None without one."""
    labels = record.get("image_labels")
    if labels is None:
        return None
    if not isinstance(labels, list):
        raise AnnotationError("image_labels is no list", "image_labels", labels, "give a list of category ids")
    return [read_category(label, index_of, "image_labels") for label in labels]


def read_object(record: Mapping[str, Any], index_of: Mapping[int, int], width: int, height: int) -> dict[str, Any]:
    """One annotation as an entry of `objects`; `point` stays None when the annotation has none of its own.

    Only an annotation with a point and no mask may lack a category: it is a bare click.
    """
    values: dict[str, Any] = {"iscrowd": _read_crowd(record)}
    for field in ("segmentation", "rough_segmentation"):
        if record.get(field):  # null and [] say that there is none
            values[field] = read_mask(record[field], field, width, height)
    values["point"] = _own_point(record, "segmentation" in values, width, height)
    if record.get("bbox"):
        values["bbox"] = read_numbers(record["bbox"], "bbox", 4)
        if min(values["bbox"][2:]) < 0:
            raise AnnotationError("negative box size", "bbox", record["bbox"], "give [x, y, width, height]")
    for field in ("area", "score"):
        if record.get(field) is not None:
            values[field] = read_numbers([record[field]], field, 1)[0]
    if record.get("level") is not None:
        values["level"] = int(read_numbers([record["level"]], "level", 1)[0])
    bare_click = record.get("category_id") is None and values["point"] is not None and "segmentation" not in values
    category = None if bare_click else read_category(required(record, "category_id"), index_of)
    return make_object(read_id(record), category, **measured(values))


def measured(values: dict[str, Any]) -> dict[str, Any]:
    """The fields of an object, with area and box of its mask where they are not given."""
    rle = values.get("segmentation")
    if rle is not None:
        area = float(rle_area(rle))
        values.setdefault("area", area)
        if area:
            values.setdefault("bbox", rle_box(rle))
    return values


def derive_point(
    item: Mapping[str, Any], width: int, height: int, point_source: PointSource, generator: np.random.Generator
) -> tuple[list[float], str | None]:
    """The point of an object that has none of its own.

    "center" and "random" need a mask; "box_center" takes the annotation's box, so that box labels become points
    (as the paper does for BDD100K). A mask without a pixel gets the center of its box.

    Returns:
        The point [x, y] in pixel indices of the image, and a remark when a person should have a look.
    """
    rle = item["segmentation"]
    empty = rle is not None and not rle_area(rle)
    if item["bbox"] is not None and (empty or point_source == "box_center"):
        x, y, box_width, box_height = item["bbox"]
        inside = -box_width < x < width and -box_height < y < height and min(box_width, box_height) > 0
        if rle is None and not inside:
            remedy = f"the image has {width} × {height} pixels; draw the box again or remove it"
            raise AnnotationError("box without a pixel of the image", "bbox", item["bbox"], remedy)
        remark = "mask without a pixel (its point is the center of its box)"
        return box_center(item["bbox"], width, height), remark if empty else None
    if rle is None or empty:
        remedy = "give it a point [x, y] or a segmentation" + (_BOX_HINT * bool(item["bbox"]))
        raise AnnotationError(
            "neither point nor mask" if rle is None else "mask without a pixel", "segmentation", rle, remedy
        )
    (x, y), inside = _point_in(rle, point_source, generator)
    return [x, y], None if inside else "center of mass outside of its mask"


def box_center(bbox: Sequence[float], width: int, height: int) -> list[float]:
    """Center [x, y] of COCO's box, whose numbers are edges, in pixel indices of an image and inside of it."""
    x, y, box_width, box_height = bbox
    center = (x + box_width / 2 - 0.5, y + box_height / 2 - 0.5)
    return [min(max(c, 0.0), side - 1.0) for c, side in zip(center, (width, height), strict=True)]


def _point_in(rle: RLE, point_source: PointSource, generator: np.random.Generator) -> tuple[tuple[float, float], bool]:
    """The derived point in image pixels, and whether the mask covers it; only the mask's box is looked at."""
    left, top, box_width, box_height = (int(value) for value in rle_box(rle))
    crop = decode_rle(rle)[top : top + box_height, left : left + box_width]
    x, y = point_from_mask(crop, point_source, generator)
    return (x + left, y + top), bool(crop[round(y), round(x)])


def read_mask(value: Any, field: str, width: int, height: int) -> RLE:
    """A COCO `segmentation` (polygons or run lengths) of an image of this size."""
    far = 2 * max(width, height)  # a stray vertex is cut off at the border; one that is miles away overruns pycocotools
    for polygon in value if isinstance(value, list) else []:
        for number in polygon if isinstance(polygon, list) else []:
            if isinstance(number, (int, float)) and far < abs(number) < math.inf:
                remedy = f"coordinates are pixels of an image of {width} × {height}, {number} is far outside of it"
                raise AnnotationError("polygon far outside of the image", field, value, remedy)
    try:
        return segmentation_to_rle(value, height, width)
    except ValueError as error:
        raise AnnotationError(f"bad {field}", field, value, f"{error}; export it again or remove it") from error


def _own_point(record: Mapping[str, Any], has_mask: bool, width: int, height: int) -> list[float] | None:
    """The point that an annotation carries itself: `point`, `points`, or `keypoints` where there is no mask.

    Of several clicks on one object, and of several keypoints that are labeled (v > 0), it is the one nearest to their
    mean. Keypoints beside a mask are parts of the object (a person's joints), so the mask's center serves better.
    """
    if record.get("point") is not None:
        return read_point(record["point"], width, height)
    field, points = "points", record.get("points")
    if not points and not has_mask and record.get("keypoints"):
        field, numbers = "keypoints", record["keypoints"]
        if not isinstance(numbers, list) or len(numbers) % 3:
            raise AnnotationError("keypoints do not come in threes", field, numbers, "give x, y, v of each keypoint")
        triples = [read_numbers(numbers[start : start + 3], field, 3) for start in range(0, len(numbers), 3)]
        points = [[x, y] for x, y, visibility in triples if visibility > 0]
    if not points:
        return None
    if not isinstance(points, list):
        raise AnnotationError("points is no list", field, points, "give [[x, y], …]")
    if not any(isinstance(point, list) for point in points):
        points = [points]
    found = np.array([read_point(point, width, height, field) for point in points])
    distances = np.square(found - found.mean(axis=0)).sum(axis=1)
    return [float(value) for value in found[distances.argmin()]]


def _read_crowd(record: Mapping[str, Any]) -> bool:
    value = record.get("iscrowd") or 0
    if value not in (0, 1):
        raise AnnotationError("iscrowd is neither 0 nor 1", "iscrowd", value, "write 0 or 1")
    return bool(value)


def read_point(value: Any, width: int, height: int, field: str = "point") -> list[float]:
    """A point [x, y] in pixel indices of the image."""
    with np.errstate(over="ignore"):  # infinity is outside too
        x, y = (float(np.float32(number)) for number in read_numbers(value, field, 2))  # the schema's precision
    if not (0 <= x < width and 0 <= y < height):
        remedy = f"points are [x, y] in pixels of the image, 0 ≤ x < {width} and 0 ≤ y < {height}"
        raise AnnotationError("point outside of the image", field, value, remedy)
    return [x, y]


def read_numbers(value: Any, field: str, count: int) -> list[float]:
    """A list of so many finite numbers."""
    if not isinstance(value, (list, tuple)) or len(value) != count:
        raise AnnotationError(f"{field} does not hold {count} numbers", field, value, f"give {count} numbers")
    if any(isinstance(number, bool) or not isinstance(number, (int, float)) for number in value):
        raise AnnotationError(f"{field} holds something that is no number", field, value, f"give {count} numbers")
    if not all(math.isfinite(number) for number in value):
        raise AnnotationError(
            f"{field} is NaN or infinite", field, value, "give finite numbers or remove the annotation"
        )
    return [float(number) for number in value]
