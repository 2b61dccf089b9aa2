# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Merge several annotation files of the same images, such as masks from one and clicks from another.

Rows with the same image file are the same image. Its objects are matched as follows:

- A click inside a mask of its class (or a bare click in any mask, or any click in a mask without a class) belongs to
  that object and becomes its point; if several masks contain it, to the smallest without a click of the same file. Any
  other click is a separate object.
- Two masks from two files with an IoU above one half are one object; so are two clicks from two files on one pixel.
  The record of the first file is kept. Different classes of one object are an error.
- Two records of one file are always two objects.

An image is complete only if every file that annotates it says so. Image-level labels are united.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from ..ops.coco_masks import decode_rle, rle_area, rle_iou
from ..ops.user_error import UserError
from .class_names import check_known, unite_names
from .errors import AnnotationError, LoadReport, Remark
from .formats.image_index import ImageIndex
from .formats.image_records import read_size
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
    """Merge several datasets into one with one row per image (see the module).

    Args:
        datasets: rows of the schema; the first dataset keeps its ids of images and objects.
        class_names: class names in the order of their indices; None takes those of all datasets, in order.
        skip_bad: leave out records that contradict an earlier dataset instead of raising; they are counted and logged.
        report: report that collects skipped and noted records.

    Raises:
        UserError: two datasets contradict each other, or two class names differ in spelling only.
    """
    report = LoadReport() if report is None else report
    report.source, report.skip_bad = "merged annotations", skip_bad
    datasets = [datasets] if isinstance(datasets, Dataset) else datasets
    if not datasets:
        raise UserError("datasets is empty; give at least one")
    # Agree on one list of classes, and check every dataset against it.
    classes = [names_of(dataset) for dataset in datasets]
    all_names = unite_names(classes) if class_names is None else list(class_names)
    for number, found in enumerate(classes, start=1):
        check_known(found, all_names, f"dataset {number} of {len(classes)}")
    # Translate class indices, and give new image ids where an earlier source uses the same one.
    sources = [_rows(dataset, found, all_names) for dataset, found in zip(datasets, classes, strict=True)]
    _make_unique(sources, "image_id")
    # Group the rows by image.
    objects: list[list[Item]] = []
    images: dict[str, list[Row]] = {}  # image → rows about it, one per source
    for rows in sources:
        objects.append([item for row in rows for item in row["objects"]])
        for row in rows:
            images.setdefault(_identity(row["image"]), []).append(row)
    # Rows hold the same objects as these lists, so their ids change in place.
    _make_unique(objects, "id")
    # An image of a single source needs no matching.
    merged = [rows[0] if len(rows) == 1 else _merged(rows, all_names, report) for rows in images.values()]
    report.log()
    return dataset_from_rows(merged, all_names)


def unlabeled_rows(
    image_dir: str | Path,
    datasets: Sequence[Dataset],
    *,
    results: str | Path | None = None,
    skip_bad: bool = False,
    report: LoadReport | None = None,
) -> Dataset:
    """Return the images of a folder that no dataset contains, as unlabeled rows.

    Args:
        image_dir: folder of the images, including its subfolders.
        datasets: all datasets in use, among them the validation set, whose images must not be used for training; the
            classes are those of the first.
        results: folder below `image_dir` whose pictures are no images to label, such as the output folder of a run.
        skip_bad: leave out unreadable images instead of raising; they are counted and logged.
        report: report that collects skipped images.
    """
    report = LoadReport() if report is None else report
    report.source, report.skip_bad = str(image_dir), skip_bad
    known: set[str] = set()
    ids: list[int] = []
    for dataset in datasets:
        known |= {_identity(image) for image in dataset.with_format(None)["image"]}
        ids += dataset["image_id"]
    numbers = count(max(ids, default=0) + 1)

    # Every other readable image becomes a row without labels.
    folder, rows = ImageIndex(image_dir), []
    left_out = None if results is None else Path(results).absolute()
    # A folder that holds the images themselves cannot be left out.
    if left_out is not None and folder.folder.is_relative_to(left_out):
        left_out = None
    for path in folder.images():
        if os.path.realpath(path) in known or (left_out is not None and path.is_relative_to(left_out)):
            continue
        name = folder.name_of(path)
        try:
            width, height = read_size(path, name, decode=skip_bad)
        except AnnotationError as bad:
            report.reject(f"image {name}", bad)
            continue
        # Nothing is known about the contents, so the row is incomplete and has no image-level label.
        fields = {"image": str(path), "image_id": next(numbers), "width": width, "height": height, "file_name": name}
        rows.append({**fields, "complete": False, "image_labels": None, "objects": []})
        report.images += 1
    report.log()
    return dataset_from_rows(rows, names_of(datasets[0]))


