# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""LabelMe JSON ⇄ dataset (github.com/wkentaro/labelme): one file per image, or a folder of such files.

Reading:

| shape | becomes |
|---|---|
| `point` | a click; without a label a bare click |
| `polygon`, `circle`, `mask` | a mask |
| `rectangle` | a box whose center is the point; it has two or four corners |

Shapes with the same `group_id` and label are parts of one object: polygons, circles and masks are united, and a point
among them is the object's point. Lines and line strips are errors. A true flag of the image is an image-level label;
the flags `complete` and `incomplete` state whether all objects are annotated. A file without shapes is an image known
to be empty. Coordinates are pixels on a plane. `imageData` is not read: images are found by `imagePath`.

Writing: `write_labelme` makes a folder of files. Masks become polygons along the edges of their pixels and survive
exactly, as do their points; crowds are left out. LabelMe opens the images by their path relative to the files.
"""

import base64
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from datasets import Dataset
from PIL import Image

from ...ops.coco_masks import decode_rle
from ...ops.documents import parse_json, read_text
from ...ops.folders import files_below
from ...ops.polygons import mask_to_polygons
from ...ops.user_error import UserError, UserFileNotFoundError
from ..errors import AnnotationError, LoadReport
from ..schema import class_names as names_of
from .coco_records import nearest_to_mean
from .fields import (
    box,
    box_alone,
    click,
    dense_mask,
    ellipse_mask,
    place_of_point,
    polygon_mask,
    read_corners,
    read_whole,
    united_masks,
    warn_of_crowds,
)
from .image_index import ImageIndex, path_parts
from .load_options import LoadOptions
from .reader import AnnotationReader, ImageAnnotation, LabelAndValues, ObjectAnnotation
from .sniffing import FileHead

_CORNER_TOLERANCE = 1e-3  # pixels
_VERSION = "5.5.0"  # of the LabelMe whose files these are
_SHAPE_TYPES = ("point", "polygon", "circle", "mask", "rectangle")


def is_labelme(head: FileHead) -> bool:
    """Return True for a JSON object with LabelMe's keys, or a folder with a file that has them."""
    if head.path.is_dir():
        return any(is_labelme(FileHead.of(file)) for file in _json_files(head.path) if file.is_file())
    return bool({"shapes", "imageData"} & head.json_keys())


def load_labelme(path: str | Path, image_dir: str | Path, **options: Any) -> Dataset:
    """Load LabelMe files (see the module) into the schema, one row per file, sorted by path.

    Args:
        path: one JSON file, or a folder that contains them, also in subfolders.
        image_dir: folder that contains the images.
        options: fields of `LoadOptions`. An image without a flag that says otherwise is complete.

    Raises:
        UserFileNotFoundError: the files or an image are missing.
        UserError: a file is invalid; the message names file, shape, field, value and remedy.
    """
    settings, path = LoadOptions(**options), Path(path)
    report = settings.start_report(path)
    # A folder without JSON files counts as missing, too
    files = _json_files(path) if path.is_dir() else [path]
    if not path.exists() or not files:
        raise UserFileNotFoundError(f"{path}: annotation file not found; give a LabelMe JSON file or a folder of them")
    reader = AnnotationReader(ImageIndex(image_dir, settings.allow_outside), report, settings, image_field="imagePath")
    return reader.to_dataset(_images(files, path, report))


def write_labelme(dataset: Dataset, folder: Path) -> Path:
    """Write a dataset as a folder of LabelMe files (see the module).

    Returns:
        The folder.

    Raises:
        UserError: the file names of two images differ in their suffix only.
    """
    class_names, crowds, written = names_of(dataset), 0, dict[Path, str]()
    for row in dataset.with_format(None):
        name = PurePosixPath(row["file_name"])
        # Stay inside the folder, whatever the name of the image
        inside = [part for part in name.parts if part not in (name.anchor, "..")]
        file = folder.joinpath(*inside).with_suffix(".json")
        if file in written:
            raise UserError(f"{row['file_name']} and {written[file]} would share {file}; rename one of them")
        written[file] = row["file_name"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(_file_content(row, class_names, file.parent)), encoding="utf-8")
        crowds += sum(item["iscrowd"] for item in row["objects"])
    warn_of_crowds(crowds, "LabelMe")
    return folder


# -- reading


def _json_files(folder: Path) -> list[Path]:
    # Archives made on a Mac hold a `._a.json` beside each `a.json`.
    files = files_below(folder)
    return [file for file in files if file.suffix.lower() == ".json" and not file.name.startswith("._")]


def _images(files: Sequence[Path], path: Path, report: LoadReport) -> Iterator[ImageAnnotation]:
    for file in files:
        # The report's source already names a single file
        record_name = "image" if file == path else f"file {file.relative_to(path).as_posix()}"
        try:
            yield _image(_content(file), record_name)
        except AnnotationError as bad:
            report.reject(record_name, bad)


