# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Corrections of pseudo labels, which replace the labels of the data.

They are those of images that people have looked through, and single masks that people have confirmed in others.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from datasets import Dataset

from ..data import load_annotations
from ..data.schema import class_names, dataset_from_rows, next_object_id, objects_with_point, supervision
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
    present = present.with_format(None)
    places = {name: place for place, name in enumerate(present["file_name"])}
    ids = count(next_object_id(train))
    corrected: dict[str, dict[str, Any]] = {}
    for file in files:
        rows = load_annotations(file, image_folder(train), class_names=class_names(train), **options)
        has_scores, waiting = keeps_scores(rows), 0
        for row in rows.with_format(None):
            name = row["file_name"]
            if not _is_reviewed(row) and not (has_scores and confirmed_masks(row)):
                waiting += 1
                continue
            if name not in places:
                raise UserError(
                    f"{file}: {name} is no training image of this run; correct the images that `pointwssis review` has "
                    "exported, under their names"
                )
            before = corrected[name] if name in corrected else present[places[name]]
            labels = _corrected_labels(before, row, ids)
            if labels is None:
                waiting += 1
                continue
            corrected[name] = {**before, **labels}
        if waiting:
            message = "%s: %d of %d images have no labels yet, or are marked as not complete; they stay as they are"
            logger.warning(message, file, waiting, len(rows))
    return dataset_from_rows(corrected.values(), class_names(train))


def _corrected_labels(before: Mapping[str, Any], row: Mapping[str, Any], ids: Iterator[int]) -> dict[str, Any] | None:
    """Return the labels of an image after its correction; None if nothing changes.

    Args:
        before: the image with its present labels.
        row: the same image in a file of corrections.
        ids: ids for the corrected objects.
    """
    if _is_reviewed(row):
        objects = [_by_hand(item, ids) for item in row["objects"]]
        return {"complete": row["complete"], "image_labels": row["image_labels"], "objects": objects}
    # In an image without points, single masks would take the place of everything that a network proposes.
    if not objects_with_point(before):
        return None
    kept = unconfirmed_objects(before["objects"], row)
    return {"objects": [*kept, *(_by_hand(item, ids) for item in confirmed_masks(row))]}


def _by_hand(item: Mapping[str, Any], ids: Iterator[int]) -> dict[str, Any]:
    """Return an object of a file as one that a person has labeled."""
    return {**item, **OF_PSEUDO_LABELS, "id": next(ids)}


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
