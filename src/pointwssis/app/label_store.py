# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Labels of images between visits: one JSON file per image, written after every change."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..ops.full_disk import naming_full_disk
from ..ops.user_error import UserError
from ..ops.whole_files import UNFINISHED
from .labeled_object import LabeledObject, from_record, to_record

SUFFIX = ".json"
Click = tuple[float, float, str | None]  # x, y in pixels of the image, and a class if it is known


@dataclass(frozen=True)
class ImageLabels:
    """The saved labels of one image.

    Args:
        size: (width, height) of the image in pixels.
        objects: its objects.
        is_finished: True if a person has stated that all its objects are labeled.
        clicks: clicks of a file that have no mask yet; they get one when the image is opened.
    """

    size: tuple[int, int]
    objects: tuple[LabeledObject, ...] = ()
    is_finished: bool = False
    clicks: tuple[Click, ...] = ()


class LabelStore:
    """Labels by image name, in memory or in a folder.

    Args:
        folder: folder of the files; None keeps the labels in memory only.
        names: images to look for in the folder.
        class_names: classes of the model, which every label must be one of.

    Raises:
        UserError: a file of the folder is damaged, or names another class; the message names it.
    """

    def __init__(self, folder: Path | None, names: Iterable[str] = (), class_names: Iterable[str] = ()):
        self.folder = folder
        self._labels: dict[str, ImageLabels] = {}
        for name in names if folder is not None else ():
            path = self._path(name)
            if path.is_file():
                self._labels[name] = _read(path, set(class_names))

    def __getitem__(self, name: str) -> ImageLabels:
        return self._labels[name]

    def __contains__(self, name: str) -> bool:
        return name in self._labels

    def __len__(self) -> int:
        return len(self._labels)

    def is_finished(self, name: str) -> bool:
        """Return True if all objects of an image are labeled."""
        return name in self._labels and self._labels[name].is_finished

    def save(self, name: str, labels: ImageLabels) -> None:
        """Keep the labels of an image, whole or not at all.

        Raises:
            DiskFullError: the disk is full; the former file is untouched.
        """
        if self.folder is not None:
            path = self._path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, json.dumps(_record(labels)))
        self._labels[name] = labels

    def _path(self, name: str) -> Path:
        # Names come from the folder of the images, never from a browser.
        return self.folder / (name + SUFFIX)


def replace_file(path: Path, text: str) -> None:
    """Write a text file as a whole, in place of an earlier one.

    Raises:
        DiskFullError: the disk is full; the former file is untouched.
    """
    unfinished = path.with_name(UNFINISHED + path.name)
    with naming_full_disk(path):
        try:
            unfinished.write_text(text, encoding="utf-8")
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)


def _record(labels: ImageLabels) -> dict[str, Any]:
    width, height = labels.size
    objects = [to_record(item) for item in labels.objects]
    record = {"width": width, "height": height, "finished": labels.is_finished, "objects": objects}
    return {**record, "clicks": labels.clicks}


def _read(path: Path, class_names: set[str]) -> ImageLabels:
    try:
        record: Mapping[str, Any] = json.loads(path.read_bytes())
        objects = tuple(from_record(item) for item in record["objects"])
        clicks = tuple((x, y, label) for x, y, label in record["clicks"])
        labels = ImageLabels((record["width"], record["height"]), objects, record["finished"], clicks)
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: is damaged ({error}); delete it, and the image is labeled anew") from error
    used = {item.label for item in objects} | {label for *_, label in clicks if label is not None}
    unknown = used - class_names
    if unknown:
        raise UserError(
            f"{path}: has the class {min(unknown)!r}, which the model does not know; use the model that the labels "
            "were made with, or another --output_dir"
        )
    return labels