def _content(file: Path) -> Mapping[str, Any]:
    try:
        content = parse_json(read_text(file))
    except FileNotFoundError as error:
        hint = "it is a link to a file that does not exist; restore the file or remove the link"
        raise AnnotationError("missing file", "file", file.name, hint, UserFileNotFoundError) from error
    except UserError as error:
        hint = str(error).removeprefix(f"{file}: ")
        raise AnnotationError("not UTF-8 text", "file", file.name, hint) from error
    except ValueError as error:
        raise AnnotationError("not valid JSON", "file", file.name, f"{error}; save it in LabelMe again") from error
    if not isinstance(content, Mapping) or not isinstance(content.get("shapes"), list):
        found = sorted(content) if isinstance(content, Mapping) else content
        hint = "a LabelMe file is a JSON object with imagePath and a list of shapes"
        raise AnnotationError("not a LabelMe file", "keys", found, hint)
    return content


def _image(content: Mapping[str, Any], record_name: str) -> ImageAnnotation:
    name = content.get("imagePath")
    if not isinstance(name, str) or not name:
        raise AnnotationError("imagePath is not text", "imagePath", name, "give the path of the image file")
    # `imagePath` is relative to the JSON file; its end is enough to find the image.
    name = "/".join(part for part in path_parts(name) if part != "..")
    image = ImageAnnotation(record_name, name)
    if content.get("imageWidth") is not None and content.get("imageHeight") is not None:
        image.size = tuple(read_whole(content[field], field) for field in ("imageWidth", "imageHeight"))

    # Two flags state completeness, all others that are set are image-level labels.
    flags = content.get("flags") or {}
    if not isinstance(flags, Mapping):
        raise AnnotationError("flags is not a JSON object", "flags", flags, "write {name: true or false}")
    for flag, is_set in flags.items():
        if is_set and flag in ("complete", "incomplete"):
            image.complete = flag == "complete"
        elif is_set:
            image.image_labels.append(flag)

    # Shapes of one group and label make up one object, in the place of the first of them.
    groups: dict[Any, list[Any]] = {}
    for position, shape in enumerate(content["shapes"]):
        group = shape.get("group_id") if isinstance(shape, Mapping) else None
        key = position if group is None else (repr(group), repr(shape.get("label")))
        if key not in groups:
            groups[key] = []
            # Decoding comes after the whole file is read, so the list may still grow.
            decode = partial(_decode_shapes, groups[key])
            image.objects.append(ObjectAnnotation(f"{record_name}, shape {position + 1}", decode))
        groups[key].append(shape)
    return image


def _decode_shapes(shapes: Sequence[Any], width: int, height: int) -> LabelAndValues:
    """Decode the shapes of one object."""
    # Shapes by what they add to the object; circles and masks are rasterized here, polygons together below.
    polygons, masks, corners, points = [], [], [], []
    for shape in shapes:
        if not isinstance(shape, Mapping):
            raise AnnotationError("shape is not a JSON object", "shapes", shape, "save the file in LabelMe again")
        # A shape without a type is a polygon, as in old files
        kind = shape.get("shape_type") or "polygon"
        if kind not in _SHAPE_TYPES:
            hint = f"use {', '.join(_SHAPE_TYPES)}"
            raise AnnotationError("shape is neither a click nor a region", "shape_type", kind, hint)
        vertices = read_corners(shape.get("points"), "points")
        if kind == "polygon":
            polygons.append(vertices.ravel().tolist())
        elif kind == "rectangle":
            corners.append(_rectangle(vertices))
        elif kind == "point":
            x, y = _checked_count(vertices, 1, kind)[0].tolist()
            points.append(click(x, y, width, height, "points")["point"])
        elif kind == "circle":
            masks.append(_circle(vertices, width, height))
        else:
            masks.append(_read_mask(shape, vertices, width, height))

    values: dict[str, Any] = {}
    # Polygons are filled together, then united with circles and masks pixel by pixel
    if polygons:
        values = polygon_mask(polygons, width, height, "points")
    if masks:
        values = united_masks([*masks, values] if values else masks)
    # Several rectangles give their common extent
    if corners:
        values |= box(np.concatenate(corners), width, height, "points")
    # Of several clicks on one object the one nearest to their mean counts
    if points:
        values["point"] = nearest_to_mean(points)
    return _label(shapes[0]), values


def _circle(vertices: np.ndarray, width: int, height: int) -> dict[str, Any]:
    """Return the mask of a circle, given by its center and a point that lies on it."""
    center, edge = _checked_count(vertices, 2, "circle")
    radius = float(np.hypot(*(edge - center)))
    return ellipse_mask(tuple(center), (radius, radius), 0, width, height, "points")


