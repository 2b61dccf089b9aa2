# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Corrections of pseudo labels: images that people have looked through, whose labels replace those of the data."""

import logging
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from datasets import Dataset

from ..data import load_annotations
from ..data.schema import class_names, dataset_from_rows, supervision
from ..ops.user_error import UserError

logger = logging.getLogger(__name__)

# Values of a pseudo label that a corrected mask no longer has
OF_PSEUDO_LABELS = dict.fromkeys(("rough_segmentation", "score", "level"))


def load_corrections(files: Sequence[str], train: Dataset, **options: Any) -> Dataset:
    """Load corrected images: rows with the image, the id, and the name of the training image, and the labels of a file.

    Their masks are no pseudo labels any more, whatever the file says, and their objects have new ids. An image that
    occurs in several files takes the labels of the last one. Images without any submitted label, and those that are
    marked as not complete, such as unfinished ones of the app, are left out.

    Args:
        files: annotation files of any format.
        train: all training images.
        options: options of `load_annotations`.

    Raises:
        UserError: a file is invalid, or names an image that is no training image.
    """
    known = {row["file_name"]: row for row in train.remove_columns(["objects"]).with_format(None)}
    ids = count(1 + max((item["id"] for objects in train["objects"] for item in objects), default=0))
    corrected: dict[str, dict[str, Any]] = {}
    for file in files:
        rows = load_annotations(file, image_folder(train), class_names=class_names(train), **options)
        reviewed = [row for row in rows.with_format(None) if _is_reviewed(row)]
        if len(reviewed) < len(rows):
            waiting = len(rows) - len(reviewed)
            message = "%s: %d of %d images have no labels yet, or are marked as not complete; they stay as they are"
            logger.warning(message, file, waiting, len(rows))
        for row in reviewed:
            if row["file_name"] not in known:
                raise UserError(
                    f"{file}: {row['file_name']} is no training image of this run; correct the images that `pointwssis "
                    "review` has exported, under their names"
                )
            labels = {key: row[key] for key in ("complete", "image_labels")}
            labels["objects"] = [{**item, **OF_PSEUDO_LABELS, "id": next(ids)} for item in row["objects"]]
            corrected[row["file_name"]] = {**known[row["file_name"]], **labels}
    return dataset_from_rows(corrected.values(), class_names(train))


def _is_reviewed(row: Mapping[str, Any]) -> bool:
    """Return True if people have looked through an image: it has labels, and nothing says that some are missing."""
    return row["complete"] and supervision(row) in ("full", "point")


def image_folder(train: Dataset) -> Path:
    """Return the folder that the file names of training images refer to.

    Raises:
        UserError: the images are stored in the rows, or lie in several folders.
    """
    folders = set()
    for row in train.select_columns(["image", "file_name"]).with_format(None):
        path, name = row["image"]["path"] or "", row["file_name"]
        folders.add(path.removesuffix(name) if path.endswith(f"/{name}") else None)
    if len(folders) != 1 or None in folders:
        raise UserError("corrections require all training images in one folder of files; they are elsewhere")
    return Path(folders.pop())
