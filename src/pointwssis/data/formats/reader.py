# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""What every reader but COCO's shares: marked images, as a tool's file has them, become rows of the schema.

A reader says *where* its file has something; here it is checked against the image itself, classes get their indices,
masks their boxes, areas and points, and what is wrong becomes one error or a counted skip.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from ..class_names import check_known, unite_names
from ..errors import AnnotationError, LoadReport
from ..schema import dataset_from_rows, make_object
from .coco_records import derive_point, measured, read_size
from .image_index import ImageIndex

Reading = tuple[str | None, dict[str, Any]]
"""The label of a mark (None: a bare click) and values of `make_object`."""


class NoClassError(ValueError):
    """A file of bare clicks only: the classes have to come from elsewhere."""


@dataclass
class ObjectAnnotation:
    """One object of an annotation file."""

    record: str  # what messages call it, as in "line 7"
    read: Callable[[int, int], Reading]  # of the image's width and height in pixels; may raise AnnotationError


@dataclass
class ImageAnnotation:
    """One image of an annotation file."""

    record: str  # what messages call it, as in "task 12"
    name: str  # what the file calls it
    marks: list[ObjectAnnotation] = field(default_factory=list)
    size: tuple[int, int] | None = None  # (width, height) in the file
    complete: bool | None = None  # what the file says of this image
    touched: bool = True  # somebody has worked on it: where no object is marked, there is none
    image_labels: list[str] = field(default_factory=list)
    path: Path | None = None  # where it is, if the format says so
    lost: bool = False  # a mark of it could not be read at all


@dataclass
class AnnotationReader:
    """How marked images become rows.

    Args:
        folder: the images.
        report: of the file.
        class_names: the classes; None takes those of the file.
        label_map: name in the file → class, where they differ.
        complete: of images that do not say it themselves; None: yes, where somebody has worked on them.
        declared: the classes that the file lists, in their order; further ones come as they appear.
        labels_are_classes: every image-level label is a class. Otherwise one that no object has may be about something
            else (the weather), and counts only if no object of the file has a class at all.
        uploaded: see `ImageIndex.find`.
        field: of the file that names the image.
    """

    folder: ImageIndex
    report: LoadReport
    class_names: Sequence[str] | None = None
    label_map: Mapping[str, str] | None = None
    complete: bool | None = None
    declared: Sequence[str] = ()
    labels_are_classes: bool = False
    uploaded: bool = False
    field: str = "image"

    def dataset(self, images: Iterable[ImageAnnotation]) -> Dataset:
        """Checks the images and packs them."""
        rows = list(self._rows(images))
        class_names = self._class_names(rows)
        self._number_classes(rows, class_names)
        self.report.log()
        if not rows:
            reason = "all were skipped" if self.report.skipped else "it names none"
            raise ValueError(f"{self.report.source}: no image to load ({reason}); a dataset needs at least one")
        if not class_names:
            raise NoClassError(
                f"{self.report.source}: no label names a class; give the classes, or a file that has some beside it"
            )
        return dataset_from_rows(rows, class_names)

    def _rows(self, images: Iterable[ImageAnnotation]) -> Iterator[dict[str, Any]]:
        """Rows whose classes are still names."""
        seen: dict[str, tuple[str, dict[str, Any]]] = {}
        objects = 0
        for image in images:
            try:
                path = image.path or self.folder.find(image.name, self.uploaded, self.field)
                place = os.path.realpath(path)
                if (earlier := seen.get(place)) is not None:
                    first, row = earlier
                    row["complete"] = False  # what this record marks is not in it
                    remedy = f"{first} is about {path} too; put what belongs to one image together"
                    raise AnnotationError("image given twice", self.field, image.name, remedy)
                width, height = read_size(path, image.name, image.size, self.field)
            except AnnotationError as bad:
                self.report.reject(image.record, bad)
                continue
            items = [self._object(mark, width, height) for mark in image.marks]
            found = [item for item in items if item is not None]
            for item in found:
                objects += 1
                item["id"] = objects
            self.report.images += 1
            self.report.objects += len(found)
            row = {
                "image": str(path),
                "image_id": self.report.images,
                "width": width,
                "height": height,
                "file_name": self.folder.name_of(path),
                "complete": self._is_complete(image) and len(found) == len(items) and not image.lost,
                "image_labels": [self._class_name(label) for label in image.image_labels] or None,
                "objects": found,
            }
            seen[place] = (image.record, row)
            yield row

    def _object(self, mark: ObjectAnnotation, width: int, height: int) -> dict[str, Any] | None:
        """One entry of `objects` whose category is still a name; None when it was skipped."""
        try:
            label, values = mark.read(width, height)
            item = make_object(0, self._class_name(label), **measured(values))
            if label is None and item["segmentation"] is not None:
                raise AnnotationError(
                    "mask without a label", "label", None, "only a click may lack one; give it a class"
                )
            if item["point"] is None:
                kind = "box_center" if item["segmentation"] is None else "center"
                item["point"], remark = derive_point(item, width, height, kind, np.random.default_rng(0))
                if remark:
                    self.report.note(remark, mark.record, "point", [round(value, 2) for value in item["point"]])
            return item
        except AnnotationError as bad:
            self.report.reject(mark.record, bad)
            return None

    def _class_name(self, label: str | None) -> Any:
        return (self.label_map or {}).get(label, label)

    def _is_complete(self, image: ImageAnnotation) -> bool:
        if image.complete is not None:
            return image.complete
        if image.image_labels and not image.marks:  # something is there, nobody said where
            return False
        return image.touched if self.complete is None else self.complete

    def _class_names(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """The classes; those of objects must be among them when they are given."""
        of_objects = [item["category"] for row in rows for item in row["objects"] if item["category"] is not None]
        of_images = [label for row in rows for label in row["image_labels"] or ()]
        if self.class_names is not None:
            check_known(of_objects + of_images * self.labels_are_classes, self.class_names, self.report.source)
            return list(self.class_names)
        class_names = [self._class_name(name) for name in self.declared] + of_objects
        return unite_names([class_names + of_images * (self.labels_are_classes or not class_names)], self.report.source)

    def _number_classes(self, rows: Sequence[dict[str, Any]], class_names: Sequence[str]) -> None:
        index_of = {name: index for index, name in enumerate(class_names)}
        for row in rows:
            for item in row["objects"]:
                item["category"] = index_of.get(item["category"])
            for label in row["image_labels"] or ():
                if label not in index_of:
                    self.report.note("image-level label that is no class", row["file_name"], "label", label)
            row["image_labels"] = [index_of[label] for label in row["image_labels"] or () if label in index_of] or None
