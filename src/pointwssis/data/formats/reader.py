# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The common part of the readers of all formats except COCO: annotated images become rows of the schema.

The reader of a format extracts records. Here they are checked against the image file, class names become indices,
masks get boxes, areas and points, and a bad record raises an error or is skipped and counted.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import Dataset

from ...ops.user_error import UserError
from ...ops.wording import counted
from ..class_names import check_known, unite_names
from ..errors import AnnotationError, LoadReport, Remark
from ..schema import dataset_from_rows
from .coco_records import build_object
from .doubts import FractionsCheck, doubt_about_name
from .image_index import ImageIndex
from .image_records import read_size
from .load_options import LoadOptions
from .uniting import unite_marks

LabelAndValues = tuple[str | None, dict[str, Any]]
"""The label of an object (None: a bare click) and values of `make_object`."""


class NoClassError(UserError):
    """A file that contains only bare clicks, so that the classes must be given."""


@dataclass
class ObjectAnnotation:
    """One object of an annotation file.

    Args:
        record_name: name of the record in messages, such as "line 7".
        decode: function that returns label and values, given the image's width and height in pixels; it may raise
            `AnnotationError`.
    """

    record_name: str
    decode: Callable[[int, int], LabelAndValues]


@dataclass
class ImageAnnotation:
    """One image of an annotation file.

    Args:
        record_name: name of the record in messages, such as "task 12".
        file_name: name of the image in the file.
        objects: annotated objects.
        size: (width, height) in pixels, if the file states them.
        complete: value of `complete`, if the file states it.
        was_annotated: True if the image was annotated, so that no object means that it shows none.
        image_labels: names of classes that the image shows, without positions.
        path: path of the image file, if the format gives it.
        has_unreadable_objects: True if a record about the image could not be read at all.
    """

    record_name: str
    file_name: str
    objects: list[ObjectAnnotation] = field(default_factory=list)
    size: tuple[int, int] | None = None
    complete: bool | None = None
    was_annotated: bool = True
    image_labels: list[str] = field(default_factory=list)
    path: Path | None = None
    has_unreadable_objects: bool = False


