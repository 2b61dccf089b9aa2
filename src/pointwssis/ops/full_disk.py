# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A full disk as one clear error, whichever library has met it."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .user_error import UserError

# Libraries written in C++ and Rust report a failed write by a text of their own.
FULL_DISK_TEXTS = (
    "No space left on device",
    "Disk quota exceeded",
    "PytorchStreamWriter failed",  # of torch.save, like the next ones
    "unexpected pos",
    "basic_ios::clear",
)


class DiskFullError(UserError, OSError):
    """A file could not be written because the disk is full; what was complete before is untouched."""


def is_about_a_full_disk(error: BaseException | None) -> bool:
    """Return True for an error, or one with a cause, of a disk or a quota that is full.

    Example:
        >>> is_about_a_full_disk(OSError(28, "No space left on device")), is_about_a_full_disk(OSError(2, "No file"))
        (True, False)
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if any(text in str(error) for text in FULL_DISK_TEXTS):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def naming_full_disk(path: Path) -> Iterator[None]:
    """Turn the error of a full disk inside the block into a `DiskFullError` with the file and the free space.

    Args:
        path: file or folder that is written.

    Raises:
        DiskFullError: the disk is full.
    """
    try:
        yield
    except DiskFullError:
        raise
    except Exception as error:
        if not is_about_a_full_disk(error):
            raise
        raise DiskFullError(
            f"{path}: the disk is full ({free_megabytes(path):.1f} MB are free{_lack_of_files(path)}); free some space "
            "and run the same command again: what is complete, checkpoints included, is kept"
        ) from error


def free_megabytes(path: Path) -> float:
    """Return the free space, in 10⁶ bytes, of the disk that holds a path, which need not exist."""
    return shutil.disk_usage(_existing(path)).free / 1e6


def _lack_of_files(path: Path) -> str:
    """Return a remark on a disk that has space, but can hold no more files."""
    if not hasattr(os, "statvfs"):
        return ""
    status = os.statvfs(_existing(path))
    # Disks without a limit state 0 of 0.
    return ", but no more files: remove some" if status.f_files and not status.f_favail else ""


def _existing(path: Path) -> Path:
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
