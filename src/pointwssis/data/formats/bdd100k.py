# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""BDD100K: instance masks in the three forms that the dataset ships, and boxes whose centers are points.

After its documentation (doc.bdd100k.com/format.html) and that of its label format (doc.scalabel.ai/format.html):

* JSON, a list of frames or `{"frames": […]}`; a frame has a `name` and `labels`, a label a `category` and one of
  `rle` (COCO's run lengths), `poly2d` (see `bdd100k_polygons`) and `box2d`. Of several the first of these counts.
* Bitmasks, one RGBA PNG an image: R is the category, 1 to 8 in the order of `BDD100K_NAMES`, 0 is background; G holds
  the attributes truncated (8), occluded (4), crowd (2) and ignore (1); B · 256 + A numbers the instances.

The two ends of a `box2d` both belong to the box: it is x2 − x1 + 1 wide. Older names of classes are mapped
(`person`, `bike`, `motor`, …). Traffic lights and signs, lanes and drivable areas are no instances and are passed
over. Crowds, ignored labels and the three classes that BDD100K calls distracting ("other person", "other vehicle",
"trailer") become crowds: not trained on, ignore regions in evaluation.

The number of an image is a hash of its name, so it is the same in every form of the labels.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from PIL import Image

from ...ops.coco_masks import encode_mask
from ..class_names import BDD100K_NAMES
from ..errors import AnnotationError, LoadReport
from ..schema import dataset_from_rows, make_object
from .bdd100k_polygons import read_poly2d
from .coco_records import derive_point, measured, read_mask, read_numbers, read_size, required
from .json_stream import JsonRecords, read_json

SIZE = (1280, 720)  # of every image, where neither the labels nor the image say it
RENAMED = {"person": "pedestrian", "bike": "bicycle", "motor": "motorcycle", "caravan": "car", "van": "car"}
DISTRACTING = {"other person": "pedestrian", "other vehicle": "car", "trailer": "truck"}
NO_INSTANCES = ("traffic light", "traffic sign", "lane", "drivable area", "area")  # or "lane/…", "area/…"
_CROWD_OR_IGNORE = 0b11  # of a bitmask's attributes
_NUMBER_BITS = 16  # of an object's number within its image


def load_bdd100k(labels: str | Path, image_dir: str | Path, **options: Any) -> Dataset:
    """Reads BDD100K labels into the schema of `pointwssis.data.schema`, one row an image.

    Objects with masks have their center of mass as point; those with boxes only the center of the box, as in the paper
    (section 4.1).

    Args:
        labels: JSON file, or folder of bitmasks.
        image_dir: folder of the images.
        options: `skip_bad`, `report` and `check_images`, as in `load_coco`.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: anything else that is wrong; the message names file, record, field, value and remedy.
    """
    return dataset_from_rows(read_bdd100k(labels, image_dir, **options), BDD100K_NAMES)


def read_bdd100k(
    labels: str | Path,
    image_dir: str | Path,
    *,
    skip_bad: bool = False,
    report: LoadReport | None = None,
    check_images: bool = True,
) -> Iterator[dict[str, Any]]:
    """The rows of `load_bdd100k`, whose arguments it takes, one after the other, whatever the size of the file."""
    report = LoadReport() if report is None else report
    report.source, report.skip_bad = str(labels), skip_bad
    image_dir, seen = Path(image_dir), set()
    if check_images and not image_dir.is_dir():
        raise FileNotFoundError(f"{image_dir}: image folder not found; {labels} names files below it")
    records = _bitmask_records(Path(labels)) if Path(labels).is_dir() else _frames(Path(labels))
    for position, record in enumerate(records):
        name = record.get("name") if isinstance(record, Mapping) else None
        try:
            reading = _Reading(f"frame {name!r}" if name else f"frame at position {position}", report)
            row = _image(record, image_dir, check_images)
            if row["image_id"] in seen:
                raise AnnotationError("duplicated frame", "name", name, "keep one of them")
            seen.add(row["image_id"])
            row["objects"] = list(reading.bitmask(record, row) if "bitmask" in record else reading.labels(record, row))
        except AnnotationError as bad:
            report.reject(reading.name, bad)
            continue
        row["complete"] = not reading.lost
        report.images += 1
        report.objects += len(row["objects"])
        yield row
    report.log()
    if not report.images:
        reason = "all were skipped" if report.skipped else "there is none"
        raise ValueError(f"{labels}: no image to load ({reason}); a dataset needs at least one")


def _frames(path: Path) -> JsonRecords:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: labels not found; give a JSON file or a folder of bitmasks")
    try:
        content = read_json(path)
    except ValueError as error:
        raise ValueError(f"{path}: is no JSON ({error}); download it again") from error
    frames = content.get("frames") if isinstance(content, dict) else content
    if not isinstance(frames, JsonRecords):
        raise ValueError(f"{path}: holds a {type(content).__name__} without frames; a label file is a list of frames")
    return frames


def _bitmask_records(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.png")):
        yield {"name": f"{path.stem}.jpg", "bitmask": path}


def _image(record: Any, image_dir: Path, check_images: bool) -> dict[str, Any]:
    if not isinstance(record, Mapping):
        raise AnnotationError("not a JSON object", "frame", record, "write it as {…}")
    name, said = required(record, "name"), _said_size(record)
    if not isinstance(name, str) or not name:
        raise AnnotationError("name is no text", "name", name, "give the file name of the image")
    path = (image_dir / name).absolute()
    width, height = read_size(path, name, said, "name") if check_images else said or SIZE
    image_id = int(hashlib.sha256(Path(name).stem.encode()).hexdigest()[:12], 16) >> 1
    row = {"image": str(path), "image_id": image_id, "width": width, "height": height, "file_name": name}
    return {**row, "image_labels": None}


def _said_size(record: Mapping[str, Any]) -> tuple[int, int] | None:
    """(width, height) where the record says it."""
    if "bitmask" in record:
        return read_size(record["bitmask"], record["bitmask"].name, field="bitmask")
    size = record.get("size")
    if size is None:
        return None
    sides = [size.get(side) for side in ("width", "height")] if isinstance(size, Mapping) else [None]
    if not all(isinstance(side, int) and side > 0 for side in sides):
        raise AnnotationError("size is not {width, height} in pixels", "size", size, "give both, or leave it out")
    return sides[0], sides[1]


def _pixels(path: Path) -> np.ndarray:
    """(height, width, 4) uint8."""
    try:
        with Image.open(path) as image:
            mode, pixels = image.mode, np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise AnnotationError("unreadable bitmask", "bitmask", path.name, f"{error}; download it again") from error
    if mode != "RGBA":
        raise AnnotationError("bitmask is not RGBA", "bitmask", path.name, f"it is {mode}; give the folder `bitmasks`")
    return pixels


@dataclass
class _Reading:
    """The objects of one frame."""

    name: str
    report: LoadReport
    lost: bool = False

    def labels(self, record: Mapping[str, Any], row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        labels = record.get("labels")
        if labels is not None and not isinstance(labels, list):
            raise AnnotationError(
                "labels is no list", "labels", labels, "give a list, or leave it out for an empty image"
            )
        for number, label in enumerate(labels or []):
            try:
                item = _object(label, row, number)
            except AnnotationError as bad:
                said = label.get("id", number) if isinstance(label, Mapping) else number
                self.report.reject(f"{self.name}, label {said}", bad)
                self.lost = True
                continue
            if item is not None:
                yield item

    def bitmask(self, record: Mapping[str, Any], row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        pixels = _pixels(record["bitmask"]).astype(np.uint32)  # (height, width, 4)
        number = (pixels[..., 2] << 8) + pixels[..., 3]
        shown = pixels[..., 0] > 0
        kinds = np.unique((number << 16) + (pixels[..., 0] << 8) + pixels[..., 1])
        kinds = [(code >> 16, code >> 8 & 0xFF, code & 0xFF) for code in kinds.tolist() if code >> 8 & 0xFF]
        for place, (instance, category, attributes) in enumerate(kinds):
            try:
                if place and kinds[place - 1][0] == instance:
                    raise AnnotationError("instance of two kinds", "R, G", (category, attributes), "download it again")
                if category > len(BDD100K_NAMES):
                    raise AnnotationError(
                        "unknown category", "R", category, f"categories are 1 to {len(BDD100K_NAMES)}"
                    )
                mask = {"segmentation": encode_mask(shown & (number == instance))}
                yield _finished(row, instance, category - 1, bool(attributes & _CROWD_OR_IGNORE), mask)
            except AnnotationError as bad:
                self.report.reject(f"{self.name}, instance {instance}", bad)
                self.lost = True


def _object(label: Any, row: Mapping[str, Any], number: int) -> dict[str, Any] | None:
    """One entry of `objects`; None for a label that is no instance."""
    if not isinstance(label, Mapping):
        raise AnnotationError("not a JSON object", "label", label, "write it as {…}")
    name = required(label, "category")
    if isinstance(name, str) and name.partition("/")[0] in NO_INSTANCES:
        return None
    known = DISTRACTING.get(name) or RENAMED.get(name, name) if isinstance(name, str) else None
    if known not in BDD100K_NAMES:
        raise AnnotationError("unknown category", "category", name, f"the classes are {', '.join(BDD100K_NAMES)}")
    attributes = label.get("attributes") or {}
    if not isinstance(attributes, Mapping):
        raise AnnotationError("attributes are no JSON object", "attributes", attributes, "write them as {…}")
    ignored = name in DISTRACTING or any(attributes.get(key) for key in ("crowd", "ignore", "ignored"))
    size = row["width"], row["height"]
    if label.get("rle"):
        values = {"segmentation": read_mask(label["rle"], "rle", *size)}
    elif label.get("poly2d"):
        values = {"segmentation": read_mask(read_poly2d(label["poly2d"]), "poly2d", *size)}
    elif label.get("box2d"):
        values = _box(label["box2d"], ignored, *size)
    else:
        raise AnnotationError("neither mask nor box", "rle, poly2d, box2d", None, "give one of them")
    return _finished(row, number, BDD100K_NAMES.index(known), ignored, values)


def _box(box: Any, ignored: bool, width: int, height: int) -> dict[str, Any]:
    """The box of an object, and the region of an ignored one."""
    if not isinstance(box, Mapping):
        raise AnnotationError("box2d is no JSON object", "box2d", box, "give x1, y1, x2, y2")
    x1, y1, x2, y2 = read_numbers([required(box, key) for key in ("x1", "y1", "x2", "y2")], "box2d", 4)
    if x2 < x1 or y2 < y1:
        raise AnnotationError("box2d ends before it begins", "box2d", dict(box), "x1 ≤ x2 and y1 ≤ y2")
    if x2 < 0 or y2 < 0 or x1 >= width or y1 >= height:
        raise AnnotationError(
            "box outside of the image", "box2d", dict(box), f"the image has {width} × {height} pixels"
        )
    values: dict[str, Any] = {"bbox": [x1, y1, x2 - x1 + 1, y2 - y1 + 1]}
    if ignored:
        corners = [x1, y1, x2 + 1, y1, x2 + 1, y2 + 1, x1, y2 + 1]
        values["segmentation"] = read_mask([corners], "box2d", width, height)
    return values


def _finished(
    row: Mapping[str, Any], number: int, category: int, ignored: bool, values: dict[str, Any]
) -> dict[str, Any]:
    """An object with its area, box and point."""
    number = (row["image_id"] << _NUMBER_BITS) + number
    item = make_object(number, category, iscrowd=ignored, **measured(values))
    if not ignored:
        kind = "center" if item["segmentation"] is not None else "box_center"
        item["point"], _ = derive_point(item, row["width"], row["height"], kind, np.random.default_rng(0))
    return item
