# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Labels of images between visits: one JSON file per image, written after every change."""

import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..ops.full_disk import is_about_a_full_disk, naming_full_disk
from ..ops.user_error import UserError
from ..ops.whole_files import UNFINISHED, flush
from .labeled_object import LabeledObject, from_record, to_record

SUFFIX = ".json"
IMAGE_FOLDERS = "image_folders.txt"  # beside the labels: where their images are, one folder per line
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


class ChangedElsewhereError(UserError):
    """Labels that somebody else has changed since they were shown."""


class LabelStore:
    """Labels by image name, in memory or in a folder.

    Args:
        folder: folder of the files; None keeps the labels in memory only.
        names: images to look for in the folder.
        class_names: classes of the model, which every label must be one of.
        image_folders: folders that the names of the images start from.

    Raises:
        UserError: a file of the folder is damaged, names another class, or belongs to images of other folders; the
            message names it.
    """

    def __init__(
        self,
        folder: Path | None,
        names: Iterable[str] = (),
        class_names: Iterable[str] = (),
        image_folders: Iterable[Path] = (),
    ):
        self.folder = folder
        self._image_folders = "".join(f"{path}\n" for path in sorted(set(image_folders)))
        self._labels: dict[str, ImageLabels] = {}
        # Two people may save one image at the same time.
        self._lock = threading.Lock()
        if folder is not None:
            self._check_image_folders()
            self._read_labels(names, set(class_names))

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
        """Keep the labels of an image in place of any others; see `change`."""
        self.change(name, lambda _: labels)

    def change(self, name: str, change: Callable[[ImageLabels | None], ImageLabels]) -> ImageLabels:
        """Change the labels of an image, whole or not at all, and return the new ones.

        Args:
            name: name of the image.
            change: function that gets the present labels, or None, and returns the new ones; nobody else changes them
                meanwhile.

        Raises:
            UserError: the file cannot be written; the former one is untouched.
        """
        with self._lock:
            labels = change(self._labels.get(name))
            if self.folder is not None:
                self._write(name, labels)
            self._labels[name] = labels
            return labels

    def _read_labels(self, names: Iterable[str], class_names: set[str]) -> None:
        """Read the labels that the folder holds of images with these names."""
        for name in names:
            path = self._path(name)
            if path.is_file():
                self._labels[name] = _read(path, class_names)

    def _check_image_folders(self) -> None:
        """Refuse labels of other images, whose names may be the same."""
        path = self.folder / IMAGE_FOLDERS
        if not self._image_folders or not path.is_file():
            return
        recorded = path.read_text(encoding="utf-8", errors="replace")
        if recorded != self._image_folders:
            raise UserError(
                f"{self.folder}: holds labels of the images in {_listed(recorded)}, not in "
                f"{_listed(self._image_folders)}; use another --output_dir or, if the images were moved, delete {path}"
            )

    def _write(self, name: str, labels: ImageLabels) -> None:
        path, record = self._path(name), self.folder / IMAGE_FOLDERS
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not record.is_file():
                # The folder is new, or somebody has deleted it: then everything is written again.
                replace_file(record, self._image_folders)
                for other, kept in self._labels.items():
                    self._path(other).parent.mkdir(parents=True, exist_ok=True)
                    replace_file(self._path(other), json.dumps(_record(kept)))
            replace_file(path, json.dumps(_record(labels)))
        except OSError as error:
            raise UserError(
                f"The labels of {name} cannot be saved ({reason_of(error)}); nothing was changed."
            ) from error

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
            flush(unfinished)  # else the file may be empty after a power cut
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)


def reason_of(error: OSError) -> str:
    """Return the reason of a failure for people at the page, who need not know the folders of the server."""
    return "the disk is full" if is_about_a_full_disk(error) else error.strerror or type(error).__name__


def _listed(lines: str) -> str:
    return ", ".join(lines.splitlines())


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
