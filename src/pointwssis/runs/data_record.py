# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The record of the data that an output folder was made with, and what has changed since.

It holds a digest per image of each part of the data: of its labels, and of the content of the image. Files of unchanged
size and modification time are not read again.
"""

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from datasets import Dataset, concatenate_datasets

from ..ops.user_error import UserFileNotFoundError
from ..ops.whole_files import digest_of, read_json, write_text
from .data import RunData

DATA_FILE = "data.json"
SHOWN_NAMES = 3  # file names of changed images in messages

# Part of the data → its name in messages, and what its changes affect first (see `outdated.AFFECTED`)
PARTS = {
    "masked": ("images with masks", "teacher"),
    "point": ("images with points", "points"),
    "without_points": ("images without points", "proposals"),
    "train": ("training images with hidden masks", "upper_bound"),
    "validation": ("validation images", "evaluation"),
}

Digests = dict[str, list[Any]]
"""Path of an image → its size in bytes, its modification time in ns, and the digest of its content."""


class DataRecord:
    """The data of a run, and the record of them in its output folder.

    Args:
        folder: output folder, which need not exist.
        data: data of the run.
    """

    def __init__(self, folder: Path, data: RunData):
        self.folder, self.data = folder, data

    @functools.cached_property
    def present(self) -> dict[str, Any]:
        """The record of the data as they are now: `classes`, `parts` (name → file name → digest), `images`."""
        known = (read_json(self.folder / DATA_FILE) or {}).get("images", {})
        parts = {name: getattr(self.data, name) for name in PARTS}
        if self.data.validation_is_held_back:
            # Held-back images were taken from the images with masks, and decide what these train.
            parts["masked"] = concatenate_datasets([parts["masked"], self.data.validation])
        if self.data.validation is None or self.data.validation_is_held_back:
            del parts["validation"]
        images = image_digests(parts.values(), known)
        rows = {name: row_digests(part, images) for name, part in parts.items()}
        return {"classes": self.data.class_names, "parts": rows, "images": images}

    def changes(self) -> dict[str, str]:
        """Return each change since the record was written, in words → what it affects first; empty without a record."""
        before = read_json(self.folder / DATA_FILE)
        if before is None:
            return {}
        if before["classes"] != self.present["classes"]:
            was, now = (", ".join(classes) for classes in (before["classes"], self.present["classes"]))
            return {f"the classes were {was} and are {now}": "teacher"}
        changes = {}
        for name, (title, stage) in PARTS.items():
            difference = difference_of(before["parts"].get(name, {}), self.present["parts"].get(name, {}))
            if difference:
                changes[f"{title}: {difference}"] = stage
        return changes

    def save(self) -> None:
        """Write the record into the output folder."""
        write_text(self.folder / DATA_FILE, json.dumps(self.present))


def difference_of(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Return the difference between two records of one part of the data in words; empty if there is none.

    Example:
        >>> difference_of({"a.png": "1", "b.png": "2"}, {"a.png": "1", "b.png": "3", "c.png": "4"})
        '1 of 3 changed (b.png), 1 added (c.png)'
    """
    changed = [name for name in now if name in before and before[name] != now[name]]
    added, removed = [name for name in now if name not in before], [name for name in before if name not in now]
    words = []
    for names, text in ((changed, f"of {len(now):,} changed"), (added, "added"), (removed, "removed")):
        if names:
            shown = ", ".join(names[:SHOWN_NAMES]) + (", …" if len(names) > SHOWN_NAMES else "")
            words.append(f"{len(names):,} {text} ({shown})")
    if not words and list(before) != list(now):
        words.append("in another order")
    return ", ".join(words)


# -- digests


def image_digests(parts: Iterable[Dataset], known: Digests) -> Digests:
    """Return the digest of each image file of some rows; images whose bytes are stored in the rows have none here.

    Args:
        parts: rows of the schema.
        known: digests from an earlier call; files of the same size and time are not read.
    """
    paths = set()
    for rows in parts:
        for image in rows.select_columns(["image"]).with_format(None)["image"]:
            if image["bytes"] is None:
                paths.add(image["path"])

    def digest(path: str) -> list[Any]:
        if not Path(path).is_file():
            raise UserFileNotFoundError(f"{path}: there is no such image any more; restore it, or remove its record")
        status = Path(path).stat()
        fresh = [status.st_size, status.st_mtime_ns]
        return known[path] if known.get(path, [])[:2] == fresh else [*fresh, digest_of(Path(path))]

    # Reading and hashing release Python's lock.
    with ThreadPoolExecutor(8) as pool:
        ordered = sorted(paths)
        return dict(zip(ordered, pool.map(digest, ordered), strict=True))


def row_digests(rows: Dataset, images: Digests) -> dict[str, str]:
    """Return file name → digest of the row, ids included, and of the content of its image."""
    digests: dict[str, str] = {}
    for row in rows.with_format(None):
        name = row["file_name"]
        # An image that occurs twice is numbered.
        while name in digests:
            name += "+"
        digests[name] = digest_of_values([row_content(row, images), row["image_id"], [i["id"] for i in row["objects"]]])
    return digests


def label_keys(rows: Dataset, maker: Any, folder: Path) -> list[str]:
    """Return a key per row for its labels, which depends on its content without ids, and on what makes the labels.

    Args:
        rows: rows to label.
        maker: values that name the labeler and its settings.
        folder: output folder of the run, whose record saves reading images.
    """
    images = image_digests([rows], (read_json(folder / DATA_FILE) or {}).get("images", {}))
    common = digest_of_values(maker)
    return [digest_of_values([common, row_content(row, images)]) for row in rows.with_format(None)]


def row_content(row: Mapping[str, Any], images: Digests) -> dict[str, Any]:
    """Return all values of a row but its ids, with the digest of its image in place of the image."""
    stored = row["image"]["bytes"]
    image = images[row["image"]["path"]][2] if stored is None else hashlib.sha256(stored).hexdigest()
    objects = [{key: value for key, value in item.items() if key != "id"} for item in row["objects"]]
    kept = {key: value for key, value in row.items() if key not in ("image", "image_id", "objects")}
    return {**kept, "image": image, "objects": objects}


def identity_of(model: str) -> list[str]:
    """Return digests of the weights and the settings of a saved model; a name on the Hub stands for itself."""
    files = sorted([*Path(model).glob("*.safetensors"), *Path(model).glob("*config.json")])
    return [digest_of(path) for path in files] or [model]


def digest_of_values(values: Sequence[Any] | Mapping[str, Any]) -> str:
    """Return a digest of values of plain types, in 32 hexadecimal digits."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32]
