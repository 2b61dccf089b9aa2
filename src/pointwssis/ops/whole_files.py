# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Files and folders that are written whole or not at all, and whose later damage is found.

Everything is written under a temporary name, flushed to the disk, and renamed. The folder's `manifest.json` holds a
digest of each file. It is written before the file is renamed, and lists the digests of both the present and the coming
content, so that a kill at any moment leaves a file that matches one of them.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from .full_disk import naming_full_disk
from .user_error import UserError

MANIFEST = "manifest.json"
UNFINISHED = "unfinished-"  # prefix of temporary names; a suffix would hide the format from some writers


class DamagedFileError(UserError):
    """A file that is not as it was written: cut, emptied or changed; the message names it and the remedy."""


# -- writing


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Write one file, and record its digest in the manifest of its folder.

    Args:
        path: file to write; its folder exists.
        write: function that writes the content to the path that it is given.

    Raises:
        DiskFullError: the disk is full; the former file is untouched.
    """
    unfinished = path.with_name(UNFINISHED + path.name)
    with naming_full_disk(path):
        try:
            write(unfinished)
            move_into_place([unfinished], path.parent, [path.name])
        finally:
            unfinished.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8; see `write_bytes`."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file; see `write_whole`. A file that has this content already is left alone."""
    if not path.is_file() or path.read_bytes() != content:
        write_whole(path, lambda unfinished: unfinished.write_bytes(content))


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file; see `write_text`."""
    write_text(path, json.dumps(content, indent=1))


def write_folder(folder: Path, write: Callable[[Path], Any]) -> None:
    """Write a folder as a whole, in place of an earlier one, with a manifest of all its files.

    Args:
        folder: folder to write.
        write: function that writes the files into the new folder that it is given.

    Raises:
        DiskFullError: the disk is full; nothing of the folder is left.
    """
    unfinished = folder.with_name(UNFINISHED + folder.name)
    with naming_full_disk(folder):
        try:
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            write(unfinished)
            finish_folder(unfinished, folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def finish_folder(unfinished: Path, folder: Path) -> None:
    """Give a folder with all its files its manifest, flush it to the disk, and rename it."""
    files = [path for path in sorted(unfinished.rglob("*")) if path.is_file()]
    _write_manifest(unfinished, {path.relative_to(unfinished).as_posix(): [digest_of(path)] for path in files})
    for path in [*files, *(path for path in unfinished.rglob("*") if path.is_dir()), unfinished]:
        flush(path)
    # A former folder cannot be replaced in one step; it is either damaged or no longer wanted.
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(unfinished, folder)
    flush(folder.parent)


def move_into_place(files: Iterable[Path], folder: Path, names: Iterable[str] | None = None) -> None:
    """Move complete files into a folder, the last one last, after their digests were recorded there.

    Args:
        files: files on the same disk as the folder.
        folder: folder to move them to.
        names: their new names; None keeps their names.
    """
    files = list(files)
    names = [path.name for path in files] if names is None else list(names)
    known = read_manifest(folder)
    for path, name in zip(files, names, strict=True):
        flush(path)
        # The present content stays valid until the new one is in place.
        present = [digest_of(folder / name)] if (folder / name).is_file() else []
        known[name] = list(dict.fromkeys([*present, digest_of(path)]))
    _write_manifest(folder, known)
    for path, name in zip(files, names, strict=True):
        os.replace(path, folder / name)
    flush(folder)


def _write_manifest(folder: Path, files: dict[str, list[str]]) -> None:
    path, unfinished = folder / MANIFEST, folder / (UNFINISHED + MANIFEST)
    unfinished.write_text(json.dumps({"files": files, "digest": _digest_of_table(files)}, indent=1), encoding="utf-8")
    flush(unfinished)
    os.replace(unfinished, path)
    flush(folder)


def flush(path: Path) -> None:
    """Wait until the content of a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# -- reading


def read_manifest(folder: Path) -> dict[str, list[str]]:
    """Return file, relative to the folder → digests that it may have; empty without a manifest.

    Raises:
        DamagedFileError: the manifest is damaged.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_bytes())
        files = content["files"]
        is_whole = content["digest"] == _digest_of_table(files)
    except (ValueError, KeyError, TypeError):
        is_whole = False
    if not is_whole:
        raise DamagedFileError(
            f"{path}: is damaged (cut, emptied or changed); delete it to use the files beside it unchecked, or delete "
            "the folder: the stage then runs again"
        )
    return files


def damaged_files(folder: Path) -> list[str]:
    """Return the files of a folder that are not as they were written; missing ones do not count, folders do.

    Raises:
        DamagedFileError: the manifest is damaged.
    """
    known = read_manifest(folder)
    present = [name for name in known if (folder / name).exists()]
    return [name for name in present if (folder / name).is_dir() or digest_of(folder / name) not in known[name]]


def is_whole_folder(folder: Path) -> bool:
    """Return True if a folder that `write_folder` has written has all its files, as they were written."""
    try:
        known = read_manifest(folder)
        return bool(known) and all((folder / name).is_file() for name in known) and not damaged_files(folder)
    except DamagedFileError:
        return False


def read_json(path: Path) -> Any:
    """Return the content of a JSON file; None without the file.

    Raises:
        DamagedFileError: the file is not JSON, or not as it was written.
    """
    if not path.is_file():
        return None
    check_whole(path)
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise damage_of(path) from error


def check_whole(path: Path) -> None:
    """Raise a `DamagedFileError` if an existing file is not as it was written; files without a record pass."""
    known = read_manifest(path.parent).get(path.name)
    if known is not None and digest_of(path) not in known:
        raise damage_of(path)


def damage_of(path: Path) -> DamagedFileError:
    """Return the error for a damaged file of a run."""
    return DamagedFileError(
        f"{path}: is damaged (cut, emptied or changed since it was written; {path.stat().st_size:,} bytes); restore "
        "it, or delete it and run the same command again"
    )


def digest_of(path: Path) -> str:
    """Return the SHA-256 digest of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_version(path: Path) -> list[int]:
    """Return what changes with the content of a file, without reading it: its size, and two times in ns.

    Anyone may set the time of modification, as copying programs do; that of the last change (of creation on Windows) is
    the system's.
    """
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _digest_of_table(files: dict[str, list[str]]) -> str:
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