@dataclass
class AnnotationReader:
    """A converter from annotated images to rows of the schema.

    Args:
        images: index of the image files.
        report: report of the annotation file.
        options: options of the loader.
        declared_classes: classes that the file lists, in order; further ones follow as they appear.
        labels_are_classes: True if every image-level label is a class. Otherwise a label that no object has may concern
            something else (such as the weather), and counts only if no object of the file has a class at all.
        uploaded: see `ImageIndex.find`.
        image_field: field of the annotation file that names the image.
    """

    images: ImageIndex
    report: LoadReport
    options: LoadOptions
    declared_classes: Sequence[str] = ()
    labels_are_classes: bool = False
    uploaded: bool = False
    image_field: str = "image"
    units: FractionsCheck = field(default_factory=FractionsCheck, init=False)

    def to_dataset(self, annotations: Iterable[ImageAnnotation]) -> Dataset:
        """Check the images and pack them into a dataset."""
        rows = list(self._rows(annotations))
        # Classes may appear anywhere in the file, so names become indices at the end.
        class_names = self._class_names(rows)
        self._replace_names_by_indices(rows, class_names)
        self.report.log()
        self.units.conclude(self.report.source)
        if not rows:
            raise self.report.no_image("it names none")
        # Bare clicks only: a caller with several files can take the classes of another one.
        if not class_names and self.report.skipped:
            count = counted(self.report.skipped.total(), "bad record")
            raise UserError(
                f"{self.report.source}: no label is left ({count} skipped); the first: {self.report.first_message()}"
            )
        if not class_names:
            raise NoClassError(
                f"{self.report.source}: there is no label; pass class_names, or add a file that has labels"
            )
        return dataset_from_rows(rows, class_names)

    def _rows(self, annotations: Iterable[ImageAnnotation]) -> Iterator[dict[str, Any]]:
        """Yield rows whose classes are still names."""
        seen: dict[str, tuple[str, dict[str, Any]]] = {}  # real path → the first record about it, and its row
        for image in annotations:
            try:
                path = image.path or self.images.find(image.file_name, self.uploaded, self.image_field)
                # Links and spellings of a path may lead to the same file
                real_path = os.path.realpath(path)
                if real_path in seen:
                    # The first row is packed only at the end, so it can still be changed.
                    first, row = seen[real_path]
                    row["complete"] = False  # it lacks the objects of this record
                    hint = f"{first} is about {path} too; put all annotations of an image into one record"
                    raise AnnotationError("image given twice", self.image_field, image.file_name, hint)
                size = read_size(path, image.file_name, image.size, self.image_field, decode=self.options.skip_bad)
            except AnnotationError as bad:
                self.report.reject(image.record_name, bad)
                continue
            row = self._row(image, path, size)
            seen[real_path] = (image.record_name, row)
            yield row

    def _row(self, image: ImageAnnotation, path: Path, size: tuple[int, int]) -> dict[str, Any]:
        read = [found for annotation in image.objects if (found := self._object(annotation, size)) is not None]
        # A skipped object leaves the image incomplete, whatever the file says.
        has_all_objects = len(read) == len(image.objects) and not image.has_unreadable_objects
        # Prompts and the mask that a tool made from them are one object.
        objects, united = unite_marks([item for item, _ in read], [has_point for _, has_point in read])
        for _, remark in united:
            self.report.note(image.record_name, remark)
        for item in objects:
            # Object and image ids count from 1 over the whole file.
            self.report.objects += 1
            item["id"] = self.report.objects
            self.units.add(item, size)
        self.report.images += 1
        return {
            "image": str(path),
            "image_id": self.report.images,
            "width": size[0],
            "height": size[1],
            "file_name": self.images.name_of(path),
            "complete": self._is_complete(image) and has_all_objects,
            "image_labels": [self._class_name(label) for label in image.image_labels] or None,
            "objects": objects,
        }

    def _object(self, annotation: ObjectAnnotation, size: tuple[int, int]) -> tuple[dict[str, Any], bool] | None:
        """Return one entry of `objects` whose category is still a name, and whether the file states its point.

        None stands for an object that was skipped.
        """
        try:
            label, values = annotation.decode(*size)
            has_mask = values.get("segmentation") is not None
            # A mask needs a class, since the teacher predicts those of clicks only.
            if label is None and has_mask:
                hint = "only a click may lack a label; give it a class"
                raise AnnotationError("mask without a label", "label", None, hint)
            # The format's own point wins; this is the fallback for masks and boxes.
            point_source = "center" if has_mask else "box_center"
            name = self._class_name(label)
            item, remarks = build_object(0, name, values, size, point_source)
            remarks = [*remarks, *filter(None, [doubt_about_name(name)])]
            for remark in remarks:
                self.report.note(annotation.record_name, remark)
            return item, values.get("point") is not None
        except AnnotationError as bad:
            self.report.reject(annotation.record_name, bad)
            return None

    def _class_name(self, label: str | None) -> Any:
        if label is not None:
            self.report.names.add(label)
        return (self.options.label_map or {}).get(label, label)

    def _is_complete(self, image: ImageAnnotation) -> bool:
        # The file's statement about the image wins over option and guess
        if image.complete is not None:
            return image.complete
        if image.image_labels and not image.objects:  # it shows objects that are not located
            return False
        # The option, if given, replaces the guess from the file.
        return image.was_annotated if self.options.complete is None else self.options.complete

    def _class_names(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return the class names; if they are given, those of the objects must be among them."""
        of_objects: list[str] = []
        of_images: list[str] = []
        for row in rows:
            of_objects += [item["category"] for item in row["objects"] if item["category"] is not None]
            of_images += row["image_labels"] or ()
        # Given classes are final: the file cannot add any.
        if self.options.class_names is not None:
            found = of_objects + (of_images if self.labels_are_classes else [])
            check_known(found, self.options.class_names, self.report.source)
            return list(self.options.class_names)
        # Declared classes come first, others follow as they appear.
        class_names = [self._class_name(name) for name in self.declared_classes] + of_objects
        if self.labels_are_classes or not class_names:
            class_names += of_images
        return unite_names([class_names], self.report.source)

    def _replace_names_by_indices(self, rows: Sequence[dict[str, Any]], class_names: Sequence[str]) -> None:
        index_of = {name: index for index, name in enumerate(class_names)}
        for row in rows:
            for item in row["objects"]:
                item["category"] = index_of.get(item["category"])
            labels = row["image_labels"] or ()
            # Labels that are no class, such as the weather, are dropped and counted
            for label in labels:
                if label not in index_of:
                    remark = Remark("image-level label that is not a class", "label", label)
                    self.report.note(row["file_name"], remark)
            row["image_labels"] = [index_of[label] for label in labels if label in index_of] or None
