# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Folders in COCO's layout: annotation files and images are found by their names."""

import shutil

import pytest

from pointwssis.data import class_names, load_coco_folder, load_coco_splits, read_image


def make_folder(coco_folder, tmp_path, train="instances_train.json", val="instances_val.json", images=("images",) * 2):
    root = tmp_path / "data"
    (root / "annotations").mkdir(parents=True)
    for name, folder in zip((train, val), images, strict=True):
        if name:
            shutil.copy(coco_folder.save(), root / "annotations" / name)
        shutil.copytree(coco_folder.images, root / folder, dirs_exist_ok=True)
    return root


@pytest.mark.parametrize("images", [("images",) * 2, ("images/train2017", "images/val2017"), ("train", "val")])
@pytest.mark.parametrize("year", ["", "2017"])
def test_finds_files_and_images(coco_folder, tmp_path, year, images):
    if not year:
        images = [name.removesuffix("2017") for name in images]
    root = make_folder(coco_folder, tmp_path, f"instances_train{year}.json", f"instances_val{year}.json", images)
    (root / "images").mkdir(exist_ok=True)  # present, but empty in some cases
    splits = load_coco_folder(root)
    assert sorted(splits) == ["train", "validation"] and len(splits["train"]) == 3
    assert read_image(splits["validation"][0]).size == (12, 8)


def test_the_exact_name_goes_before_others(coco_folder, tmp_path):
    root = make_folder(coco_folder, tmp_path)
    coco_folder.content["images"] = coco_folder.content["images"][:1]
    coco_folder.content["annotations"] = coco_folder.content["annotations"][:2]
    shutil.copy(coco_folder.save(), root / "annotations" / "instances_train_small.json")
    assert len(load_coco_folder(root)["train"]) == 3
    (root / "annotations" / "instances_train.json").rename(root / "annotations" / "instances_train_large.json")
    with pytest.raises(ValueError, match=r"instances_train_large.json.*instances_train_small.json"):
        load_coco_folder(root)


def test_what_was_looked_for_is_said(coco_folder, tmp_path):
    root = make_folder(coco_folder, tmp_path, val="")
    with pytest.raises(FileNotFoundError, match=r"annotations/instances_val\*.json.*instances_train.json"):
        load_coco_folder(root)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        load_coco_folder(tmp_path / "gone")
    shutil.copy(coco_folder.file, root / "annotations" / "instances_val.json")
    shutil.rmtree(root / "images")
    with pytest.raises(FileNotFoundError, match=r"images/train.*images"):
        load_coco_folder(root)


def test_validation_takes_the_classes_of_training(coco_folder, tmp_path):
    train = coco_folder.save().rename(tmp_path / "train.json")
    coco_folder.content["categories"] = [{"id": 1, "name": "hair drier"}]
    coco_folder.content["annotations"] = [{"id": 1, "image_id": 10, "category_id": 1, "point": [1, 1]}]
    splits = load_coco_splits(train, coco_folder.save(), coco_folder.images)
    assert class_names(splits["validation"]) == class_names(splits["train"]) == ["cat", "dog", "hair drier"]
    assert splits["validation"][0]["objects"][0]["category"] == 2
