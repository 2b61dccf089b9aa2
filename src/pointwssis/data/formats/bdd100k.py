# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""BDD100K: instance masks in the three forms of the dataset, and boxes whose centers become points.

Formats as documented by doc.bdd100k.com/format.html and doc.scalabel.ai/format.html:

* JSON, a list of frames or `{"frames": […]}`; a frame has a `name` and `labels`, a label a `category` and one of
  `rle` (COCO's run lengths), `poly2d` (see `bdd100k_polygons`) and `box2d`. Of several the first counts.
* Bitmasks, one RGBA PNG per image: R is the category, 1 to 8 in the order of `BDD100K_NAMES`, 0 is background; G holds
  the attributes truncated (8), occluded (4), crowd (2) and ignore (1); B · 256 + A is the id of the instance.

The ends of a `box2d` are inclusive: it is x2 − x1 + 1 wide. Older class names are mapped (`person`, `bike`, `motor`,
…). Traffic lights and signs, lanes and drivable areas are not instances and are skipped. Crowds, ignored labels and the
three classes that BDD100K calls distracting ("other person", "other vehicle", "trailer") become crowds: they are not
used for training and are ignore regions in evaluation.

The id of an image is a hash of its name, so it is the same in every form of the labels.
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
from ...ops.user_error import UserError, UserFileNotFoundError
from ...ops.wording import brief
from ..class_names import BDD100K_NAMES
from ..errors import AnnotationError, LoadReport
from ..schema import dataset_from_rows
from .bdd100k_polygons import read_poly2d
from .coco_records import build_object, read_mask, read_numbers, required
from .image_index import lies_inside, outside_hint
from .image_records import read_size
from .json_stream import JsonRecords, read_json
from .load_options import LoadOptions

IMAGE_SIZE = (1280, 720)  # pixels, if neither the labels nor the image file state it
RENAMED = {"person": "pedestrian", "bike": "bicycle", "motor": "motorcycle", "caravan": "car", "van": "car"}
DISTRACTING = {"other person": "pedestrian", "other vehicle": "car", "trailer": "truck"}
NOT_INSTANCES = ("traffic light", "traffic sign", "lane", "drivable area", "area")  # also "lane/…", "area/…"
_CROWD_OR_IGNORE = 0b11  # bits of a bitmask's attributes
_OBJECT_BITS = 16  # bits of an object id that number the objects of an image


def load_bdd100k(labels: str | Path, image_dir: str | Path, **options: Any) -> Dataset:
    """Load BDD100K labels into the schema of `pointwssis.data.schema`, one row per image.

    The point of an object with a mask is its center of mass; of an object with only a box it is the center of the box,
    as in the paper (section 4.1).

    Args:
        labels: JSON file, or folder of bitmasks.
        image_dir: folder of the images.
        options: `skip_bad`, `report` and `check_images` of `LoadOptions`.

    Raises:
        UserFileNotFoundError: a file is missing.
        UserError: the labels are invalid; the message names file, record, field, value and remedy.
    """
    return dataset_from_rows(read_bdd100k(labels, image_dir, **options), BDD100K_NAMES)


def read_bdd100k(labels: str | Path, image_dir: str | Path, **options: Any) -> Iterator[dict[str, Any]]:
    """Read the rows of `load_bdd100k`, whose arguments it takes, one at a time: memory stays bounded for any file."""
    settings = LoadOptions(**options)
    report = settings.start_report(labels)
    image_dir, seen = Path(image_dir), set()
    if settings.check_images and not image_dir.is_dir():
        raise UserFileNotFoundError(f"{image_dir}: image folder not found; {labels} names files below it")

    # One record per image; an image that lost an object is no longer complete.
    records = _bitmask_records(Path(labels)) if Path(labels).is_dir() else _frames(Path(labels))
    for position, record in enumerate(records):
        name = record.get("name") if isinstance(record, Mapping) else None
        try:
            # The reader comes first, because the handler below takes the name of the record from it.
            reader = _FrameReader(f"frame {brief(name)}" if name else f"frame at position {position}", report)
            row = _image(record, image_dir, settings)
            # The id is a hash of the name without folder and suffix, so a frame that is listed twice has the same id.
            if row["image_id"] in seen:
                raise AnnotationError("duplicated frame", "name", name, "keep one of them")
            seen.add(row["image_id"])
            objects = reader.of_bitmask(record, row) if "bitmask" in record else reader.of_labels(record, row)
            row["objects"] = list(objects)
        except AnnotationError as bad:
            report.reject(reader.record_name, bad)
            continue
        # A skipped object is on the image but not in the row
        row["complete"] = not reader.skipped_any
        report.images += 1
        report.objects += len(row["objects"])
        yield row
    report.log()
    # A file without a usable image is an error even with `skip_bad`
    if not report.images:
        reason = "all were skipped" if report.skipped else "there are none"
        raise UserError(f"{labels}: no image to load ({reason}); a dataset needs at least one")


def _frames(path: Path) -> JsonRecords:
    if not path.is_file():
        raise UserFileNotFoundError(f"{path}: labels not found; give a JSON file or a folder of bitmasks")
    try:
        content = read_json(path)
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error}); download it again") from error
    # Both forms occur: a bare list of frames, and an object with `frames`
    frames = content.get("frames") if isinstance(content, dict) else content
    if not isinstance(frames, JsonRecords):
        raise UserError(f"{path}: holds a {type(content).__name__} without frames; a label file is a list of frames")
    return frames


