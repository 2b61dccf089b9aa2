# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The images among the paths of a command line: pictures of earlier results are no photos."""

import pytest

from helpers import tiny
from pointwssis.cli.image_paths import image_files
from pointwssis.ops.user_error import UserFileNotFoundError


def folder_of(tmp_path, *names):
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        if path.suffix == ".png":
            tiny.picture().save(path)
    return str(tmp_path)


def test_pictures_of_earlier_results_do_not_count(tmp_path, capsys):
    pictures = ["old/overlays/a.png", "old/labels/a.png", "old/instances.json", "old/instances.csv"]
    folder = folder_of(tmp_path, "a.png", "old/b.png", *pictures)
    assert list(image_files([folder]).values()) == ["a.png", "old/b.png"]
    assert capsys.readouterr().err == (
        f"{folder}: 2 pictures of earlier results left out, which lie beside their instances.json\n"
    )


def test_a_folder_of_that_name_alone_is_one_of_photos(tmp_path, capsys):
    folder = folder_of(tmp_path, "labels/a.png", "overlays/b.png", "instances.json")
    assert list(image_files([folder]).values()) == ["labels/a.png", "overlays/b.png"]
    assert capsys.readouterr().err == ""


def test_nothing_but_earlier_results(tmp_path):
    folder = folder_of(tmp_path, "overlays/a.png", "instances.json", "instances.csv")
    with pytest.raises(UserFileNotFoundError, match=f"^{folder}: holds no image "):
        image_files([folder])
    # Files that are named themselves are taken.
    assert len(image_files([f"{folder}/overlays/a.png"])) == 1