def _identity(image: Mapping[str, Any]) -> str:
    """Return what rows about one image share: its real path, in which links and spellings meet, or its content."""
    if image["bytes"] is None:
        return os.path.realpath(image["path"])
    return hashlib.sha256(image["bytes"]).hexdigest()


def _rows(dataset: Dataset, classes: Sequence[str], all_names: Sequence[str]) -> list[Row]:
    """Return the rows with the class indices of the merged dataset."""
    index_of = [all_names.index(name) for name in classes]
    rows = list(dataset.with_format(None))
    for row in rows:
        for item in row["objects"]:
            item["category"] = None if item["category"] is None else index_of[item["category"]]
        if row["image_labels"] is not None:
            row["image_labels"] = [index_of[label] for label in row["image_labels"]]
    return rows


def _make_unique(sources: Sequence[Sequence[dict[str, Any]]], field: str) -> None:
    """Give a new id to each record whose id exists in an earlier source."""
    # New ids start above all existing ones, so that they cannot meet an id of a later source.
    all_ids = [record[field] for records in sources for record in records]
    new_ids, taken = count(max(all_ids, default=0) + 1), set[int]()
    # An id is replaced only if an earlier source has it; the ids within one source are distinct already.
    for records in sources:
        own_ids = [record[field] for record in records]
        for record in records:
            if record[field] in taken:
                record[field] = next(new_ids)
        taken.update(own_ids)


def _merged(rows: Sequence[Row], class_names: Sequence[str], report: LoadReport) -> Row:
    """Merge the rows of several sources about one image."""
    # A source that neither annotates objects nor knows that there are none has no say in completeness.
    annotated = [row for row in rows if supervision(row) in ("full", "point")]
    image_labels = {label for row in rows for label in row["image_labels"] or ()}
    # All other fields, such as the id and the size, are those of the first source.
    return {
        **rows[0],
        "complete": bool(annotated) and all(row["complete"] for row in annotated),
        "image_labels": sorted(image_labels) or None,
        "objects": _ObjectMerger(rows, class_names, report).merged(),
    }


