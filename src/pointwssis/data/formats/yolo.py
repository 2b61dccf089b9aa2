# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""YOLO segmentation labels ⇄ dataset (docs.ultralytics.com/datasets/segment).

```
data.yaml                         labels/train/a.txt
  path: .                           0 0.1 0.2 0.4 0.2 0.4 0.6       class, corners of a polygon
  train: images/train               1 0.5 0.5 0.2 0.1               class, box: center, width, height
  val: images/val                 (all as fractions of the image's size)
  names: [cat, dog]
```

Reading: a polygon becomes a mask, the center of a box its point. The labels of `…/images/….jpg` are in
`…/labels/….txt`. An empty file states that the image shows no object; without a file the image is unlabeled
(Ultralytics takes it as empty; `complete=True` does the same here).

Writing: one line per object with one polygon, so the parts of a mask are joined by seams of zero width, and holes are
cut out by such seams (`polygons.py`). Read again, the masks are exactly the same. Images are copied, so the folder is
self-contained. Objects that the format cannot hold are left out, counted and logged: clicks without mask or box, and
crowds. The format cannot state that some objects of an image are not annotated, which is logged too; an image that
keeps none of its objects gets no label file, and is unlabeled.
"""

import logging
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from datasets import Dataset

from ...ops.coco_masks import decode_rle
from ...ops.documents import dump_yaml, parse_yaml, read_text
from ...ops.folders import files_below
from ...ops.images import is_image_name
from ...ops.polygons import join_polygons, mask_to_polygons
from ...ops.user_error import UserError, UserFileNotFoundError
from ...ops.wording import brief, counted
from ..errors import AnnotationError, LoadReport, Remark
from ..schema import class_names as names_of
from .fields import box, polygon_mask, read_number
from .image_index import ImageIndex
from .load_options import LoadOptions
from .reader import AnnotationReader, ImageAnnotation, LabelAndValues, ObjectAnnotation
from .sniffing import FileHead

logger = logging.getLogger(__name__)

_TOLERANCE = 1e-4  # by which rounding in a file may leave the range 0 … 1
_DECIMALS = 6
_LINE = re.compile(rb"\s*[0-9]+([ \t]+[-+.0-9eE]+){4,}[ \t]*(\r?\n|$)")  # unlike the lines of classes.txt
_MIN_CORNERS = 10  # objects of four corners, and no others, that are suspect


def is_yolo(head: FileHead) -> bool:
    """Return True for a file with the suffix of YAML."""
    return head.path.is_file() and head.path.suffix.lower() in (".yaml", ".yml")


def load_yolo(path: str | Path, image_dir: str | Path | None = None, **options: Any) -> Dataset:
    """Load one split of a YOLO dataset (see the module) into the schema, one row per image, sorted by path.

    Args:
        path: path of the `data.yaml`. A split in it is a folder, a text file with one image per line, or a list of
            these.
        image_dir: folder that `file_name` of a row is relative to, if the image lies below it; None: the folder of
            `path`.
        options: fields of `LoadOptions`, among them `split`. An image is complete if it has a label file.

    Raises:
        UserFileNotFoundError: a file or folder is missing.
        UserError: a file is invalid; the message names file, line, field, value and remedy.
    """
    load_options, path = LoadOptions(**options), Path(path)
    report = load_options.start_report(path)
    settings = _read_settings(path)
    class_of = _classes(settings, path)
    images = _image_files(settings, load_options.split, path)
    # No label file at all means a wrong path rather than unlabeled images
    if not any(_label_file(image).is_file() for image in images):
        expected = _label_file(images[0]) if images else path.parent
        raise UserFileNotFoundError(
            f"{path}: {load_options.split}: none of {len(images)} images has labels; expected files such as {expected}"
        )
    # The images are known by their paths; the index only names them.
    index = ImageIndex(image_dir or path.parent)
    reader = AnnotationReader(index, report, load_options, declared_classes=list(class_of.values()))
    _note_lost_labels(images, report)
    return reader.to_dataset(_annotated_images(images, class_of, report))


def to_yolo(dataset: Dataset, folder: str | Path, split: str = "train") -> Path:
    """Write a dataset as a YOLO dataset: images, labels and `data.yaml` (see the module).

    Another split may be written into the same folder later.

    Args:
        dataset: rows of the schema.
        folder: folder of the dataset.
        split: "train", "val" or "test".

    Returns:
        The path of the `data.yaml`.

    Raises:
        UserError: the folder has this split or other classes, or two images share a label file.
    """
    folder, class_names = Path(folder), names_of(dataset)
    settings_file = folder / "data.yaml"
    # The folder may hold another split, with the same classes
    settings = _read_settings(settings_file) if settings_file.is_file() else {}
    if split in settings:
        raise UserError(f"{settings_file}: already has a split {split!r}; choose another folder or delete it")
    if settings and settings.get("names") != dict(enumerate(class_names)):
        raise UserError(f"{settings_file}: names are {settings.get('names')}, but the dataset has {class_names}")
    left_out, incomplete, written = 0, list[str](), dict[Path, str]()
    for row in dataset.with_format(None):
        name = _inside(row["file_name"])
        # Labels mirror the folders of the images
        image, labels = folder / "images" / split / name, (folder / "labels" / split / name).with_suffix(".txt")
        if labels in written:
            raise UserError(f"{row['file_name']} and {written[labels]} would share {labels}; rename one of them")
        written[labels] = row["file_name"]
        _copy_image(row["image"], image)
        # Crowds, and objects that have no line, are left out.
        items = [item for item in row["objects"] if not item["iscrowd"]]
        lines = [line for item in items if (line := _line(item, row)) is not None]
        left_out += len(row["objects"]) - len(lines)
        # An object that is lost in writing makes the image incomplete, too
        complete = row["complete"] and len(lines) == len(items)
        if lines or complete:  # without a label file the image is unlabeled
            incomplete += [] if complete else [row["file_name"]]
            labels.parent.mkdir(parents=True, exist_ok=True)
            labels.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    # The description comes last, so an export that was interrupted does not list its split.
    settings |= {split: f"images/{split}", "names": dict(enumerate(class_names))}
    settings_file.write_text(dump_yaml(settings, allow_unicode=True), encoding="utf-8")
    _warn_of_losses(folder, left_out, incomplete)
    return settings_file


def _warn_of_losses(folder: Path, left_out: int, incomplete: Sequence[str]) -> None:
    if left_out:
        objects = f"{counted(left_out, 'object')} {'is' if left_out == 1 else 'are'}"
        logger.warning("%s: %s left out: crowds, without a class, or without mask and box", folder, objects)
    if incomplete:
        images = counted(len(incomplete), "image")
        names = ", ".join(incomplete[:3]) + (", …" if len(incomplete) > 3 else "")
        message = "%s: YOLO cannot state that not all objects are annotated, as in %s (%s); read it with complete=False"
        logger.warning(message, folder, images, names)


# -- reading


def _read_settings(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserFileNotFoundError(f"{path}: annotation file not found; give the path of a YOLO data.yaml")
    settings = parse_yaml(read_text(path), str(path))
    if not isinstance(settings, dict):
        raise UserError(f"{path}: holds a {type(settings).__name__}; write train, val and names")
    return settings


def _classes(settings: Mapping[str, Any], path: Path) -> dict[int, str]:
    names = _numbered_names(settings.get("names"), path)
    texts = list(names.values())
    if len(set(texts)) < len(texts):
        raise UserError(f"{path}: names {brief(texts)} are not unique; give every class its own name")
    # The number of classes is redundant, but a contradiction shows a wrong list.
    if str(settings.get("nc", len(texts))) != str(len(texts)):
        raise UserError(f"{path}: nc is {brief(settings['nc'])}, but there are {len(texts)} names; correct one of them")
    # Lines of a pose dataset would pass for polygons
    if "kpt_shape" in settings:
        shape = brief(settings["kpt_shape"])
        raise UserError(f"{path}: kpt_shape is {shape}: a pose dataset; give one of segments or boxes")
    return dict(sorted(names.items()))


def _numbered_names(names: Any, path: Path) -> dict[int, str]:
    """Return class number → name of `names`, a list or a mapping, as they are written."""
    if isinstance(names, list):
        names = dict(enumerate(names))
    if isinstance(names, dict):  # numbers may be in quotes, as text
        names = {int(key) if re.fullmatch("[0-9]{1,9}", str(key)) else key: name for key, name in names.items()}
        have_numbers = all(type(number) is int for number in names)
        if names and have_numbers and all(isinstance(text, str) and text for text in names.values()):
            return names
    # YAML reads the words yes, no, on, off, and digits as something else than text.
    texts = list(names.values()) if isinstance(names, dict) else []
    is_unquoted = bool(texts) and all(isinstance(text, (str, bool, int, float)) for text in texts)
    hint = ', in quotes where they look like numbers or truth values: ["1", "no"]' if is_unquoted else ""
    raise UserError(
        f"{path}: names is {brief(names)}; write a list of class names, or a mapping from 0, 1, … to them{hint}"
    )


def _image_files(settings: Mapping[str, Any], split: str, path: Path) -> list[Path]:
    """Return the images of a split, each once, sorted by path."""
    values = settings.get(split)
    if not values:
        splits = [key for key in ("train", "val", "test") if settings.get(key)]
        raise UserError(f"{path}: {split} is {brief(values)}: no such split (the file has {splits}); name its images")
    root = path.parent / _path_text(settings.get("path") or "", "path", path)
    images: list[Path] = []
    for value in values if isinstance(values, list) else [values]:
        place = PurePosixPath(_path_text(value, split, path))
        # Some exporters write ../train/images for a folder beside the data.yaml.
        nearby = PurePosixPath(*[part for part in place.parts if part != ".."])
        # The documented place first, then those that exporters use
        tried = list(dict.fromkeys([root / place, path.parent / place, path.parent / nearby]))
        found = next((place for place in tried if os.path.exists(place)), None)
        if found is None:
            looked = ", ".join(f"{place!s:.300}" for place in tried)
            raise UserFileNotFoundError(
                f"{path}: {split} is {brief(value)}: not found; looked for {looked}; correct path or {split}"
            )
        images += _listed(found) if found.is_file() else files_below(found)
    # Places may overlap, and a folder may hold other files than images.
    return sorted({image.absolute() for image in images if is_image_name(image)})


def _path_text(value: Any, key: str, path: Path) -> str:
    if not isinstance(value, str):
        raise UserError(f"{path}: {key} holds {brief(value)}; write paths as text")
    # Windows separates folders by backslashes; a path that begins with one is of another computer.
    return value if value.startswith("\\") else value.replace("\\", "/")


def _listed(file: Path) -> list[Path]:
    """Return the images that a text file lists, one per line."""
    lines = [line.strip() for line in read_text(file).replace("\\", "/").split("\n")]
    for number, line in enumerate(lines, start=1):
        if line and not is_image_name(line):
            raise UserError(f"{file}: line {number} is {brief(line)}: not the name of an image; correct or remove it")
    return [file.parent / line for line in lines if line]


def _label_file(image: Path) -> Path:
    """Map `…/images/….jpg` to `…/labels/….txt`; without a folder `images` the labels are beside the image."""
    parts = list(image.parts[:-1])
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    return Path(*parts, image.name).with_suffix(".txt")


def _note_lost_labels(images: Sequence[Path], report: LoadReport) -> None:
    """Note label files beside those of the images that belong to no image: their objects are lost."""
    folders = {_label_file(image).parent: image.parent for image in images}
    for labels, folder in folders.items():
        named = {path.stem for path in folder.iterdir() if is_image_name(path)} if folder.is_dir() else set()
        for file in sorted(labels.glob("*.txt")) if labels.is_dir() else ():
            if file.stem not in named and _LINE.match(file.read_bytes()[:1000]):
                text = "label file without an image of its name (its objects are lost)"
                report.note(file.name, Remark(text, "label file", str(file), is_suspect=True))


def _annotated_images(
    images: Sequence[Path], class_of: Mapping[int, str], report: LoadReport
) -> Iterator[ImageAnnotation]:
    ends: dict[bool, list[Path]] = {True: [], False: []}  # the file ends with a line break → label files
    owners: dict[Path, Path] = {}  # label file → the first image that has it
    corners = Counter[int]()  # numbers on a line → lines
    for path in images:
        labels = _label_file(path)
        if labels.is_file() and (first := owners.setdefault(labels, path)) != path:
            remark = Remark("two images with one label file", "images", f"{first.name}, {path.name}", is_suspect=True)
            report.note(f"image {path.name}", remark)
        # A label file, even an empty one, shows that somebody has annotated the image
        image = ImageAnnotation(f"image {path.name}", str(path), path=path, was_annotated=labels.is_file())
        try:
            text = read_text(labels) if image.was_annotated else ""
        except UserError as error:
            bad = AnnotationError("label file is not text", "label file", str(labels), f"{error}; export it again")
            report.reject(image.record_name, bad)
            continue
        if text:
            ends[text.endswith("\n")].append(labels)
        # One object per line; coordinates are decoded when the size of the image is known.
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                corners[len(line.split()) - 1] += 1
                decode = partial(_decode_line, line, class_of)
                image.objects.append(ObjectAnnotation(f"{labels} line {number}", decode))
        if not image.was_annotated:
            # Count these images, because Ultralytics takes them as empty.
            remark = Remark("image without a label file (taken as unlabeled)", "label file", str(labels))
            report.note(image.record_name, remark)
        yield image
    # Outlines of objects rarely have four corners each.
    if set(corners) == {8} and corners[8] >= _MIN_CORNERS:
        text = "four corners for every object (taken as masks; oriented boxes are not read)"
        report.note("label files", Remark(text, "lines", corners[8], is_suspect=True))
    # A program ends all files alike, so the odd ones out may be cut off.
    for labels in ends[False] if len(ends[False]) < len(ends[True]) else ():
        remark = Remark("last line without a line break (the file may be cut off)", "label file", str(labels), True)
        report.note(labels.name, remark)


def _decode_line(line: str, class_of: Mapping[int, str], width: int, height: int) -> LabelAndValues:
    numbers = [read_number(word, "line") for word in line.split()]
    index, *values = numbers
    if line.endswith("."):
        raise AnnotationError("line is cut off", "line", line.strip()[-30:], "it ends within a number; export it again")
    # The index is a float: 1.0 finds class 1, and 1.5 none.
    if index not in class_of:
        hint = f"names has {list(class_of)[:10]}{'…' if len(class_of) > 10 else ''}"
        raise AnnotationError("class is not in names", "class", line.split()[0], hint)
    # Pixels in place of fractions show as values above 1
    outside = [value for value in values if not -_TOLERANCE <= value <= 1 + _TOLERANCE]
    if outside:
        hint = "coordinates are fractions of the image's width and height, from 0 to 1"
        raise AnnotationError("coordinate outside of 0 … 1", "line", outside[0], hint)

    # Four values are a box, more are the corners of a polygon.
    label = class_of[int(index)]
    scale = np.array([width, height])
    # Four numbers are a box: its center and its sides
    if len(values) == 4:
        center, half = np.array(values[:2]) * scale, np.array(values[2:]) * scale / 2
        return label, box(np.stack([center - half, center + half]), width, height, "line")
    if len(values) < 6 or len(values) % 2:
        hint = "a line has a class and at least three corners x y, or a class and x y width height"
        raise AnnotationError(f"{len(values)} coordinates", "line", line.strip(), hint)
    corners = np.array(values).reshape(-1, 2) * scale
    return label, polygon_mask([corners.ravel().tolist()], width, height, "line")


# -- writing


def _line(item: Mapping[str, Any], row: Mapping[str, Any]) -> str | None:
    """Return the line of an object; None if the format cannot hold it."""
    if item["category"] is None:
        return None
    values: list[float]
    scale = np.array([row["width"], row["height"]])
    # One line holds one ring, so the parts of a mask are joined.
    polygons = [] if item["segmentation"] is None else mask_to_polygons(decode_rle(item["segmentation"]))
    if polygons:
        values = (np.array(join_polygons(polygons)).reshape(-1, 2) / scale).ravel().tolist()
    elif item["bbox"] is not None and item["segmentation"] is None and min(item["bbox"][2:]) > 0:
        x, y, box_width, box_height = item["bbox"]
        center, sides = np.array([x + box_width / 2, y + box_height / 2]), np.array([box_width, box_height])
        values = [*(center / scale).tolist(), *(sides / scale).tolist()]
    else:
        return None
    return " ".join([str(item["category"]), *(f"{round(value, _DECIMALS):g}" for value in values)])


def _inside(name: str) -> Path:
    """Return a file name as a path that stays below any folder."""
    path = PurePosixPath(name)
    return Path(*[part for part in path.parts if part not in (path.anchor, "..")])


def _copy_image(image: Mapping[str, Any], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if image["bytes"] is not None:
        target.write_bytes(image["bytes"])
    else:
        shutil.copyfile(image["path"], target)
