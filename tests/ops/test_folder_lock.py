# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import errno
import os
import signal
import socket
from pathlib import Path

import pytest

from pointwssis.ops import folder_lock
from pointwssis.ops.folder_lock import LOCK_FILE, FolderInUseError, holding_folder

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a second process is forked")


def start_holder(folder: Path) -> int:
    """Start a process that holds a folder until it is stopped, and return its id."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        with holding_folder(folder):
            os.write(writing, b"held")
            signal.pause()
    assert os.read(reading, 4) == b"held"
    return child


def kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_a_second_process_is_refused_until_the_first_one_is_killed(tmp_path):
    child = start_holder(tmp_path)
    try:
        with (
            pytest.raises(FolderInUseError, match=f"{tmp_path}: is in use .process {child} on {socket.gethostname()}"),
            holding_folder(tmp_path),
        ):
            pass
        link = tmp_path.with_name("link")
        link.symlink_to(tmp_path)
        with pytest.raises(FolderInUseError), holding_folder(link):
            pass
    finally:
        kill(child)
    assert (tmp_path / LOCK_FILE).is_file()  # left behind, and in nobody's way
    with holding_folder(tmp_path):
        assert str(os.getpid()) in (tmp_path / LOCK_FILE).read_text()
    assert not list(tmp_path.iterdir())


def test_blocks_of_one_process_are_nested(tmp_path):
    with holding_folder(tmp_path):
        with holding_folder(tmp_path):
            pass
        assert (tmp_path / LOCK_FILE).is_file()


def test_a_lock_file_that_its_holder_removes_meanwhile_is_not_taken_for_the_present_one(tmp_path, monkeypatch):
    lock_file, path, calls = folder_lock._lock_file, tmp_path / LOCK_FILE, []

    def slowly(file):
        if not calls:
            path.unlink()
        calls.append(file)
        lock_file(file)

    monkeypatch.setattr(folder_lock, "_lock_file", slowly)
    with holding_folder(tmp_path):
        assert len(calls) == 2 and path.is_file()


def test_a_new_folder_is_removed_unless_something_is_in_it(tmp_path):
    with pytest.raises(ZeroDivisionError), holding_folder(tmp_path / "empty"):
        raise ZeroDivisionError
    with holding_folder(tmp_path / "full"):
        (tmp_path / "full" / "result").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_a_disk_without_locks_gives_a_warning(tmp_path, monkeypatch, caplog):
    def no_locks(file):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(folder_lock, "_lock_file", no_locks)
    with holding_folder(tmp_path):
        assert f"{tmp_path}: this disk has no locks" in caplog.text


def test_only_the_first_of_several_processes_holds_the_folder(tmp_path, monkeypatch):
    child = start_holder(tmp_path)
    monkeypatch.setenv("RANK", "1")
    try:
        with holding_folder(tmp_path):
            pass
    finally:
        kill(child)
