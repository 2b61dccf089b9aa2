# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Several annotation files of the same images as one dataset: masks from here, clicks from there.

An image is the same where its file is. Of its objects:

- A click in a mask of its class (or a bare click in any mask, or any click in a mask without class) belongs to that
  object and becomes its point; of several masks it is the smallest. Any other click is an object of its own.
- Two masks of two files that overlap by more than half (IoU) are one object, two clicks of two files on one pixel too.
  The first file's counts. Where their classes differ, that is an error.
- What one file keeps apart stays apart.

An image is complete only if every file says so that marks its objects, or that it has none. Image-level labels are put
together.
"""

import os
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from ..ops.coco_masks import decode_rle, rle_area, rle_iou
from .class_names import check_known, unite_names
from .errors import AnnotationError, LoadReport
from .formats.coco_records import read_size
from .formats.image_index import ImageIndex
from .schema import class_names as names_of
from .schema import dataset_from_rows, supervision

SAME_OBJECT_IOU = 0.5

Row = dict[str, Any]
Item = dict[str, Any]


def merge_annotations(
    datasets: Sequence[Dataset],
    *,
    class_names: Sequence[str] | None = None,
    skip_bad: bool = False,
    report: LoadReport | None = None,
) -> Dataset:
    """One dataset out of several, with one row an image (the module says how).

    Args:
        datasets: rows of the schema; the first one's ids of images and objects stay.
        class_names: the classes and their order; None takes those of all, in order.
        skip_bad: leave out what contradicts an earlier file instead of raising; it is counted and logged.
        report: filled with what was left out and noticed.

    Raises:
        ValueError: two files contradict each other, or their classes differ in spelling only.
    """
    report = LoadReport() if report is None else report
    report.source, report.skip_bad = "merged annotations", skip_bad
    classes = [names_of(dataset) for dataset in datasets]
    together = unite_names(classes) if class_names is None else list(class_names)
    for number, found in enumerate(classes, start=1):
        check_known(found, together, f"dataset {number} of {len(classes)}")
    sources = [_rows(dataset, found, together) for dataset, found in zip(datasets, classes, strict=True)]
    _make_unique(sources, "image_id")
    _make_unique([[item for row in rows for item in row["objects"]] for rows in sources], "id")
    images: dict[str, list[Row]] = {}
    for row in (row for rows in sources for row in rows):
        images.setdefault(os.path.realpath(row["image"]["path"]), []).append(row)
    merged = [rows[0] if len(rows) == 1 else _merged(rows, together, report) for rows in images.values()]
    report.log()
    return dataset_from_rows(merged, together)


def unlabeled_rows(
    image_dir: str | Path, datasets: Sequence[Dataset], *, skip_bad: bool = False, report: LoadReport | None = None
) -> Dataset:
    """The images of a folder that no dataset names, as rows without any label.

    Args:
        image_dir: folder, with its sub-folders.
        datasets: all that are in use (the validation set too, or its images would be learned from); the classes are
            those of the first.
        skip_bad: leave out unreadable images instead of raising; they are counted and logged.
        report: filled with what was left out.
    """
    report = LoadReport() if report is None else report
    report.source, report.skip_bad = str(image_dir), skip_bad
    known = {os.path.realpath(image["path"]) for dataset in datasets for image in dataset.with_format(None)["image"]}
    numbers = count(max((number for dataset in datasets for number in dataset["image_id"]), default=0) + 1)
    folder, rows = ImageIndex(image_dir), []
    for path in folder.images():
        if os.path.realpath(path) in known:
            continue
        name = folder.name_of(path)
        try:
            width, height = read_size(path, name)
        except AnnotationError as bad:
            report.reject(f"image {name}", bad)
            continue
        fields = {"image": str(path), "image_id": next(numbers), "width": width, "height": height, "file_name": name}
        rows.append({**fields, "complete": False, "image_labels": None, "objects": []})
        report.images += 1
    report.log()
    return dataset_from_rows(rows, names_of(datasets[0]))


def _rows(dataset: Dataset, classes: Sequence[str], together: Sequence[str]) -> list[Row]:
    """The rows with the class indices of the merged dataset."""
    index_of = [together.index(name) for name in classes]
    rows = list(dataset.with_format(None))
    for row in rows:
        for item in row["objects"]:
            item["category"] = None if item["category"] is None else index_of[item["category"]]
        if row["image_labels"] is not None:
            row["image_labels"] = [index_of[label] for label in row["image_labels"]]
    return rows


def _make_unique(sources: Sequence[Sequence[dict[str, Any]]], field: str) -> None:
    """Gives new numbers to what has the number of something in an earlier source."""
    numbers = [[record[field] for record in records] for records in sources]
    fresh, taken = count(max((number for those in numbers for number in those), default=0) + 1), set[int]()
    for records, own in zip(sources, numbers, strict=True):
        for record in records:
            if record[field] in taken:
                record[field] = next(fresh)
        taken.update(own)


def _merged(rows: Sequence[Row], class_names: Sequence[str], report: LoadReport) -> Row:
    """One row out of the rows of several sources about one image."""
    marked = [row for row in rows if supervision(row) in ("full", "point")]
    image_labels = {label for row in rows for label in row["image_labels"] or ()}
    return {
        **rows[0],
        "complete": bool(marked) and all(row["complete"] for row in marked),
        "image_labels": sorted(image_labels) or None,
        "objects": _Objects(rows, class_names, report).merged(),
    }


class _Objects:
    """The objects of one image in several sources."""

    def __init__(self, rows: Sequence[Row], class_names: Sequence[str], report: LoadReport) -> None:
        self.rows, self.class_names, self.report = rows, class_names, report
        self.kept: list[tuple[int, Item]] = []  # with the number of the source
        self.pixels: dict[int, np.ndarray] = {}  # object id → its mask
        self.owners: set[tuple[int, int]] = set()  # source of a click, id of the object whose point it became

    def merged(self) -> list[Item]:
        for has_mask in (True, False):  # the order of the files does not decide which clicks have an owner
            for source, row in enumerate(self.rows):
                for item in row["objects"]:
                    if (item["segmentation"] is not None) == has_mask:
                        (self._add_mask if has_mask else self._add_click)(source, item)
        return [item for _, item in self.kept]

    def _add_mask(self, source: int, item: Item) -> None:
        for twin in self._others(source):
            if not item["iscrowd"] and rle_iou(twin["segmentation"], item["segmentation"]) > SAME_OBJECT_IOU:
                if self._agree(twin, item, "segmentation") and twin["segmentation"] != item["segmentation"]:
                    self._note("object with a mask in two files (the first one counts)", item)
                return
        self.kept.append((source, item))

    def _add_click(self, source: int, item: Item) -> None:
        if item["point"] is None:  # a box that nobody made a point of
            self.kept.append((source, item))
            return
        x, y = self._pixel(item)
        masks = [other for other in self._others(source) if other["segmentation"] is not None]
        around = [mask for mask in masks if _compatible(mask, item) and self._mask(mask)[y, x]]
        if around:
            owner = min(around, key=lambda mask: rle_area(mask["segmentation"]))
            if (source, owner["id"]) in self.owners:
                self._note("second click of a file in one mask (left out)", item)
                return
            self.owners.add((source, owner["id"]))
            owner["point"] = item["point"]
            self._agree(owner, item, "point")
            return
        for other in self._others(source):
            if other["segmentation"] is None and other["point"] is not None and self._pixel(other) == (x, y):
                self._agree(other, item, "point")
                return
        self.kept.append((source, item))

    def _others(self, source: int) -> list[Item]:
        return [item for number, item in self.kept if number != source and not item["iscrowd"]]

    def _pixel(self, item: Item) -> tuple[int, int]:
        """Column and row of a click."""
        sides = self.rows[0]["width"], self.rows[0]["height"]
        x, y = (min(int(c + 0.5), side - 1) for c, side in zip(item["point"], sides, strict=True))
        return x, y

    def _mask(self, item: Item) -> np.ndarray:
        if item["id"] not in self.pixels:
            self.pixels[item["id"]] = decode_rle(item["segmentation"])
        return self.pixels[item["id"]]

    def _agree(self, kept: Item, item: Item, field: str) -> bool:
        """Whether two records of one object agree on its class, which a record without a class leaves to the other."""
        if not _compatible(kept, item):
            both = [self.class_names[each["category"]] for each in (kept, item)]
            remedy = "two files give one object these classes; correct one of them, or map one with label_map"
            self.report.reject(
                self._record(item), AnnotationError("contradicting classes", f"class ({field})", both, remedy)
            )
            return False
        if kept["category"] is None:
            kept["category"] = item["category"]
        return True

    def _note(self, remark: str, item: Item) -> None:
        self.report.note(remark, self._record(item), "point", item["point"])

    def _record(self, item: Item) -> str:
        return f"image {self.rows[0]['file_name']}, object {item['id']}"


def _compatible(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    return None in (first["category"], second["category"]) or first["category"] == second["category"]
