# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Folders that one process at a time writes into.

The lock belongs to the operating system, which ends it with the process, however that ends: what a killed process has
left behind blocks nobody. A disk without locks, as some network disks are, gives a warning only.
"""

import errno
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO

from .folders import make_folder
from .full_disk import naming_full_disk
from .processes import is_first_process
from .user_error import UserError

logger = logging.getLogger(__name__)

LOCK_FILE = ".in_use"  # says who holds the lock; removed at the end
IS_HELD = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)

_held: set[str] = set()  # folders that this process holds


class FolderInUseError(UserError):
    """Another process writes into the folder; the message names both."""


@contextmanager
def holding_folder(folder: Path) -> Iterator[None]:
    """Keep other processes from writing into a folder during the block.

    Blocks of one process may be nested. Of several processes that work together, the first one holds the folder.

    Args:
        folder: folder, which is made, and removed after the block if nothing was put into it.

    Raises:
        FolderInUseError: another process holds the folder.
        OSError: the folder cannot be written.
    """
    place = os.path.realpath(folder)
    if place in _held or not is_first_process():
        yield
        return
    is_new = not folder.exists()
    make_folder(folder)
    path = folder / LOCK_FILE
    file = _locked(path)
    _held.add(place)
    try:
        yield
    finally:
        _held.discard(place)
        # Removed while it is locked: afterwards it may be that of another process. Windows keeps open files.
        with suppress(OSError):
            path.unlink()
        file.close()
        if is_new:
            with suppress(OSError):  # there is something in it
                folder.rmdir()


def _locked(path: Path) -> IO[bytes]:
    """Return the lock file, open and locked."""
    while True:
        with naming_full_disk(path.parent):
            file = path.open("a+b", buffering=0)
        _lock(file, path)
        # A former holder may have removed the file after it was opened here.
        if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
            break
        file.close()
    with naming_full_disk(path.parent):
        file.truncate(0)
        since = datetime.now().isoformat(" ", "minutes")
        file.write(f"process {os.getpid()} on {socket.gethostname()}, since {since}".encode())
    return file


def _lock(file: IO[bytes], path: Path) -> None:
    try:
        _lock_file(file)
    except OSError as error:
        if error.errno not in IS_HELD:
            logger.warning(
                "%s: this disk has no locks (%s); start no second command with this output folder", path.parent, error
            )
            return
        file.seek(0)
        holder = file.read().decode(errors="replace") or "another process"
        file.close()
        raise FolderInUseError(
            f"{path.parent}: is in use ({holder}); wait until that command has ended, end it, or choose another "
            "output folder"
        ) from error


if sys.platform == "win32":
    import msvcrt

    def _lock_file(file: IO[bytes]) -> None:
        file.seek(1 << 30)  # a locked byte cannot be read, so it lies behind the text
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock_file(file: IO[bytes]) -> None:
        # Unlike `flock`, this lock is not shared with forked processes, which may outlive this one.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
