# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""VGG Image Annotator 2 (robots.ox.ac.uk/~vgg/software/via) ⇄ dataset: a project, or its annotations as JSON.

Reading:

| region | becomes |
|---|---|
| `point` | a click; without a class a bare click |
| `polygon`, `circle`, `ellipse` | a mask |
| `rect` | a box whose center is the point |

Lines (`polyline`) are errors. The class of a region is the value of one region attribute: of the only one that the
regions have, otherwise of the one called label, class, type or name, in any case; `load_via` takes another name. The
file attribute of this name holds image-level labels, the file attribute `complete` (yes or no) states whether all
objects are annotated. Without it an image with regions is complete, and an image without any is unlabeled, because a
project lists all its images. Coordinates are pixels on a plane.

Writing: `write_via` makes a project. The parts and holes of a mask become one polygon with seams of zero width, along
the edges of the pixels, and survive exactly; the point of a mask is not written, so that it is the mask's center when
it is read again. Crowds are left out.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from ...ops.coco_masks import decode_rle
from ...ops.documents import parse_json, read_text
from ...ops.polygons import join_polygons, mask_to_polygons
from ...ops.user_error import UserError, UserFileNotFoundError
from ...ops.wording import brief
from ..errors import AnnotationError, LoadReport
from ..schema import class_names as names_of
from .fields import (
    box,
    box_alone,
    click,
    ellipse_mask,
    place_of_point,
    polygon_mask,
    read_angle,
    read_flag,
    read_number,
    warn_of_crowds,
)
from .image_index import ImageIndex
from .load_options import LoadOptions
from .reader import AnnotationReader, ImageAnnotation, LabelAndValues, ObjectAnnotation
from .sniffing import FileHead

CLASS_ATTRIBUTES = ("label", "class", "type", "name")

_METADATA = "_via_img_metadata"
_SHAPES = ("point", "polygon", "circle", "ellipse", "rect")


def is_via(head: FileHead) -> bool:
    """Return True for a JSON object with the keys of a VIA project, or of its images."""
    return _METADATA in head.json_keys() or {"filename", "regions"} <= head.json_keys(depth=2)


def load_via(path: str | Path, image_dir: str | Path, class_attribute: str | None = None, **options: Any) -> Dataset:
    """Load a VIA project or its annotations (see the module) into the schema, one row per image, in file order.

    Args:
        path: JSON file of a project, or of its annotations.
        image_dir: folder that contains the images.
        class_attribute: region attribute that holds the class; None chooses it (see the module).
        options: fields of `LoadOptions`.

    Raises:
        UserFileNotFoundError: the file or an image is missing.
        UserError: the file is invalid; the message names file, image, region, field, value and remedy.
    """
    settings, path = LoadOptions(**options), Path(path)
    report = settings.start_report(path)
    if not path.is_file():
        raise UserFileNotFoundError(f"{path}: annotation file not found; give a VIA project or its annotations as JSON")
    # The choice of the attribute depends on all regions of the file
    images = _read_images(path)
    attribute = _class_attribute(images, class_attribute, path)
    reader = AnnotationReader(ImageIndex(image_dir, settings.allow_outside), report, settings, image_field="filename")
    return reader.to_dataset(_images(images, attribute, report))


def write_via(dataset: Dataset, path: Path) -> Path:
    """Write a dataset as a VIA project (see the module).

    Returns:
        The path of the project.
    """
    class_names, crowds, images = names_of(dataset), 0, dict[str, Any]()
    for row in dataset.with_format(None):
        crowds += sum(item["iscrowd"] for item in row["objects"])
        image = row["image"]
        # VIA's key of an image is its name followed by the size of the file in bytes
        size = len(image["bytes"]) if image["bytes"] is not None else Path(image["path"]).stat().st_size
        images[f"{row['file_name']}{size}"] = {
            "filename": row["file_name"],
            "size": size,
            **_image_content(row, class_names),
        }

    # The project declares the attributes of regions and files, with one option per class.
    options = dict.fromkeys(class_names, "")
    attribute = {"description": "class", "options": options, "default_options": {}}
    completeness = {"description": "all objects annotated", "options": {"yes": "", "no": ""}, "default_options": {}}
    # A whole project, which VIA opens without further import.
    content = {
        "_via_settings": {
            "ui": {},
            "core": {"buffer_size": 18, "filepath": {}, "default_filepath": ""},
            "project": {"name": "pointwssis"},
        },
        _METADATA: images,
        "_via_attributes": {
            "region": {"label": {**attribute, "type": "dropdown"}},
            "file": {"label": {**attribute, "type": "checkbox"}, "complete": {**completeness, "type": "radio"}},
        },
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": list(images),
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    warn_of_crowds(crowds, "VIA")
    return path


# -- reading


def _read_images(path: Path) -> dict[str, Any]:
    """Return the records of the images by their key."""
    try:
        content = parse_json(read_text(path))
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error}); export it again") from error
    # A project holds the images under a key, an export of annotations consists of them.
    images = content.get(_METADATA, content) if isinstance(content, dict) else content
    if not isinstance(images, dict):
        raise UserError(f"{path}: holds a {type(images).__name__} instead of images; save the VIA project again")
    return images


