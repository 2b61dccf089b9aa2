# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A disk cache of labels: those of a stage are made once, and saved completely or not at all."""

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from datasets import Dataset

from ..data.schema import class_names, dataset_from_rows
from ..ops.processes import from_first_process, is_first_process, wait_for_all
from ..ops.whole_files import is_whole_folder, write_folder
from .saved_rows import save_rows, stored_rows
from .shards import label_in_shards

logger = logging.getLogger(__name__)

KEYS_FILE = "keys.json"  # key per row of labels
EARLIER = "earlier"  # folder of labels that are kept aside


def cached(
    folder: Path, rows: Dataset, label: Callable[[Dataset], Dataset], first_new_id: Callable[[], int] | None = None
) -> Dataset:
    """Return the labels in a folder; if there are none, make and save them first.

    All processes call this together, and each labels its share of the images. The folder is written under a temporary
    name, and renamed when it is complete.

    Args:
        folder: folder of the labels.
        rows: rows to label.
        label: function that labels some rows; see `label_in_shards`.
        first_new_id: function that returns the lowest id of objects that `label` adds; None if it adds none.
    """
    if not from_first_process(folder.is_dir):
        made = label_in_shards(folder, rows, label, None if first_new_id is None else first_new_id())
        if made is not None:
            write_folder(folder, lambda unfinished: save_rows(made, unfinished))
        wait_for_all()
    return stored_rows(folder)


def cached_by_image(
    folder: Path, rows: Dataset, keys: Callable[[], list[str]], label: Callable[[Dataset], Dataset]
) -> Dataset:
    """Return the labels in a folder; if there are none, make and save them first, as `cached` does.

    Images whose key is the same as in labels that were kept aside are taken from there.

    Args:
        folder: folder of the labels.
        rows: rows to label.
        keys: function that returns a key per row: equal keys have equal labels, apart from the ids in them.
        label: function that labels rows, each for itself: it changes neither their order nor that of their objects.
    """
    if not from_first_process(folder.is_dir):
        own = keys()
        missing = from_first_process(lambda: _missing(folder, own))
        made = label_in_shards(folder, rows if missing is None else rows.select(missing), label)
        if made is not None:
            write_folder(folder, lambda unfinished: _save_with_keys(unfinished, folder, rows, own, made))
        wait_for_all()
    # Labels that were kept aside are not needed any more.
    if is_first_process():
        shutil.rmtree(earlier_labels(folder), ignore_errors=True)
    return stored_rows(folder)


def _missing(folder: Path, keys: list[str]) -> list[int] | None:
    """Return the positions of the rows without labels that were kept aside; None if no labels were."""
    _, known = _kept_aside(earlier_labels(folder))
    if not known:
        return None
    missing = [place for place, key in enumerate(keys) if key not in known]
    logger.warning("%s: %s of %s images are labeled anew", folder, f"{len(missing):,}", f"{len(keys):,}")
    return missing


def _save_with_keys(unfinished: Path, folder: Path, rows: Dataset, keys: list[str], made: Dataset) -> None:
    """Save new labels, with those that were kept aside, and the keys of all."""
    earlier, known = _kept_aside(earlier_labels(folder))
    if known:
        places = {key: known[key] for key in keys if key in known}
        made = dataset_from_rows(_merged(rows, keys, places, earlier, made), class_names(rows))
    save_rows(made, unfinished)
    (unfinished / KEYS_FILE).write_text(json.dumps(keys), encoding="utf-8")


def _merged(
    rows: Dataset, keys: list[str], places: dict[str, int], earlier: Dataset, made: Dataset
) -> Iterator[dict[str, Any]]:
    """Yield the labels of all rows: those in `places` from earlier labels, the others in the order they were made."""
    new = iter(made.with_format(None))
    for row, key in zip(rows.with_format(None), keys, strict=True):
        if key not in places:
            yield next(new)
            continue
        # Ids, and the place of the image, may have changed.
        label = earlier[places[key]]
        for item, present in zip(label["objects"], row["objects"], strict=True):
            item["id"] = present["id"]
        yield {**label, "image_id": row["image_id"], "image": row["image"]}


def _kept_aside(folder: Path) -> tuple[Dataset | None, dict[str, int]]:
    """Return labels that were kept aside, and key → their place; none if they are incomplete or damaged."""
    if not is_whole_folder(folder):
        return None, {}
    keys = json.loads((folder / KEYS_FILE).read_text(encoding="utf-8"))
    return stored_rows(folder).with_format(None), {key: place for place, key in enumerate(keys)}


def earlier_labels(folder: Path) -> Path:
    """Return the folder in which labels are kept aside while their images are labeled again.

    Example:
        >>> earlier_labels(Path("outputs/pseudo/refined")).as_posix()
        'outputs/earlier/pseudo_refined'
    """
    return folder.parent.parent / EARLIER / f"{folder.parent.name}_{folder.name}"


def holds_keys(folder: Path) -> bool:
    """Return True if a folder holds labels with a key per image."""
    return (folder / KEYS_FILE).is_file()
