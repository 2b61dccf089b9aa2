# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import os
from pathlib import Path

import pytest

from pointwssis.ops.folders import files_below, make_folder, naming_lost_folder
from pointwssis.ops.user_error import UserFileExistsError, UserFileNotFoundError


def test_files_behind_links_count_once_and_hidden_folders_never(tmp_path):
    for name in ("set/b.png", "set/a.png", "elsewhere/c.png", "set/.ipynb_checkpoints/a-checkpoint.png", "set/.d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    folder = tmp_path / "set"
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "loop").symlink_to(folder)
    assert [file.relative_to(folder).as_posix() for file in files_below(folder)] == [
        ".d.png", "a.png", "b.png", "link/c.png"
    ]  # fmt: skip


def test_a_file_in_the_place_of_a_folder(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(UserFileExistsError, match="a file is in the place of this folder, or of one above it"):
            make_folder(folder)
    make_folder(tmp_path / "new" / "folder")
    make_folder(tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder").is_dir()


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs Linux")
def test_a_file_system_that_takes_no_folders():
    with pytest.raises(UserFileNotFoundError, match="/proc/new: no folder can be made there; choose another path"):
        make_folder(Path("/proc/new"))


def test_a_folder_that_was_removed_meanwhile_is_named(tmp_path):
    for name in (str(tmp_path / "gone" / "a"), bytes(tmp_path / "gone" / "a")):
        with pytest.raises(UserFileNotFoundError, match=f"{tmp_path / 'gone'}: is gone"), naming_lost_folder():
            os.open(name, os.O_WRONLY | os.O_CREAT)
    with pytest.raises(FileNotFoundError) as caught, naming_lost_folder():
        os.open(tmp_path / "a", os.O_RDONLY)
    assert not isinstance(caught.value, UserFileNotFoundError)


def test_a_link_that_leads_nowhere(tmp_path):
    (tmp_path / "out").symlink_to(tmp_path / "gone")
    with pytest.raises(UserFileExistsError, match="out: a link that leads nowhere is in the place"):
        make_folder(tmp_path / "out")
