# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A disk cache of rows of the schema: the result of a stage is made once, and saved completely or not at all."""

import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetInfo, Features, Image, Value, load_from_disk

from ..data.schema import class_names, dataset_from_rows
from ..ops.whole_files import is_whole_folder, write_folder

logger = logging.getLogger(__name__)

POLL_SECONDS = 2
KEYS_FILE = "keys.json"  # key per row of labels
EARLIER = "earlier"  # folder of labels that are kept aside


def is_first_process() -> bool:
    """Return True in the process that writes files, the first one of those that `torchrun` starts."""
    return os.environ.get("RANK", "0") == "0"


def cached(folder: Path, make: Callable[[], Dataset]) -> Dataset:
    """Return the dataset in a folder; if there is none, make and save it first.

    It is written to a temporary folder, which is renamed when it is complete. Of several processes the first one makes
    it. The others wait for the folder, because labeling may take longer than any timeout of their communication.

    Args:
        folder: folder of the dataset.
        make: function that returns rows of the schema.
    """
    while not folder.is_dir() and not is_first_process():
        time.sleep(POLL_SECONDS)
    if not folder.is_dir():
        write_folder(folder, lambda unfinished: _save_rows(make(), unfinished))
    return stored_rows(folder)


def _save_rows(rows: Dataset, folder: Path) -> None:
    """Save rows of the schema to a folder."""
    # Images are saved as plain columns, because `datasets` would embed the file of an `Image` in every stage.
    plain = with_images_as(rows, {"bytes": Value("binary"), "path": Value("string")})
    plain.save_to_disk(str(folder), num_shards=None if len(plain) else 1)  # without a shard it cannot be read


def cached_by_image(
    folder: Path, rows: Dataset, keys: Callable[[], list[str]], make: Callable[[Dataset], Dataset]
) -> Dataset:
    """Return the labels in a folder; if there are none, make and save them first, as `cached` does.

    Images whose key is the same as in labels that were kept aside are taken from there.

    Args:
        folder: folder of the labels.
        rows: rows to label.
        keys: function that returns a key per row: equal keys have equal labels, apart from the ids in them.
        make: function that labels rows, each for itself: it changes neither their order nor that of their objects.
    """

    def save(unfinished: Path) -> None:
        own = keys()
        earlier, known = _kept_aside(earlier_labels(folder))
        missing = [place for place, key in enumerate(own) if key not in known]
        if known:
            logger.warning("%s: %s of %s images are labeled anew", folder, f"{len(missing):,}", f"{len(own):,}")
        made = make(rows.select(missing) if known else rows)
        if known:
            places = {key: known[key] for key in own if key in known}
            made = dataset_from_rows(_merged(rows, own, places, earlier, made), class_names(rows))
        _save_rows(made, unfinished)
        (unfinished / KEYS_FILE).write_text(json.dumps(own), encoding="utf-8")

    while not folder.is_dir() and not is_first_process():
        time.sleep(POLL_SECONDS)
    if not folder.is_dir():
        write_folder(folder, save)
    # They have served.
    if is_first_process():
        shutil.rmtree(earlier_labels(folder), ignore_errors=True)
    return stored_rows(folder)


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


def stored_rows(folder: Path) -> Dataset:
    """Return the rows of the schema that `cached` has saved."""
    return with_images_as(load_from_disk(str(folder)), Image(decode=False))


def with_images_as(rows: Dataset, feature: Any) -> Dataset:
    """Return the same rows with another feature for their images: an `Image`, or two columns `{path, bytes}`."""
    features = Features({**rows.features, "image": feature})
    return Dataset(rows.data.replace_schema_metadata(None), info=DatasetInfo(features=features))
