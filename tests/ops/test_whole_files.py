# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import errno
import json
import os
from types import SimpleNamespace

import pytest

from pointwssis.ops.full_disk import DiskFullError, naming_full_disk
from pointwssis.ops.whole_files import (
    MANIFEST,
    DamagedFileError,
    damaged_files,
    is_whole_folder,
    read_json,
    write_folder,
    write_json,
    write_text,
    write_whole,
)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-5])


def empty(path):
    path.write_bytes(b"")


def test_a_written_file_is_read_back(tmp_path):
    path = tmp_path / "a.json"
    assert read_json(path) is None
    write_json(path, {"a": [1, 2]})
    write_json(path, {"a": [3]})
    assert read_json(path) == {"a": [3]} and damaged_files(tmp_path) == []
    assert {file.name for file in tmp_path.iterdir()} == {"a.json", MANIFEST}


@pytest.mark.parametrize("damage", [flip, cut, empty])
def test_damage_is_named_with_its_remedy(tmp_path, damage):
    path = tmp_path / "a.json"
    write_json(path, list(range(100)))
    damage(path)
    with pytest.raises(DamagedFileError, match=r"a\.json: is damaged .*restore it, or delete it"):
        read_json(path)
    assert damaged_files(tmp_path) == ["a.json"]


@pytest.mark.parametrize("damage", [flip, cut, empty])
def test_a_damaged_manifest_is_named(tmp_path, damage):
    write_text(tmp_path / "a.txt", "a")
    damage(tmp_path / MANIFEST)
    with pytest.raises(DamagedFileError, match="manifest.json: is damaged"):
        damaged_files(tmp_path)


def test_a_file_without_a_record_must_still_be_json(tmp_path):
    (tmp_path / "a.json").write_text("[1, 2")
    with pytest.raises(DamagedFileError, match="a.json"):
        read_json(tmp_path / "a.json")


def test_a_kill_before_the_file_is_moved_leaves_the_former_one_whole(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_json(path, 1)
    replace = __import__("os").replace

    def killed(source, target):
        if str(target) == str(path):
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", killed)
        with pytest.raises(KeyboardInterrupt):
            write_json(path, 2)
    # The manifest knows both contents by then.
    assert read_json(path) == 1 and len(json.loads((tmp_path / MANIFEST).read_text())["files"]["a.json"]) == 2
    write_json(path, 2)
    assert read_json(path) == 2


def test_a_folder_is_written_as_a_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "made"

    def write(unfinished):
        (unfinished / "a").write_text("a")
        (unfinished / "inner").mkdir()
        (unfinished / "inner" / "b").write_text("b")

    def fail(unfinished):
        write(unfinished)
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        write_folder(folder, fail)
    assert list(tmp_path.iterdir()) == []
    write_folder(folder, write)
    assert is_whole_folder(folder)
    (folder / "inner" / "b").unlink()
    assert not is_whole_folder(folder)
    write_folder(folder, write)
    empty(folder / "a")
    assert not is_whole_folder(folder) and not is_whole_folder(tmp_path / "missing")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("[enforce fail at inline_container.cc:672] . PytorchStreamWriter failed writing file data/0"),
        RuntimeError("basic_ios::clear: iostream error"),
        Exception("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_named_and_keeps_the_former_file(tmp_path, error):
    path = tmp_path / "a.txt"
    write_text(path, "former")

    def write(unfinished):
        unfinished.write_text("half")
        raise error

    with pytest.raises(DiskFullError, match=r"a\.txt: the disk is full \([\d.]+ MB are free\); free some space"):
        write_whole(path, write)
    assert path.read_text() == "former" and {file.name for file in tmp_path.iterdir()} == {"a.txt", MANIFEST}


def test_a_disk_without_room_for_files_is_named(tmp_path, monkeypatch):
    sizes = dict.fromkeys(("f_frsize", "f_blocks", "f_bfree", "f_bavail"), 1)
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(**sizes, f_files=9, f_favail=0))
    with (
        pytest.raises(DiskFullError, match="MB are free, but no more files: remove some"),
        naming_full_disk(tmp_path / "a.txt"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_other_errors_are_not_about_a_full_disk(tmp_path):
    with pytest.raises(PermissionError), naming_full_disk(tmp_path / "a"):
        raise PermissionError(errno.EACCES, "Permission denied")
