# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The images among the paths of a command line."""

import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from ..ops.folders import files_below
from ..ops.images import IMAGE_SUFFIXES, is_image_name
from ..ops.user_error import UserFileNotFoundError
from ..ops.wording import counted

# Pictures that `pointwssis predict` writes, and the tables beside them
PICTURE_FOLDERS = ("labels", "overlays")
TABLES = ("instances.json", "instances.csv")


def image_files(paths: Sequence[str], left_out: Collection[Path] = ()) -> dict[Path, str]:
    """Return the images among files and folders, in order, each once and with its name below the folder that all share.

    Args:
        paths: files and folders.
        left_out: folders inside `paths` whose pictures do not count. Those of finished results of `predict` do not
            either, with a note on stderr.

    Raises:
        UserFileNotFoundError: a path does not exist, or a folder holds no image.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            # In folders only images count; a file that is named itself is taken as it is.
            inside = [file for file in _photos_below(path) if not _lies_in(file, left_out)]
            if not inside:
                raise UserFileNotFoundError(f"{path}: holds no image ({', '.join(sorted(IMAGE_SUFFIXES))})")
            files += inside
        elif path.is_file():
            files.append(path)
        else:
            raise UserFileNotFoundError(f"{path}: no such image or folder")
    # Names relative to the shared folder stay distinct across subfolders.
    shared = os.path.commonpath([os.path.abspath(path if Path(path).is_dir() else Path(path).parent) for path in paths])
    # Two paths may name one file, which counts once.
    once: dict[str, Path] = {}
    for file in files:
        once.setdefault(os.path.abspath(file), file)
    return {file: Path(os.path.relpath(place, shared)).as_posix() for place, file in once.items()}


def _photos_below(folder: Path) -> list[Path]:
    """Return the images below a folder, without the pictures of earlier results."""
    files = files_below(folder)
    tables = {file for file in files if file.name in TABLES}
    pictures = []
    for parent in {file.parent for file in tables}:
        # Only results of `pointwssis predict` have all tables.
        if all(parent / name in tables for name in TABLES):
            pictures += [parent / name for name in PICTURE_FOLDERS]
    images = [file for file in files if is_image_name(file)]
    photos = [file for file in images if not _lies_in(file, pictures)]
    if len(photos) < len(images):
        count = counted(len(images) - len(photos), "picture")
        print(f"{folder}: {count} of earlier results left out, which lie beside their {TABLES[0]}", file=sys.stderr)
    return photos


def _lies_in(file: Path, folders: Collection[Path]) -> bool:
    """Return True for a file below one of the folders."""
    return any(file.absolute().is_relative_to(folder.absolute()) for folder in folders)