def _bitmask_records(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.png")):
        yield {"name": f"{path.stem}.jpg", "bitmask": path}


def _image(record: Any, image_dir: Path, settings: LoadOptions) -> dict[str, Any]:
    if not isinstance(record, Mapping):
        raise AnnotationError("not a JSON object", "frame", record, "write it as {…}")
    name, stated = required(record, "name"), _stated_size(record)
    if not isinstance(name, str) or not name:
        raise AnnotationError("name is not text", "name", name, "give the file name of the image")
    # If the images are not opened, trust the stated size, or take that of the dataset.
    path = (image_dir / name).absolute()
    if not settings.allow_outside and not lies_inside(image_dir, name):
        raise AnnotationError("image outside of the image folder", "name", name, outside_hint(image_dir))
    width, height = stated or IMAGE_SIZE
    if settings.check_images:
        width, height = read_size(path, name, stated, "name", decode=settings.skip_bad)
    # 47 bits of the hash: with the 16 bits that number its objects, an id fits into a signed 64-bit integer
    image_id = int(hashlib.sha256(Path(name).stem.encode()).hexdigest()[:12], 16) >> 1
    row = {"image": str(path), "image_id": image_id, "width": width, "height": height, "file_name": name}
    return {**row, "image_labels": None}


def _stated_size(record: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the (width, height) that the record states, if it does."""
    # A bitmask has the size of its image
    if "bitmask" in record:
        return read_size(record["bitmask"], record["bitmask"].name, field="bitmask")
    size = record.get("size")
    if size is None:
        return None
    # The size is optional, but half a size is an error.
    sides = [size.get(side) for side in ("width", "height")] if isinstance(size, Mapping) else [None]
    if not all(isinstance(side, int) and side > 0 for side in sides):
        raise AnnotationError("size is not {width, height} in pixels", "size", size, "give both, or omit size")
    return sides[0], sides[1]


def _pixels(path: Path) -> np.ndarray:
    """Read a bitmask as (height, width, 4) uint8."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            mode, pixels = image.mode, np.asarray(image)
    except Exception as error:  # damaged files make Pillow raise many kinds
        raise AnnotationError("unreadable bitmask", "bitmask", path.name, f"{error}; download it again") from error
    # Other modes lack a channel for class, attributes or instance id
    if mode != "RGBA":
        raise AnnotationError("bitmask is not RGBA", "bitmask", path.name, f"it is {mode}; give the folder `bitmasks`")
    return pixels


@dataclass
class _FrameReader:
    """A reader of the objects of one frame.

    Args:
        record_name: name of the frame in messages.
        report: report of the file.
        skipped_any: True once an object could not be read.
    """

    record_name: str
    report: LoadReport
    skipped_any: bool = False

    def of_labels(self, record: Mapping[str, Any], row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the objects of the `labels` of a JSON frame."""
        labels = record.get("labels")
        if labels is not None and not isinstance(labels, list):
            hint = "give a list, or omit labels if the image shows no object"
            raise AnnotationError("labels is not a list", "labels", labels, hint)
        # Missing or null labels mean that the image shows no object
        for number, label in enumerate(labels or []):
            try:
                item = _object(label, row, number)
            except AnnotationError as bad:
                # A bad label costs the image this object, not the others
                label_id = label.get("id", number) if isinstance(label, Mapping) else number
                self.report.reject(f"{self.record_name}, label {label_id}", bad)
                self.skipped_any = True
                continue
            if item is not None:
                yield item

    def of_bitmask(self, record: Mapping[str, Any], row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the objects of a bitmask, by ascending id of the instance."""
        pixels = _pixels(record["bitmask"]).astype(np.uint32)  # (height, width, 4)
        # B · 256 + A is the instance; R is the class, 0 for background.
        instance_of = (pixels[..., 2] << 8) + pixels[..., 3]
        is_foreground = pixels[..., 0] > 0
        # One code per combination of instance, category and attributes; background has category 0.
        codes = np.unique((instance_of << 16) + (pixels[..., 0] << 8) + pixels[..., 1]).tolist()
        # Unpack the codes, which `np.unique` sorts by instance first.
        kinds = [(code >> 16, code >> 8 & 0xFF, code & 0xFF) for code in codes if code >> 8 & 0xFF]
        for position, (instance, category, attributes) in enumerate(kinds):
            try:
                # Kinds of one instance are neighbors: two of them contradict each other.
                if position and kinds[position - 1][0] == instance:
                    raise AnnotationError("instance of two kinds", "R, G", (category, attributes), "download it again")
                if category > len(BDD100K_NAMES):
                    hint = f"categories are 1 to {len(BDD100K_NAMES)}"
                    raise AnnotationError("unknown category", "R", category, hint)
                # Background may carry any instance number, so it is excluded.
                values = {"segmentation": encode_mask(is_foreground & (instance_of == instance))}
                yield _finished(row, instance, category - 1, bool(attributes & _CROWD_OR_IGNORE), values)
            except AnnotationError as bad:
                self.report.reject(f"{self.record_name}, instance {instance}", bad)
                self.skipped_any = True


def _object(label: Any, row: Mapping[str, Any], number: int) -> dict[str, Any] | None:
    """Read one entry of `objects`; None for a label that is not an instance."""
    if not isinstance(label, Mapping):
        raise AnnotationError("not a JSON object", "label", label, "write it as {…}")
    name = required(label, "category")
    # Subclasses such as "lane/crosswalk" share the part before the slash
    if isinstance(name, str) and name.partition("/")[0] in NOT_INSTANCES:
        return None
    # Map distracting classes and older names to the classes of the dataset
    known = DISTRACTING.get(name) or RENAMED.get(name, name) if isinstance(name, str) else None
    if known not in BDD100K_NAMES:
        raise AnnotationError("unknown category", "category", name, f"the classes are {', '.join(BDD100K_NAMES)}")
    attributes = label.get("attributes") or {}
    if not isinstance(attributes, Mapping):
        raise AnnotationError("attributes are not a JSON object", "attributes", attributes, "write them as {…}")

    # Ignored labels become crowds; the first form of a mask that is given counts.
    is_ignored = name in DISTRACTING or any(attributes.get(key) for key in ("crowd", "ignore", "ignored"))
    size = row["width"], row["height"]
    # The most exact description counts: run lengths, then polygons, then the box
    if label.get("rle"):
        values = {"segmentation": read_mask(label["rle"], "rle", *size)}
    elif label.get("poly2d"):
        values = {"segmentation": read_mask(read_poly2d(label["poly2d"]), "poly2d", *size)}
    elif label.get("box2d"):
        values = _box(label["box2d"], is_ignored, *size)
    else:
        raise AnnotationError("neither mask nor box", "rle, poly2d, box2d", None, "give one of them")
    return _finished(row, number, BDD100K_NAMES.index(known), is_ignored, values)


def _box(box: Any, is_ignored: bool, width: int, height: int) -> dict[str, Any]:
    """Read the box of an object; an ignored one also gets its region."""
    if not isinstance(box, Mapping):
        raise AnnotationError("box2d is not a JSON object", "box2d", box, "give x1, y1, x2, y2")
    x1, y1, x2, y2 = read_numbers([required(box, key) for key in ("x1", "y1", "x2", "y2")], "box2d", 4)
    if x2 < x1 or y2 < y1:
        raise AnnotationError("box2d ends before it begins", "box2d", dict(box), "x1 ≤ x2 and y1 ≤ y2")
    # A box may reach beyond the border as long as a part of it lies in the image.
    if x2 < 0 or y2 < 0 or x1 >= width or y1 >= height:
        hint = f"the image has {width} × {height} pixels"
        raise AnnotationError("box outside of the image", "box2d", dict(box), hint)
    # The ends are inclusive, so COCO's width is one more than their difference.
    values: dict[str, Any] = {"bbox": [x1, y1, x2 - x1 + 1, y2 - y1 + 1]}
    if is_ignored:
        # An ignore region needs pixels, so the box is also drawn as a polygon.
        corners = [x1, y1, x2 + 1, y1, x2 + 1, y2 + 1, x1, y2 + 1]
        values["segmentation"] = read_mask([corners], "box2d", width, height)
    return values


def _finished(
    row: Mapping[str, Any], number: int, category: int, is_ignored: bool, values: dict[str, Any]
) -> dict[str, Any]:
    """Return an object with its area, box and point."""
    # The object's number fills the lower bits, so ids are unique in the dataset.
    object_id = (row["image_id"] << _OBJECT_BITS) + number
    point_source = "center" if "segmentation" in values else "box_center"
    values = {**values, "iscrowd": is_ignored}
    item, _ = build_object(object_id, category, values, (row["width"], row["height"]), point_source)
    return item
