# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Validation images that measure nothing, or that the models have seen: told before a run trains, and afterwards."""

import json
import shutil
from pathlib import Path

import pytest

from helpers import tiny
from pointwssis.runs.notes import notes_on
from pointwssis.runs.run import Run


@pytest.fixture
def data(shapes, tmp_path) -> Path:
    """Return a copy of the folder of shapes, which a test may change."""
    return Path(shutil.copytree(shapes, tmp_path / "data"))


def run_on(data: Path, **changes) -> Run:
    """Return a run on the annotation files of a folder, which trains nothing."""
    files = {f"{split}_annotations": str(data / f"annotations/instances_{split}.json") for split in ("train", "val")}
    values = {**files, "image_dir": str(data / "images"), "labeled_fraction": None, "stages": ["teacher"]}
    return Run(tiny.recipe(data.parent / "out", **{**values, **changes}))


def notes(run: Run) -> list[str]:
    return notes_on(run.recipe, run.data)


def hide_masks(data: Path, num_images: int) -> None:
    """Let the objects of the first validation images have points only."""
    path = data / "annotations/instances_val.json"
    content = json.loads(path.read_text())
    hidden = {image["id"] for image in content["images"][:num_images]}
    for item in content["annotations"]:
        if item["image_id"] in hidden:
            item["point"] = item["bbox"][:2]
            item.pop("segmentation", None)
    path.write_text(json.dumps(content))


def test_sound_validation_images(data, caplog):
    assert notes(run_on(data)) == [] and caplog.text.count("validation") == 0


def test_validation_images_without_masks(data, caplog):
    hide_masks(data, 1)
    (note,) = notes(run_on(data))
    assert note == "1 of 3 validation images lack the masks of their objects: AP leaves them out"
    assert note in caplog.text


def test_a_validation_set_of_clicks_measures_nothing(data, caplog):
    hide_masks(data, 3)
    (note,) = notes(run_on(data))
    assert note == "3 of 3 validation images lack the masks of their objects: AP cannot be measured"
    assert note in caplog.text


def test_a_training_image_under_another_name(data, caplog):
    copied = json.loads((data / "annotations/instances_train.json").read_text())["images"][0]["file_name"]
    validation = json.loads((data / "annotations/instances_val.json").read_text())["images"][1]["file_name"]
    shutil.copy(data / "images" / copied, data / "images" / validation)
    (note,) = notes(run_on(data))
    assert note.startswith(f"1 of 3 validation images are training images too ({validation}): AP is too optimistic")
    assert note in caplog.text


def test_one_file_for_both(data):
    train = str(data / "annotations/instances_train.json")
    (note,) = notes(run_on(data, val_annotations=train))
    assert note.startswith("8 of 8 validation images are training images too (")


def test_no_validation_images(data):
    assert notes(run_on(data, val_annotations=None, held_back_fraction=0.0)) == []
