# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Labels of the app in the formats of annotation tools, and back."""

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from datasets import Dataset

from ..data.errors import SKIP_HINT
from ..data.formats.click_table_export import to_click_table
from ..data.formats.coco_export import to_coco
from ..data.formats.cvat import to_cvat
from ..data.formats.label_studio_export import to_label_studio
from ..data.loading import load_annotations
from ..data.schema import class_names as names_of
from ..data.schema import dataset_from_rows, make_object
from ..ops.user_error import UserError
from ..ops.wording import counted, did_you_mean
from .label_store import Click, ImageLabels, reason_of, replace_file
from .labeled_object import from_row, to_row
from .work_images import WorkImage


@dataclass(frozen=True)
class Download:
    """A file for the user.

    Args:
        name: file name.
        text: content.
    """

    name: str
    text: str


@dataclass(frozen=True)
class LoadedLabels:
    """The labels of a file.

    Args:
        by_name: labels by image name; none is finished before a person has looked at it.
        left_out: number of objects that the app cannot take: crowd regions, and masks without a class.
    """

    by_name: dict[str, ImageLabels]
    left_out: int

    @property
    def warning(self) -> str | None:
        """Return a sentence about objects that were left out; None without any."""
        if not self.left_out:
            return None
        return (
            f"Left out {counted(self.left_out, 'object')}: the app takes no crowd regions and no masks without a class."
        )


def _accepted_label_studio(rows: Dataset) -> str:
    """Return tasks whose labels are annotations, since a person made them, rather than predictions."""
    tasks = [{"data": task["data"], "annotations": task["predictions"]} for task in to_label_studio(rows)]
    return json.dumps(tasks)


# Format → name of the file, and writer of its content
WRITERS: dict[str, tuple[str, Callable[[Dataset], str]]] = {
    "coco": ("labels.json", lambda rows: json.dumps(to_coco(rows))),
    "label_studio": ("label_studio.json", _accepted_label_studio),
    "cvat": ("cvat.xml", to_cvat),
    "csv": ("clicks.csv", to_click_table),
}

MAPPING_HINT = re.compile(r"map them, as with --label_map '.*', or (?=rename or remove them)")


def exported(labels: Iterable[tuple[WorkImage, ImageLabels]], class_names: Sequence[str], format: str) -> Download:
    """Return the labels of images as one file.

    Args:
        labels: images with their labels.
        class_names: classes in the order of their indices.
        format: key of `WRITERS`.

    Raises:
        UserError: the format is unknown, or no image has labels.
    """
    if format not in WRITERS:
        raise UserError(f"There is no format {format!r:.40}; {did_you_mean(format, WRITERS) or ', '.join(WRITERS)}")
    name, write = WRITERS[format]
    labels = list(labels)
    if format == "cvat":
        _refuse_clicks_without_class(labels)
    rows = label_rows(labels, class_names)
    if not len(rows):
        raise UserError("There is nothing to save yet; click an object first.")
    return Download(name, write(rows))


def _refuse_clicks_without_class(labels: Iterable[tuple[WorkImage, ImageLabels]]) -> None:
    """Raise a `UserError` for a click whose class the model has not chosen yet: CVAT has no objects without one."""
    for image, own in labels:
        if any(label is None for *_, label in own.clicks):
            raise UserError(
                f"CVAT requires a class for every object, and clicks of {image.name} have none yet; open this image, "
                "and the model chooses their classes."
            )


def label_rows(labels: Iterable[tuple[WorkImage, ImageLabels]], class_names: Sequence[str]) -> Dataset:
    """Return the labels of images as rows of the schema; a click without a mask is a point."""
    rows, last_id = [], 0
    for image, own in labels:
        objects = []
        for item in own.objects:
            last_id += 1
            objects.append(to_row(item, last_id, class_names))
        for x, y, label in own.clicks:
            last_id += 1
            category = None if label is None else list(class_names).index(label)
            objects.append(make_object(last_id, category, point=[x, y]))
        row = {"image": image.name, "image_id": len(rows) + 1, "width": own.size[0], "height": own.size[1]}
        row |= {"file_name": image.name, "complete": own.is_finished, "image_labels": None, "objects": objects}
        rows.append(row)
    return dataset_from_rows(rows, class_names)


def imported(
    name: str, content: bytes, images: Sequence[WorkImage], class_names: Sequence[str], folder: Path
) -> LoadedLabels:
    """Return the labels of an annotation file of any format.

    Args:
        name: name of the file.
        content: content of the file.
        images: images that the file may name.
        class_names: classes that the file may name.
        folder: folder for temporary files.

    Raises:
        UserError: the file is invalid, or names other images or classes; the message names the record.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)  # somebody may have deleted it meanwhile
        with TemporaryDirectory(dir=folder, prefix="loading-") as scratch:
            # Readers take files, and find images by their names below a folder.
            image_dir, file = Path(scratch, "images"), Path(scratch, "labels" + Path(name).suffix.lower())
            for image in images:
                _place(image, image_dir / image.name)
            file.write_bytes(content)
            try:
                rows = load_annotations(file, image_dir, class_names=list(class_names))
            except UserError as error:
                # The user knows the file by its own name, and the page has no options of the command line.
                message = str(error).replace(str(file), name).replace(str(image_dir), "the images of the app")
                message = MAPPING_HINT.sub("", message.removesuffix(SKIP_HINT))
                raise UserError(message) from error
    except OSError as error:
        raise UserError(f"{name} cannot be read ({reason_of(error)}); nothing was changed.") from error
    return labels_of_rows(rows)


def labels_of_rows(rows: Dataset, doubts: Mapping[int, str] | None = None) -> LoadedLabels:
    """Return rows of the schema as labels by file name: masks as they are, points as clicks for the model.

    Args:
        rows: rows of the schema.
        doubts: object id → what speaks against its mask.
    """
    class_names, doubts = names_of(rows), doubts or {}
    by_name: dict[str, ImageLabels] = {}
    left_out = 0
    for row in rows.with_format(None):
        items = [item for item in row["objects"] if not item["iscrowd"]]
        masks = [item for item in items if item["segmentation"] is not None and item["category"] is not None]
        objects = []
        for number, item in enumerate(masks, start=1):
            objects.append(replace(from_row(item, class_names), id=number, doubt=doubts.get(item["id"])))
        clicks = [_click(item, class_names) for item in items if item["segmentation"] is None and item["point"]]
        by_name[row["file_name"]] = ImageLabels((row["width"], row["height"]), tuple(objects), clicks=tuple(clicks))
        left_out += len(row["objects"]) - len(objects) - len(clicks)
    return LoadedLabels(by_name, left_out)


def write_labels(
    labels: Iterable[tuple[WorkImage, ImageLabels]], class_names: Sequence[str], folder: Path
) -> Path | None:
    """Write labels as COCO JSON to a folder, in place of earlier ones; return the file, None without labels."""
    labels = list(labels)
    if not labels:
        return None
    file = exported(labels, class_names, "coco")
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / file.name, file.text)
    return folder / file.name


def _click(item: dict[str, Any], class_names: Sequence[str]) -> Click:
    x, y = item["point"]
    return float(x), float(y), None if item["category"] is None else class_names[item["category"]]


def _place(image: WorkImage, path: Path) -> None:
    """Make an image appear at a path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(image.source, bytes):
        path.write_bytes(image.source)
    else:
        os.symlink(image.source.absolute(), path)