def _regions(record: Any) -> list[Any]:
    """Return the regions of an image; VIA 1 numbers them in an object."""
    regions = record.get("regions") if isinstance(record, Mapping) else None
    return list(regions.values()) if isinstance(regions, Mapping) else regions if isinstance(regions, list) else []


def _class_attribute(images: Mapping[str, Any], wanted: str | None, path: Path) -> str | None:
    """Return the region attribute that holds the class; None if no region has an attribute."""
    # All attributes of regions, in the order of appearance
    names: dict[str, None] = {}
    for record in images.values():
        for region in _regions(record):
            attributes = region.get("region_attributes") if isinstance(region, Mapping) else None
            names |= dict.fromkeys(attributes if isinstance(attributes, Mapping) else ())
    if wanted is not None:
        if wanted not in names:
            raise UserError(f"{path}: class_attribute is {wanted!r}; use one of {list(names)}, as in the regions")
        return wanted

    # The only attribute, or one with a usual name.
    known = [name for usual in CLASS_ATTRIBUTES for name in names if name.strip().lower() == usual]
    if not names or len(names) == 1 or known:
        return known[0] if known else next(iter(names), None)
    raise UserError(
        f"{path}: the regions have the attributes {list(names)[:8]}, and it is unclear which one is the class; rename "
        "it to label in VIA, or call load_via with class_attribute"
    )


def _images(images: Mapping[str, Any], attribute: str | None, report: LoadReport) -> Iterator[ImageAnnotation]:
    for key, record in images.items():
        record_name = f"image {brief(key)}"
        try:
            yield _image(record, record_name, attribute)
        except AnnotationError as bad:
            report.reject(record_name, bad)


def _image(record: Any, record_name: str, attribute: str | None) -> ImageAnnotation:
    if not isinstance(record, Mapping):
        raise AnnotationError("not a JSON object", "image", record, "save the VIA project again")
    name, regions = record.get("filename"), record.get("regions", [])
    if not isinstance(name, str) or not name:
        raise AnnotationError("filename is not text", "filename", name, "give the path of the image file")
    if not isinstance(regions, (list, Mapping)):
        raise AnnotationError("regions is not a list", "regions", regions, "save the VIA project again")
    attributes = record.get("file_attributes") or {}
    if not isinstance(attributes, Mapping):
        raise AnnotationError("not a JSON object", "file_attributes", attributes, "save the VIA project again")

    # Regions are decoded later, when the size of the image is known.
    image = ImageAnnotation(record_name, name, was_annotated=len(regions) > 0)
    if attributes.get("complete") not in (None, ""):
        image.complete = read_flag(attributes["complete"], "file_attributes.complete")
    # Image-level labels are in the file attribute of the same name
    image.image_labels = _chosen(attributes.get(attribute or "label"), "file_attributes")
    for position, region in enumerate(_regions(record), start=1):
        decode = partial(_decode_region, region, attribute)
        image.objects.append(ObjectAnnotation(f"{record_name}, region {position}", decode))
    return image


def _chosen(value: Any, field: str) -> list[str]:
    """Return the values of an attribute: text, or the true options of a checkbox."""
    if isinstance(value, Mapping):
        return [option for option, is_chosen in value.items() if is_chosen]
    if value is not None and not isinstance(value, str):
        raise AnnotationError("attribute is neither text nor options", field, value, "write the name of the class")
    return [value] if value else []