def _rectangle(vertices: np.ndarray) -> np.ndarray:
    """Return the corners of an upright rectangle: two opposite ones, or all four, as some editors write them."""
    if len(vertices) != 4:
        return _checked_count(vertices, 2, "rectangle")
    # Each side of an upright rectangle changes one coordinate.
    sides = np.abs(vertices - np.roll(vertices, 1, axis=0))
    if (sides.min(axis=1) > _CORNER_TOLERANCE).any():
        hint = "make it a polygon, or remove it"
        raise AnnotationError("rectangle that is rotated", "points", vertices.tolist(), hint)
    return vertices


def _checked_count(vertices: np.ndarray, count: int, kind: str) -> np.ndarray:
    if len(vertices) != count:
        hint = "draw it again or remove it"
        raise AnnotationError(f"{kind} does not have {count} points", "points", vertices.tolist(), hint)
    return vertices


def _label(shape: Mapping[str, Any]) -> str | None:
    label = shape.get("label")
    if label is not None and not isinstance(label, str):
        raise AnnotationError("label is not text", "label", label, "write the name of the class")
    return label or None


def _read_mask(shape: Mapping[str, Any], vertices: np.ndarray, width: int, height: int) -> dict[str, Any]:
    """Read a PNG whose first pixel lies at the first of the two points."""
    corners = _checked_count(vertices, 2, "mask")
    left, top = (read_whole(value, "points") for value in corners[0].tolist())
    try:
        # Every pixel above 0 is foreground, once the PNG is converted to gray
        data = base64.b64decode(shape.get("mask") or "", validate=True)
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            pixels = np.asarray(image.convert("L")) > 0
    except Exception as error:  # damaged files make Pillow raise many kinds
        hint = "save the file in LabelMe again"
        raise AnnotationError("mask is not a PNG in base64", "mask", shape.get("mask"), hint) from error

    # Place the picture in a mask of the whole image.
    rows, columns = pixels.shape
    # The second point is the last pixel, or the corner behind it.
    if np.abs(corners[1] - corners[0] - (columns, rows) + 0.5).max() > 0.5 + _CORNER_TOLERANCE:
        hint = "save the file in LabelMe again"
        raise AnnotationError("mask of another size than its points", "mask", f"{columns} × {rows} pixels", hint)
    if min(left, top) < 0 or left + columns > width or top + rows > height:
        hint = f"the image has {width} × {height} pixels; draw it again or remove it"
        raise AnnotationError("mask beyond the image", "mask", f"{columns} × {rows} at ({left}, {top})", hint)
    mask = np.zeros((height, width), dtype=bool)
    mask[top : top + rows, left : left + columns] = pixels
    return dense_mask(mask)


# -- writing


def _file_content(row: Mapping[str, Any], class_names: Sequence[str], folder: Path) -> dict[str, Any]:
    """Return the content of the file of one image."""
    # Crowds are left out; an image that loses all its objects is marked as incomplete.
    shapes = []
    for number, item in enumerate(row["objects"], start=1):
        if not item["iscrowd"]:
            label = "" if item["category"] is None else class_names[item["category"]]
            shapes += _shapes(item, label, number, row)
    flags = {class_names[label]: True for label in row["image_labels"] or ()}
    # If all objects were left out, the file would read as an image known to be empty.
    if not row["complete"] or (row["objects"] and not shapes):
        flags["incomplete"] = True
    image = row["image"]
    # LabelMe opens images by the path from the file; an image in memory has only its name.
    has_file = image["bytes"] is None and image["path"] is not None
    return {
        "version": _VERSION,
        "flags": flags,
        "shapes": shapes,
        "imagePath": Path(os.path.relpath(image["path"], folder)).as_posix() if has_file else row["file_name"],
        "imageData": None,
        "imageHeight": row["height"],
        "imageWidth": row["width"],
    }


def _shapes(item: Mapping[str, Any], label: str, number: int, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the shapes of one object: the polygons of its mask with its point, its box alone, or its point."""
    found: list[tuple[str, list[list[float]]]] = []
    if item["segmentation"] is not None:
        # One polygon per connected part, holes cut out by seams
        for ring in mask_to_polygons(decode_rle(item["segmentation"])):
            found.append(("polygon", np.reshape(ring, (-1, 2)).tolist()))
    # The center of a lone box is not written, since reading derives it again.
    bbox = box_alone(item, row["width"], row["height"])
    if bbox is not None:
        x, y, width, height = bbox
        found.append(("rectangle", [[x, y], [x + width, y + height]]))
    elif item["point"] is not None:
        found.append(("point", [place_of_point(item["point"], row["width"], row["height"])]))
    # A group keeps the parts of a mask and its point together
    group_id = number if len(found) > 1 else None
    common = {"label": label, "group_id": group_id, "description": "", "flags": {}, "mask": None}
    return [{**common, "shape_type": kind, "points": points} for kind, points in found]
