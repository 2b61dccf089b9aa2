# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Folders that a user named: the files in them and below them, and new ones."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .user_error import UserFileExistsError, UserFileNotFoundError


def folders_below(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield a folder and all folders below it, each with the names of its files.

    Links are followed, since files often lie elsewhere; a folder that several paths lead to is visited once, so links
    to a folder above end. Hidden folders, such as `.ipynb_checkpoints`, hold copies that programs made, and are left
    out.
    """
    visited: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real_path = os.path.realpath(place)
        if real_path in visited:
            folders.clear()  # `os.walk` goes on with what is left here
            continue
        visited.add(real_path)
        folders[:] = [name for name in folders if not name.startswith(".")]
        # The folder itself comes before links to it.
        folders.sort(key=lambda name: (os.path.islink(os.path.join(place, name)), name))
        yield place, names


def files_below(folder: Path) -> list[Path]:
    """Return the files of a folder and of the folders below it, sorted; see `folders_below`."""
    return sorted(Path(place, name) for place, names in folders_below(folder) for name in names)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, unless they exist.

    Raises:
        UserFileExistsError: a file, or a link that leads nowhere, is in the place of one of them.
        UserFileNotFoundError: the file system takes no folders there, as `/proc` does.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        obstacle = "a link that leads nowhere" if folder.is_symlink() else "a file"
        raise UserFileExistsError(
            f"{folder}: {obstacle} is in the place of this folder, or of one above it; move it away, or choose "
            "another path"
        ) from error
    except FileNotFoundError as error:  # those above it are made too, so none can be missing
        raise UserFileNotFoundError(f"{folder}: no folder can be made there; choose another path") from error


@contextmanager
def naming_lost_folder() -> Iterator[None]:
    """Turn the error about a file inside the block whose folder somebody has removed into one that names the folder.

    Raises:
        UserFileNotFoundError: the folder of a file is gone.
    """
    try:
        yield
    except UserFileNotFoundError:
        raise
    except FileNotFoundError as error:
        folder = Path(os.fsdecode(error.filename or "")).parent
        # A missing file in an existing folder is a bug.
        if folder.is_dir():
            raise
        raise UserFileNotFoundError(
            f"{folder}: is gone; it was removed or renamed meanwhile. Run the same command again: what is left is kept"
        ) from error