def _decode_region(region: Any, attribute: str | None, width: int, height: int) -> LabelAndValues:
    shape = region.get("shape_attributes") if isinstance(region, Mapping) else None
    if not isinstance(shape, Mapping):
        raise AnnotationError("region without a shape", "shape_attributes", shape, "draw it again or remove it")
    attributes = region.get("region_attributes") or {}
    if not isinstance(attributes, Mapping):
        raise AnnotationError("not a JSON object", "region_attributes", attributes, "save the VIA project again")
    field = f"region_attributes.{attribute}"
    # A checkbox may hold several options, an object has one class.
    labels = _chosen(attributes.get(attribute), field)
    if len(labels) > 1:
        raise AnnotationError("several classes of a region", field, labels, "an object has one class; choose one")
    return (labels[0] if labels else None), _decode_shape(shape, width, height)


def _decode_shape(shape: Mapping[str, Any], width: int, height: int) -> dict[str, Any]:
    kind = shape.get("name")
    if kind not in _SHAPES:
        hint = f"use {', '.join(_SHAPES)}"
        raise AnnotationError("shape is neither a click nor a region", "shape_attributes.name", kind, hint)
    if kind == "polygon":
        columns = [_coordinates(shape, key) for key in ("all_points_x", "all_points_y")]
        if len(columns[0]) != len(columns[1]):
            counts = f"{len(columns[0])} and {len(columns[1])}"
            hint = "draw the polygon again or remove it"
            raise AnnotationError("different numbers of coordinates", "all_points_x, all_points_y", counts, hint)
        return polygon_mask([np.stack(columns, axis=1).ravel().tolist()], width, height, "all_points_x, all_points_y")
    if kind == "rect":
        x, y, box_width, box_height = (read_number(shape.get(key), key) for key in ("x", "y", "width", "height"))
        # Two opposite corners suffice, since VIA does not rotate rectangles.
        corners = np.array([[x, y], [x + box_width, y + box_height]])
        return box(corners, width, height, "x, y, width, height")
    # Point, circle and ellipse share their center
    x, y = (read_number(shape.get(key), key) for key in ("cx", "cy"))
    if kind == "point":
        return click(x, y, width, height, "cx, cy")
    if kind == "circle":
        radius = read_number(shape.get("r"), "r")
        return ellipse_mask((x, y), (radius, radius), 0, width, height, "r")
    radii = (read_number(shape.get("rx"), "rx"), read_number(shape.get("ry"), "ry"))
    degrees = read_angle(shape.get("theta"), "theta", turn=math.tau)  # VIA writes radians
    return ellipse_mask((x, y), radii, degrees, width, height, "rx, ry")


def _coordinates(shape: Mapping[str, Any], key: str) -> np.ndarray:
    values = shape.get(key)
    if not isinstance(values, list):
        raise AnnotationError(f"{key} is not a list", key, values, "draw the polygon again or remove it")
    return np.array([read_number(value, key) for value in values])


# -- writing


def _image_content(row: Mapping[str, Any], class_names: Sequence[str]) -> dict[str, Any]:
    """Return regions and file attributes of an image."""
    regions = []
    for item in row["objects"]:
        # Crowds, and objects without mask, box and point, are left out
        shape = None if item["iscrowd"] else _shape(item, row["width"], row["height"])
        if shape is not None:
            label = {} if item["category"] is None else {"label": class_names[item["category"]]}
            regions.append({"shape_attributes": shape, "region_attributes": label})
    # A checkbox lists its options that are true
    attributes: dict[str, Any] = {}
    if row["image_labels"]:
        attributes["label"] = {class_names[label]: True for label in row["image_labels"]}
    # Unless it is stated, regions mean complete and no regions mean unlabeled.
    if not row["complete"]:
        attributes["complete"] = "no"
    elif not row["objects"]:
        attributes["complete"] = "yes"
    return {"regions": regions, "file_attributes": attributes}


def _shape(item: Mapping[str, Any], width: int, height: int) -> dict[str, Any] | None:
    """Return one polygon for a mask, otherwise a box if nothing else is known, otherwise a point, or None."""
    rings = [] if item["segmentation"] is None else mask_to_polygons(decode_rle(item["segmentation"]))
    if rings:
        # A region is one ring, so the parts of the mask are joined.
        ring = join_polygons(rings)
        return {"name": "polygon", "all_points_x": ring[0::2], "all_points_y": ring[1::2]}
    bbox = box_alone(item, width, height)
    if bbox is not None:
        return {"name": "rect", **dict(zip(("x", "y", "width", "height"), bbox, strict=True))}
    if item["point"] is not None:
        x, y = place_of_point(item["point"], width, height)
        return {"name": "point", "cx": x, "cy": y}
    return None
