# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Corrections of pseudo labels, which replace the labels of the data.

They are those of images that people have looked through, and single masks that people have confirmed in others.
"""

import logging
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from datasets import Dataset

from ..data import load_annotations
from ..data.schema import class_names, dataset_from_rows, objects_with_point, supervision
from ..ops.user_error import UserError
from .confirmed_masks import confirmed_masks, keeps_scores, unconfirmed_objects

logger = logging.getLogger(__name__)

# Values of a pseudo label that a corrected mask no longer has
OF_PSEUDO_LABELS = dict.fromkeys(("rough_segmentation", "score", "level"))


def load_corrections(files: Sequence[str], train: Dataset, present: Dataset, **options: Any) -> Dataset:
    """Load corrected images: rows with the image, the id, and the name of the training image, and the labels of a file.

    Their masks are no pseudo labels any more, whatever the file says, and their objects have new ids. An image that
    occurs in several files takes the labels of the last one. Images without any submitted label, and those that are
    marked as not complete, such as unfinished ones of the app, are left out, unless single masks in them were
    confirmed: masks without a score, in a file that keeps scores. These take the places of their clicks; the other
    objects of such an image stay.

    Args:
        files: annotation files of any format.
        train: all training images with all known labels, hidden masks included.
        present: the same images with the labels that a run knows.
        options: options of `load_annotations`.

    Raises:
        UserError: a file is invalid, or names an image that is no training image.
    """
    known = {name: place for place, name in enumerate(present["file_name"])}
    ids = count(1 + max((item["id"] for objects in train["objects"] for item in objects), default=0))
    corrected: dict[str, dict[str, Any]] = {}
    for file in files:
        rows = load_annotations(file, image_folder(train), class_names=class_names(train), **options)
        has_scores, waiting = keeps_scores(rows), 0
        for row in rows.with_format(None):
            name, is_reviewed = row["file_name"], _is_reviewed(row)
            if not is_reviewed and not (has_scores and confirmed_masks(row)):
                waiting += 1
                continue
            if name not in known:
                raise UserError(
                    f"{file}: {name} is no training image of this run; correct the images that `pointwssis review` has "
                    "exported, under their names"
                )
            before = corrected[name] if name in corrected else present.with_format(None)[known[name]]
            # In an image without points, single masks would take the place of everything that a network proposes.
            if not is_reviewed and not objects_with_point(before):
                waiting += 1
                continue
            if is_reviewed:
                labels = {key: row[key] for key in ("complete", "image_labels")}
                kept, by_hand = [], row["objects"]
            else:
                labels, kept, by_hand = {}, unconfirmed_objects(before["objects"], row), confirmed_masks(row)
            objects = [*kept, *({**item, **OF_PSEUDO_LABELS, "id": next(ids)} for item in by_hand)]
            corrected[name] = {**before, **labels, "objects": objects}
        if waiting:
            message = "%s: %d of %d images have no labels yet, or are marked as not complete; they stay as they are"
            logger.warning(message, file, waiting, len(rows))
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