class _ObjectMerger:
    """A matcher of the objects of one image in several sources."""

    def __init__(self, rows: Sequence[Row], class_names: Sequence[str], report: LoadReport) -> None:
        self.rows, self.class_names, self.report = rows, class_names, report
        self.kept: list[tuple[int, Item]] = []  # (index of the source, object)
        self.masks: dict[int, np.ndarray] = {}  # object id → its decoded mask
        self.owners: set[tuple[int, int]] = set()  # (source of a click, id of the object whose point it became)

    def merged(self) -> list[Item]:
        """Return the merged objects; masks come first, so that clicks match masks whatever the order of the files."""
        items = [(source, item) for source, row in enumerate(self.rows) for item in row["objects"]]
        for source, item in items:
            if item["segmentation"] is not None:
                self._add_mask(source, item)
        for source, item in items:
            if item["segmentation"] is None:
                self._add_click(source, item)
        return [item for _, item in self.kept]

    def _add_mask(self, source: int, item: Item) -> None:
        # Masks precede clicks, so all that was kept so far has a mask. Crowds never match another object.
        for twin in self._others(source):
            if not item["iscrowd"] and rle_iou(twin["segmentation"], item["segmentation"]) > SAME_OBJECT_IOU:
                # Identical masks in two files are expected and need no remark.
                if self._agree(twin, item, "segmentation") and twin["segmentation"] != item["segmentation"]:
                    self._note("object with a mask in two files (the first one counts)", item)
                return
        self.kept.append((source, item))

    def _add_click(self, source: int, item: Item) -> None:
        is_click = item["point"] is not None  # and no box alone
        if is_click and (self._joins_mask(source, item) or self._joins_click(source, item)):
            return
        # Anything else is a separate object.
        self.kept.append((source, item))

    def _joins_mask(self, source: int, item: Item) -> bool:
        """Give a click to the smallest compatible mask of another source that contains it; return False without one."""
        x, y = self._pixel(item)
        masks = [other for other in self._others(source) if other["segmentation"] is not None]
        containing = [mask for mask in masks if _are_compatible(mask, item) and self._mask(mask)[y, x]]
        if not containing:
            return False
        # Each source contributes one click per mask; one too many is an error of labeling, not another object.
        free = [mask for mask in containing if (source, mask["id"]) not in self.owners]
        if not free:
            self._note("second click of a file in one mask (left out)", item, is_suspect=True)
            return True
        owner = min(free, key=lambda mask: rle_area(mask["segmentation"]))
        # The click becomes the point of the object, and its class if the mask has none.
        self.owners.add((source, owner["id"]))
        owner["point"] = item["point"]
        self._agree(owner, item, "point")
        return True

    def _joins_click(self, source: int, item: Item) -> bool:
        """Join a click outside all masks with that of another source on the same pixel; return False without one."""
        pixel = self._pixel(item)
        for other in self._others(source):
            if other["segmentation"] is None and other["point"] is not None and self._pixel(other) == pixel:
                self._agree(other, item, "point")
                return True
        return False

    def _others(self, source: int) -> list[Item]:
        return [item for number, item in self.kept if number != source and not item["iscrowd"]]

    def _pixel(self, item: Item) -> tuple[int, int]:
        """Return column and row of a click."""
        # Round half up; beyond the center of the last pixel, the click still belongs to that pixel.
        sides = self.rows[0]["width"], self.rows[0]["height"]
        x, y = (min(int(c + 0.5), side - 1) for c, side in zip(item["point"], sides, strict=True))
        return x, y

    def _mask(self, item: Item) -> np.ndarray:
        if item["id"] not in self.masks:
            self.masks[item["id"]] = decode_rle(item["segmentation"])
        return self.masks[item["id"]]

    def _agree(self, kept: Item, item: Item, field: str) -> bool:
        """Return True if two records of one object agree on its class; the kept one takes a class that it lacks."""
        # A contradiction is reported with both classes, and the record of the later source is not used.
        if not _are_compatible(kept, item):
            both = [self.class_names[each["category"]] for each in (kept, item)]
            hint = "two files give these classes to one object; correct one of them, or map one with label_map"
            bad = AnnotationError("contradicting classes", f"class ({field})", both, hint)
            self.report.reject(self._record_name(item), bad)
            return False
        # A bare click or a mask without a class adopts the class of its counterpart.
        if kept["category"] is None:
            kept["category"] = item["category"]
        return True

    def _note(self, remark: str, item: Item, is_suspect: bool = False) -> None:
        self.report.note(self._record_name(item), Remark(remark, "point", item["point"], is_suspect))

    def _record_name(self, item: Item) -> str:
        return f"image {self.rows[0]['file_name']}, object {item['id']}"


def _are_compatible(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    return None in (first["category"], second["category"]) or first["category"] == second["category"]
