# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Annotation file and image folder of a split in a folder of COCO's layout."""

import os
from collections.abc import Mapping
from pathlib import Path

from ...ops.user_error import UserError, UserFileNotFoundError
from .json_stream import JsonRecords, read_json


def find_coco_split(data_dir: str | Path, split: str, check_images: bool = True) -> tuple[Path, Path]:
    """Find the annotation file of a split and the folder of its images.

    The file is `annotations/instances_{split}.json`, or the only one that matches `instances_{split}*.json`. The images
    are in the first of `images/{split}2017`, `images/{split}`, `{split}2017`, `{split}` and `images` that contains any
    of the first images of the file.

    Args:
        data_dir: folder in COCO's layout.
        split: "train" or "val".
        check_images: False returns COCO's own name (`train2017`) if there is no image folder.

    Raises:
        UserFileNotFoundError: there is no such file, or no image folder.
        UserError: several files match.
    """
    file = _annotation_file(Path(data_dir), split)
    return file, _image_folder(Path(data_dir), split, file, check_images)


def _annotation_file(data_dir: Path, split: str) -> Path:
    folder = data_dir / "annotations"
    # The exact name wins; otherwise there may be a year or another addition.
    exact = folder / f"instances_{split}.json"
    found = [exact] if exact.is_file() else sorted(folder.glob(f"instances_{split}*.json"))
    if not found:
        # List what is there, so that a wrong folder or split shows.
        present = sorted(path.name for path in folder.glob("*")) if folder.is_dir() else "no such folder"
        raise UserFileNotFoundError(f"{data_dir}: looked for annotations/instances_{split}*.json, found {present}")
    if len(found) > 1:
        names = [path.name for path in found]
        raise UserError(f"{folder}: {names} all match instances_{split}*.json; pass the file explicitly")
    return found[0]


def _image_folder(data_dir: Path, split: str, annotation_file: Path, check_images: bool) -> Path:
    """Return the first candidate that contains any of the first images of the file (one of them may be missing)."""
    year = annotation_file.stem.removeprefix(f"instances_{split}")  # instances_train2017 → 2017
    below = [f"images/{split}{year}", f"images/{split}", f"{split}{year}", split, "images"]
    # Candidates in order of preference; without a year some of them are the same.
    folders = [data_dir / name for name in dict.fromkeys(below) if (data_dir / name).is_dir()]
    if not folders and not check_images:
        return data_dir / f"{split}{year}"
    if not folders:
        raise UserFileNotFoundError(f"{data_dir}: no image folder; looked for {list(dict.fromkeys(below))}")
    if len(folders) > 1:
        # An empty or partial folder may come first, so look for images of this file.
        names = _first_names(annotation_file)
        for folder in folders:
            if any(os.path.isfile(folder / name) for name in names):
                return folder
    return folders[0]  # if none contains them, load_coco names the missing file


def _first_names(annotation_file: Path) -> list[str]:
    try:
        content = read_json(annotation_file)
    except ValueError:
        return []  # load_coco reports the error
    images = content.get("images") if isinstance(content, dict) else None
    first = images[:20] if isinstance(images, JsonRecords) else []
    names = [image.get("file_name") for image in first if isinstance(image, Mapping)]
    return [name for name in names if isinstance(name, str)]
