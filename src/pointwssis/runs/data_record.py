# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The record of the data that an output folder was made with, and what has changed since.

It holds a digest per image of each part of the data: of its labels, and of the content of the image. Files of unchanged
size and times are not read again, neither image files nor the Arrow files of a prepared dataset, which may
hold the images.
"""

import functools
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from datasets import Dataset, concatenate_datasets

from ..ops.user_error import UserFileNotFoundError
from ..ops.whole_files import digest_of, file_version, read_json, write_text
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
"""Path of an image → its `file_version`, and the digest of its content.

For an image that is stored in the rows: its name, with the versions of their files → the digest.
"""


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
    """Return the digest of each image of some rows.

    Args:
        parts: rows of the schema.
        known: digests from an earlier call; files of the same size and time are not read.
    """
    paths, stored = set(), Digests()
    for rows in parts:
        if _holds_images(rows):
            stored |= _digests_of_stored(rows, known)
        else:
            images = rows.select_columns(["image"]).with_format(None)["image"]
            paths |= {image["path"] for image in images if image["bytes"] is None}

    def digest(path: str) -> list[Any]:
        if not Path(path).is_file():
            raise UserFileNotFoundError(f"{path}: there is no such image any more; restore it, or remove its record")
        fresh = file_version(Path(path))
        return known[path] if known.get(path, [])[:-1] == fresh else [*fresh, digest_of(Path(path))]

    # Reading and hashing release Python's lock.
    with ThreadPoolExecutor(8) as pool:
        ordered = sorted(paths)
        return stored | dict(zip(ordered, pool.map(digest, ordered), strict=True))


def _holds_images(rows: Dataset) -> bool:
    """Return True if the images of all rows are stored in them."""
    # Null counts of a mapped table are known without reading its images.
    return len(rows) > 0 and pc.struct_field(rows.data.column("image"), "bytes").null_count == 0


def _digests_of_stored(rows: Dataset, known: Digests) -> Digests:
    """Return the digest of each image that is stored in rows; known ones if their files are unchanged."""
    keys = _stored_keys(rows)
    if rows.cache_files and all(key in known for key in keys):
        return {key: known[key] for key in keys}
    images = rows.select_columns(["image"]).with_format(None)
    return {key: [_digest_of_bytes(row["image"]["bytes"])] for key, row in zip(keys, images, strict=True)}


def _stored_keys(rows: Dataset) -> list[str]:
    """Return a key per image that is stored in rows, which changes with the size or the times of their files."""
    files = [Path(file["filename"]) for file in rows.cache_files]
    version = digest_of_values([[str(file), *file_version(file)] for file in files])
    columns = rows.select_columns(["file_name", "image_id"])
    return [f"{row['file_name']} (image {row['image_id']}, stored in {version})" for row in columns]


def row_digests(rows: Dataset, images: Digests) -> dict[str, str]:
    """Return file name → digest of the row, ids included, and of the content of its image."""
    digests: dict[str, str] = {}
    for row, content in _with_contents(rows, images):
        name = row["file_name"]
        # An image that occurs twice is numbered.
        while name in digests:
            name += "+"
        digests[name] = digest_of_values([content, row["image_id"], [item["id"] for item in row["objects"]]])
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
    return [digest_of_values([common, content]) for _, content in _with_contents(rows, images)]


def image_contents(datasets: Sequence[Dataset], folder: Path) -> list[list[str]]:
    """Return the digests of the images of each dataset, one per row.

    Args:
        datasets: rows of the schema.
        folder: output folder of a run, whose record saves reading images.
    """
    known = (read_json(folder / DATA_FILE) or {}).get("images", {})
    images = image_digests(datasets, known)
    return [list(_contents_of(rows, images)) for rows in datasets]


def _contents_of(rows: Dataset, images: Digests) -> Iterator[str]:
    """Yield the digest of the image of each row."""
    # Stored images are large, so they are not read.
    if _holds_images(rows):
        for key in _stored_keys(rows):
            yield images[key][-1]
        return
    for row in rows.select_columns(["image"]).with_format(None):
        data = row["image"]["bytes"]
        yield images[row["image"]["path"]][-1] if data is None else _digest_of_bytes(data)


def _with_contents(rows: Dataset, images: Digests) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each row with all its values but its ids, with the digest of its image in place of the image."""
    others = rows.remove_columns("image").with_format(None)
    for row, image in zip(others, _contents_of(rows, images), strict=True):
        objects = [{key: value for key, value in item.items() if key != "id"} for item in row["objects"]]
        kept = {key: value for key, value in row.items() if key not in ("image_id", "objects")}
        yield row, {**kept, "image": image, "objects": objects}


def identity_of(model: str) -> list[str]:
    """Return digests of the weights and the settings of a saved model; a name on the Hub stands for itself."""
    files = sorted([*Path(model).glob("*.safetensors"), *Path(model).glob("*config.json")])
    return [digest_of(path) for path in files] or [model]


def _digest_of_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def digest_of_values(values: Sequence[Any] | Mapping[str, Any]) -> str:
    """Return a digest of values of plain types, in 32 hexadecimal digits."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32]
