# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Damaged files of a finished run: made again, or named with a remedy."""

import shutil

import pytest

from helpers import tiny
from pointwssis.runs.run import Run

OPTIONS = {"stages": ["teacher", "rough", "pseudo", "student"], "max_steps": 1}


@pytest.fixture(scope="module")
def finished(shapes, tmp_path_factory):
    """Return the folder of a finished run, and its results."""
    folder = tmp_path_factory.mktemp("damage") / "out"
    return folder, Run(tiny.recipe(folder, data_dir=str(shapes), **OPTIONS)).run()


def damaged_copy(finished, tmp_path, file, kind):
    """Copy the finished run and damage one of its files."""
    folder = tmp_path / "out"
    shutil.copytree(finished[0], folder)
    path = folder / file if "*" not in file else next(iter(sorted(folder.glob(file))))
    content = path.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    path.write_bytes({"cut": content[:middle], "emptied": b"", "flipped": flipped}[kind])
    return folder, path


@pytest.mark.parametrize("kind", ["cut", "emptied", "flipped"])
@pytest.mark.parametrize(
    "file",
    [
        "teacher/metrics.json",
        "teacher/training_facts.json",
        "rough/point/*.arrow",
        "rough/point/state.json",
        "pseudo/rough/*.arrow",
        "pseudo/rough.json",
        "pseudo/quality.json",
        "results.json",
        "contact_sheet.png",
        "report.html",
        "student_point/precision_recall.json",
    ],
)
def test_what_needs_no_training_is_made_again(finished, shapes, tmp_path, trainings, caplog, file, kind):
    folder, path = damaged_copy(finished, tmp_path, file, kind)
    assert Run(tiny.recipe(folder, data_dir=str(shapes), **OPTIONS)).run() == finished[1] and trainings == []
    assert "was damaged (cut, emptied or changed); it is made again" in caplog.text
    if path.suffix != ".arrow":  # rows hold the paths of images
        assert path.read_bytes() == (finished[0] / path.relative_to(folder)).read_bytes()
    # An evaluation changes nothing else in the folder of a model.
    names = [sorted(part.name for part in (out / "teacher").iterdir()) for out in (folder, finished[0])]
    assert names[0] == names[1]
    assert (folder / "teacher/config.json").read_bytes() == (finished[0] / "teacher/config.json").read_bytes()


@pytest.mark.parametrize("kind", ["cut", "emptied", "flipped"])
@pytest.mark.parametrize(
    "file",
    ["teacher/model.safetensors", "student_point/training_log.json", "teacher/weights_at_67_percent/config.json"],
)
def test_what_only_a_training_can_write_is_named(finished, shapes, tmp_path, file, kind):
    folder, path = damaged_copy(finished, tmp_path, file, kind)
    model = folder / file.partition("/")[0]
    with pytest.raises(ValueError, match=f"{file}: is damaged .*delete {model} and run the same command again"):
        Run(tiny.recipe(folder, data_dir=str(shapes), **OPTIONS))
    shutil.rmtree(model)
    assert Run(tiny.recipe(folder, data_dir=str(shapes), **OPTIONS)).run() == finished[1]


@pytest.mark.parametrize(
    "file", ["recipe.yaml", "labelers.json", "data.json", "manifest.json", "teacher/manifest.json"]
)
def test_files_that_tell_the_origin_are_named(finished, shapes, tmp_path, file):
    folder, path = damaged_copy(finished, tmp_path, file, "cut")
    with pytest.raises(ValueError, match=f"{path}: is damaged .*delete it"):
        Run(tiny.recipe(folder, data_dir=str(shapes), **OPTIONS))


def test_a_cut_card_is_written_again_and_that_of_a_user_stays(finished, shapes, tmp_path):
    folder, path = damaged_copy(finished, tmp_path, "teacher/README.md", "cut")
    own = folder / "student_point" / "README.md"
    own.write_text("my own card")
    Run(tiny.recipe(folder, data_dir=str(shapes), **OPTIONS)).run()
    # Cards name the folder of the run, not its place on this disk.
    assert path.read_bytes() == (finished[0] / "teacher" / "README.md").read_bytes()
    assert own.read_text() == "my own card"
    assert str(tmp_path) not in path.read_text() and "out/teacher" in path.read_text()


def test_files_of_others_in_the_output_folder_are_left_alone(finished, shapes, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(finished[0], folder)
    for name in ("rough/photos/1.png", "data/pseudo/images/1.png", "app/manifest.json"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("mine")
    Run(tiny.recipe(folder, data_dir=str(shapes), **OPTIONS))
    for name in ("rough/photos/1.png", "data/pseudo/images/1.png", "app/manifest.json"):
        assert (folder / name).read_text() == "mine"


@pytest.mark.parametrize("file", ["results.json", "teacher/model.safetensors", "recipe.yaml"])
def test_a_folder_in_the_place_of_a_file_is_named_and_kept(finished, shapes, tmp_path, file):
    folder = tmp_path / "out"
    shutil.copytree(finished[0], folder)
    (folder / file).unlink()
    (folder / file / "mine").mkdir(parents=True)
    with pytest.raises(ValueError, match=f"{folder / file}: is a folder in the place of a file"):
        Run(tiny.recipe(folder, data_dir=str(shapes), **OPTIONS))
    assert (folder / file / "mine").is_dir()
