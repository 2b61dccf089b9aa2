# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""YOLO segmentation labels ⇄ dataset (docs.ultralytics.com/datasets/segment).

```
data.yaml                         labels/train/a.txt
  path: .                           0 0.1 0.2 0.4 0.2 0.4 0.6       class, corners of a polygon
  train: images/train               1 0.5 0.5 0.2 0.1               class, box: center, width, height
  val: images/val                 (all as parts of the image's width and height)
  names: [cat, dog]
```

Reading: a polygon is a mask, a box has its center as point. The labels of `…/images/….jpg` are in `…/labels/….txt`. An
empty file says that the image is known to be empty; without a file it is unlabeled (Ultralytics takes it as empty:
`complete=True` does so here).

Writing: one line an object, one polygon a line, so the parts of a mask are joined by seams without width, and holes are
cut out by such seams (`polygons.py`). Read again, the masks are exactly the same. Images are copied, so the folder is
complete in itself. What the format cannot hold is left out, counted and logged: clicks without mask or box, and crowds.
So is what it cannot say, that not all of an image's objects are marked; an image that keeps none of its objects has no
label file, and is unlabeled.
"""

import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import yaml
from datasets import Dataset

from ...ops.coco_masks import decode_rle
from ...ops.polygons import join_polygons, mask_to_polygons
from ..errors import AnnotationError, LoadReport
from ..schema import class_names as names_of
from .fields import box, polygon_mask, read_number, start_report
from .image_index import IMAGE_SUFFIXES, ImageIndex
from .reader import AnnotationReader, ImageAnnotation, ObjectAnnotation, Reading

logger = logging.getLogger(__name__)

_SLACK = 1e-4
_DECIMALS = 6


def load_yolo(
    path: str | Path,
    image_dir: str | Path | None = None,
    *,
    split: str = "train",
    class_names: Sequence[str] | None = None,
    label_map: Mapping[str, str] | None = None,
    complete: bool | None = None,
    skip_bad: bool = False,
    report: LoadReport | None = None,
) -> Dataset:
    """Reads one split of a YOLO dataset (see the module) into the schema, one row an image, by path.

    Args:
        path: of the `data.yaml`. A split in it is a folder, a text file with one image a line, or a list of these.
        image_dir: what `file_name` of a row is relative to, where the image lies below it; None: the folder of `path`.
        split: "train", "val" or "test".
        class_names: the classes and their order; None takes those of `path`.
        label_map: name in the file → class, where they differ.
        complete: whether all objects of an image are marked (None: where there is a label file).
        skip_bad: leave out bad lines and images instead of raising at the first; they are counted and logged.
        report: filled with what was skipped and noticed.

    Raises:
        FileNotFoundError: a file or folder is missing.
        ValueError: anything else that is wrong; the message names file, line, field, value and remedy.
    """
    report, path = start_report(report, path, skip_bad), Path(path)
    settings = _read_settings(path)
    class_of = _classes(settings, path)
    images = _image_files(settings, split, path)
    labeled = [image for image in images if _label_file(image).is_file()]
    if not labeled:
        where = _label_file(images[0]) if images else path.parent
        raise FileNotFoundError(f"{path}: {split}: none of {len(images)} images has labels; looked for such as {where}")
    reader = AnnotationReader(
        ImageIndex(image_dir or path.parent), report, class_names, label_map, complete, declared=list(class_of.values())
    )
    return reader.dataset(_marked_images(images, class_of, report))


def to_yolo(dataset: Dataset, folder: str | Path, split: str = "train") -> Path:
    """Writes a dataset as a YOLO dataset: images, labels and `data.yaml` (see the module).

    A further split may be written into the same folder.

    Args:
        dataset: rows of the schema.
        folder: for the dataset.
        split: "train", "val" or "test".

    Returns:
        The path of the `data.yaml`.

    Raises:
        ValueError: the split is there already, has other classes, or two images share a label file.
    """
    folder, class_names = Path(folder), names_of(dataset)
    settings_file = folder / "data.yaml"
    settings = _read_settings(settings_file) if settings_file.is_file() else {}
    if split in settings:
        raise ValueError(f"{settings_file}: has a split {split!r} already; choose another folder or delete it")
    if settings and settings.get("names") != dict(enumerate(class_names)):
        raise ValueError(f"{settings_file}: names are {settings.get('names')}, those of the dataset {class_names}")
    left_out, unsaid, written = 0, list[str](), dict[Path, str]()
    for row in dataset.with_format(None):
        name = _inside(row["file_name"])
        image, labels = folder / "images" / split / name, (folder / "labels" / split / name).with_suffix(".txt")
        if labels in written:
            raise ValueError(f"{row['file_name']} and {written[labels]} would share {labels}; rename one of them")
        written[labels] = row["file_name"]
        _copy_image(row["image"], image)
        items = [item for item in row["objects"] if not item["iscrowd"]]
        lines = [line for item in items if (line := _line(item, row)) is not None]
        left_out += len(row["objects"]) - len(lines)
        complete = row["complete"] and len(lines) == len(items)
        if lines or complete:  # without a file: unlabeled
            unsaid += [] if complete else [row["file_name"]]
            labels.parent.mkdir(parents=True, exist_ok=True)
            labels.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    settings |= {split: f"images/{split}", "names": dict(enumerate(class_names))}
    settings_file.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), encoding="utf-8")
    if left_out:
        logger.warning(
            "%s: %d objects are left out, which are crowds, have no class, or neither mask nor box", folder, left_out
        )
    if unsaid:
        logger.warning(
            "%s: YOLO cannot say that not all objects are marked, as in %d images (%s); read it with complete=False",
            folder,
            len(unsaid),
            ", ".join(unsaid[:3]) + ", …" * (len(unsaid) > 3),
        )
    return settings_file


# -- reading


def _read_settings(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: annotation file not found; give the path of a YOLO data.yaml")
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: is no YAML ({' '.join(str(error).split())}); write train, val and names") from error
    if not isinstance(settings, dict):
        raise ValueError(f"{path}: holds a {type(settings).__name__}; write train, val and names")
    return settings


def _classes(settings: Mapping[str, Any], path: Path) -> dict[int, str]:
    names = settings.get("names")
    if isinstance(names, list):
        names = dict(enumerate(names))
    indices = list(names) if isinstance(names, dict) else []
    texts = list(names.values()) if isinstance(names, dict) else []
    if not indices or not all(type(i) is int for i in indices) or not all(isinstance(t, str) and t for t in texts):
        raise ValueError(
            f"{path}: names is {names!r:.80}; write a list of class names, or a mapping from 0, 1, … to them"
        )
    if len(set(texts)) < len(texts):
        raise ValueError(f"{path}: names {texts} are not all different; give every class a name of its own")
    if str(settings.get("nc", len(texts))) != str(len(texts)):
        raise ValueError(f"{path}: nc is {settings['nc']}, but there are {len(texts)} names; correct one of them")
    if "kpt_shape" in settings:
        raise ValueError(f"{path}: kpt_shape is {settings['kpt_shape']}: a pose dataset; give one of segments or boxes")
    return dict(sorted(names.items()))


def _image_files(settings: Mapping[str, Any], split: str, path: Path) -> list[Path]:
    """The images of a split, each once, by path."""
    values = settings.get(split)
    if not values:
        there = [key for key in ("train", "val", "test") if settings.get(key)]
        raise ValueError(f"{path}: {split} is {values!r}: has no such split (it has {there}); name its images")
    root = path.parent / str(settings.get("path") or "")
    images: list[Path] = []
    for value in values if isinstance(values, list) else [values]:
        place = PurePosixPath(str(value))
        nearby = PurePosixPath(
            *[part for part in place.parts if part != ".."]
        )  # as some exporters mean ../train/images
        tried = list(dict.fromkeys([root / place, path.parent / place, path.parent / nearby]))
        found = next((place for place in tried if place.exists()), None)
        if found is None:
            looked = ", ".join(str(place) for place in tried)
            raise FileNotFoundError(
                f"{path}: {split} is {value!r}: not found; looked for {looked}; correct path or {split}"
            )
        images += _listed(found) if found.is_file() else _files_below(found)
    return sorted({image.absolute() for image in images if image.suffix.lower() in IMAGE_SUFFIXES})


def _files_below(folder: Path) -> list[Path]:
    return [Path(place, name) for place, _, names in os.walk(folder, followlinks=True) for name in names]


def _listed(file: Path) -> list[Path]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: is no text ({error}); write the path of one image a line") from error
    return [file.parent / line.strip() for line in lines if line.strip()]


def _label_file(image: Path) -> Path:
    """`…/images/….jpg` → `…/labels/….txt`; beside the image where no folder is called images."""
    parts = list(image.parts[:-1])
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    return Path(*parts, image.name).with_suffix(".txt")


def _marked_images(
    images: Sequence[Path], class_of: Mapping[int, str], report: LoadReport
) -> Iterator[ImageAnnotation]:
    for path in images:
        labels = _label_file(path)
        image = ImageAnnotation(f"image {path.name}", str(path), path=path, touched=labels.is_file())
        try:
            lines = labels.read_text(encoding="utf-8-sig").splitlines() if image.touched else []
        except UnicodeDecodeError as error:
            bad = AnnotationError("label file is no text", "label file", str(labels), f"{error}; export it again")
            report.reject(image.record, bad)
            continue
        for number, line in enumerate(lines, start=1):
            if line.strip():
                image.marks.append(ObjectAnnotation(f"{labels} line {number}", partial(_read_line, line, class_of)))
        if not image.touched:
            report.note("image without a label file (taken as unlabeled)", image.record, "label file", str(labels))
        yield image


def _read_line(line: str, class_of: Mapping[int, str], width: int, height: int) -> Reading:
    numbers = [read_number(word, "line") for word in line.split()]
    index, *values = numbers
    if index not in class_of:
        remedy = f"names has {list(class_of)[:10]}{'…' if len(class_of) > 10 else ''}"
        raise AnnotationError("class that names does not have", "class", line.split()[0], remedy)
    outside = [value for value in values if not -_SLACK <= value <= 1 + _SLACK]
    if outside:
        remedy = "coordinates are parts of the image's width and height, from 0 to 1"
        raise AnnotationError("coordinate outside of 0 … 1", "line", outside[0], remedy)
    label = class_of[int(index)]
    scale = np.array([width, height])
    if len(values) == 4:
        center, half = np.array(values[:2]) * scale, np.array(values[2:]) * scale / 2
        return label, box(np.stack([center - half, center + half]), width, height, "line")
    if len(values) < 6 or len(values) % 2:
        remedy = "a line has a class and at least three corners x y, or a class and x y width height"
        raise AnnotationError(f"{len(values)} coordinates", "line", line.strip(), remedy)
    corners = np.array(values).reshape(-1, 2) * scale
    return label, polygon_mask([corners.ravel().tolist()], width, height, "line")


# -- writing


def _line(item: Mapping[str, Any], row: Mapping[str, Any]) -> str | None:
    """One object; None for one that the format cannot hold."""
    if item["category"] is None:
        return None
    values: list[float]
    scale = np.array([row["width"], row["height"]])
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
    """A file's name as a path that stays below any folder."""
    path = PurePosixPath(name)
    return Path(*[part for part in path.parts if part not in (path.anchor, "..")])


def _copy_image(image: Mapping[str, Any], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if image["bytes"] is not None:
        target.write_bytes(image["bytes"])
    else:
        shutil.copyfile(image["path"], target)
