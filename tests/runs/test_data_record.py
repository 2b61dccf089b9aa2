# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Data that change between two calls on one output folder."""

import contextlib
import json
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from helpers import tiny
from pointwssis.runs import run_labelers
from pointwssis.runs.run import Run
from pointwssis.runs.saved_rows import stored_rows

STAGES = ["teacher", "rough", "refiner", "pseudo", "student"]


@pytest.fixture(scope="module")
def original(shapes, tmp_path_factory):
    """Return the folder of shapes, of which two images have masks and the others points, and of a finished run."""
    folder = tmp_path_factory.mktemp("original")
    shutil.copytree(shapes, folder / "data")
    path = folder / "data" / "annotations" / "instances_train.json"
    content = json.loads(path.read_text())
    masked = {image["id"] for image in content["images"][:2]}
    for item in content["annotations"]:
        x, y, width, height = item["bbox"]
        item["point"] = [x + width // 2, y + height // 2]
        if item["image_id"] not in masked:
            del item["segmentation"]
    path.write_text(json.dumps(content))
    with contextlib.chdir(folder):
        Run(made()).run()
    return folder


@pytest.fixture(autouse=True)
def copied(original, tmp_path, monkeypatch):
    """Work in a copy of data and run, whose paths are relative."""
    shutil.copytree(original, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")


def made(**changes):
    return tiny.recipe(
        Path("out"),
        train_annotations="data/annotations/instances_train.json",
        val_annotations="data/annotations/instances_val.json",
        image_dir="data/images",
        **{"labeled_fraction": None, "max_steps": 1, "stages": STAGES, **changes},
    )


def edit(change, split="train"):
    """Change the annotation file of one split."""
    path = Path("data/annotations") / f"instances_{split}.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.fixture
def labeled(monkeypatch):
    """Return a list that records the number of images in each call of the teacher."""
    counts, predict = [], run_labelers.predict_rough_masks

    def counting(rows, *arguments, **options):
        counts.append(len(rows))
        return predict(rows, *arguments, **options)

    monkeypatch.setattr(run_labelers, "predict_rough_masks", counting)
    return counts


def move_click(content, number=-1):
    """Move one click of the last image by a pixel."""
    item = [item for item in content["annotations"] if "segmentation" not in item][number]
    item["point"][0] += 1


def labels(name="refined"):
    """Return the labels of all images, without the places of these on the disk."""
    return stored_rows(Path("out/pseudo") / name).remove_columns("image").to_list()


def test_the_same_data_are_no_change(trainings, labeled):
    for path in Path("data/images").iterdir():
        os.utime(path, (1, 1))  # touched, with the same content
    Run(made()).run()
    assert trainings == [] and labeled == []


def test_another_image_of_the_same_size_and_time_is_named():
    path = min(Path("data/images").rglob("*train*.png"))
    times, content = path.stat().st_mtime_ns, bytearray(path.read_bytes())
    content[-1] ^= 1  # of the checksum of the last chunk, which Pillow ignores
    path.write_bytes(content)
    os.utime(path, ns=(times, times))
    with pytest.raises(ValueError, match=rf"1 of \d changed \({path.name}\)"):
        Run(made())


def test_the_contact_sheet_follows_its_labels_whatever_the_clock_says():
    sheet = Path("out/contact_sheet.png")
    former = sheet.read_bytes()
    edit(move_click)
    os.utime(sheet, (9e9, 9e9))
    Run(made(), update=True).run()
    assert sheet.read_bytes() != former


def test_a_moved_click_is_named_and_only_its_image_is_labeled_anew(trainings, labeled):
    edit(move_click)
    message = r"holds a run on other data \(images with points: 1 of 6 changed \(.*\)\); .*--update.*student_refined"
    with pytest.raises(ValueError, match=message):
        Run(made())
    earlier = labels()
    results = Run(made(), update=True).run()
    assert labeled == [1] and trainings == ["student_refined"]
    changed = [row["file_name"] for row, before in zip(labels(), earlier, strict=True) if row != before]
    assert len(changed) == 1 and not Path("out/earlier/pseudo_refined").exists()
    # The labels of a clean run with the same models
    incremental = labels(), labels("rough")
    for name in ("rough/point", "pseudo", "student_refined"):
        shutil.rmtree(Path("out") / name)
    assert Run(made()).run() == results
    assert (labels(), labels("rough")) == incremental
    assert labeled == [1, 6]


def test_a_kill_between_update_and_labels_loses_no_label(labeled):
    edit(move_click)
    Run(made(), update=True)  # and no more: the labels were put aside, and nothing was labeled
    Run(made()).run()
    assert labeled == [1]


def test_other_settings_never_mix_with_labels_that_were_put_aside(labeled):
    edit(move_click)
    Run(made(), update=True)
    Run(made(label_flips=False), update=True).run()
    assert labeled[0] == 6


def test_removed_and_added_images_label_only_the_new_ones(labeled):
    removed = []

    def remove(content):
        removed.append(content["images"].pop())
        content["annotations"] = [item for item in content["annotations"] if item["image_id"] != removed[0]["id"]]

    before = json.loads(Path("data/annotations/instances_train.json").read_text())
    edit(remove)
    with pytest.raises(ValueError, match=r"images with points: 1 removed \("):
        Run(made())
    Run(made(), update=True).run()
    assert sum(labeled) == 0 and len(labels()) == 5
    edit(lambda content: content.update(before))
    with pytest.raises(ValueError, match=r"images with points: 1 added \("):
        Run(made())
    Run(made(), update=True).run()
    assert sum(labeled) == 1 and len(labels()) == 6


def test_another_image_file_is_labeled_anew(labeled):
    name = json.loads(Path("data/annotations/instances_train.json").read_text())["images"][-1]["file_name"]
    path = Path("data/images") / name
    with Image.open(path) as image:
        ImageOps.invert(image.convert("RGB")).save(path)
    with pytest.raises(ValueError, match=rf"images with points: 1 of 6 changed \({name}\)"):
        Run(made())
    Run(made(), update=True).run()
    assert labeled == [1]


def test_changed_masks_and_classes_outdate_everything():
    def scale(content):
        content["annotations"][0]["bbox"][2] += 1

    edit(scale)
    with pytest.raises(ValueError, match=r"images with masks: 1 of 2 changed .*\(teacher, "):
        Run(made())

    def rename(content):
        content["categories"][0]["name"] = "blob"

    edit(rename)
    edit(rename, "val")
    with pytest.raises(ValueError, match="the classes were ellipse, .* and are blob, "):
        Run(made())


def test_other_validation_images_are_only_evaluated(trainings, labeled):
    edit(lambda content: content["images"].pop(), "val")

    def drop(content):
        known = {image["id"] for image in content["images"]}
        content["annotations"] = [item for item in content["annotations"] if item["image_id"] in known]

    edit(drop, "val")
    with pytest.raises(ValueError, match=r"validation images: 1 removed .*student_refined/metrics.json"):
        Run(made())
    Run(made(), update=True).run()
    assert trainings == [] and labeled == [] and Path("out/teacher/metrics.json").is_file()


def test_held_back_images_belong_to_those_with_masks(shapes):
    shutil.copytree(shapes, "own")
    files = {"train_annotations": "own/annotations/instances_train.json", "image_dir": "own/images"}
    recipe = tiny.recipe(Path("own_out"), labeled_fraction=0.75, stages=["teacher"], max_steps=1, **files)
    run = Run(recipe)
    run.run()
    (held_back, *_) = run.data.validation["file_name"]
    assert run.data.validation_is_held_back and held_back not in run.data.masked["file_name"]
    path = Path("own/images") / held_back
    with Image.open(path) as image:
        ImageOps.invert(image.convert("RGB")).save(path)
    with pytest.raises(ValueError, match=rf"images with masks: 1 of 6 changed \({held_back}\)"):
        Run(recipe)
