# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import logging
import shutil

import numpy as np
import pytest
import yaml
from PIL import Image

from helpers import tiny
from helpers.marked_images import EXPORTS, write_marked_images
from pointwssis.data import LoadReport, class_names, dataset_from_rows, load_coco, read_image, supervision
from pointwssis.data.formats.yolo import load_yolo, to_yolo
from pointwssis.ops.coco_masks import decode_rle, encode_mask, rle_box


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "yolo"
    shutil.copytree(EXPORTS / "yolo", folder)
    write_marked_images(folder / "images" / "train")
    (folder / "images" / "train" / "a.cache").touch()
    return folder


def test_polygons_boxes_and_empty_files(folder):
    report = LoadReport()
    dataset = load_yolo(folder / "data.yaml", report=report)
    assert class_names(dataset) == ["cat", "dog"]
    rows = {row["file_name"].removeprefix("images/train/"): row for row in dataset}
    polygon, box = rows["a.jpg"]["objects"]
    assert rle_box(polygon["segmentation"]) == [4, 3, 8, 9] and polygon["area"] == 72 and polygon["category"] == 0
    assert box["bbox"] == pytest.approx([15, 12, 10, 6]) and box["point"] == [19.5, 14.5] and box["category"] == 1
    assert supervision(rows["city/b.png"]) == "full" and rows["city/b.png"]["complete"]  # an empty file
    assert supervision(rows["field/b.png"]) == "none" and not rows["field/b.png"]["complete"]  # no file
    assert report.notes["image without a label file (taken as unlabeled)"] == 5
    taken_as_empty = load_yolo(folder / "data.yaml", complete=True)
    assert all(taken_as_empty["complete"])


@pytest.mark.parametrize("names", [["cat", "dog"], {0: "cat", 1: "dog"}, {1: "dog", 0: "cat"}])
@pytest.mark.parametrize(
    "train", ["images/train", "../images/train", ["images/train/a.jpg", "images/train"], "list.txt"]
)
def test_forms_of_the_settings(folder, names, train):
    (folder / "list.txt").write_text("./images/train/a.jpg\n\nimages/train/city/b.png\n")
    if isinstance(train, list):
        train[0] = "list.txt"
    (folder / "data.yaml").write_text(yaml.safe_dump({"train": train, "names": names}))
    dataset = load_yolo(folder / "data.yaml", folder / "images" / "train", label_map={"dog": "Dog"})
    assert class_names(dataset) == ["cat", "Dog"]
    assert dataset[0]["file_name"] == "a.jpg" and [item["category"] for item in dataset[0]["objects"]] == [0, 1]
    assert len(dataset) == (2 if train == "list.txt" else 7)


def test_paths_of_windows_and_numbers_in_quotes(folder):
    settings = folder / "data.yaml"
    settings.write_text("path: '.\\'\ntrain: .\\images\\train\nnames: {'0': cat, '1': dog}\n")
    assert class_names(load_yolo(settings)) == ["cat", "dog"]


def test_two_images_with_one_label_file_are_suspect(tmp_path):
    for name in ("a.png", "a.bmp", "b.png"):
        Image.new("RGB", (10, 10)).save(tmp_path / name)
        (tmp_path / name).with_suffix(".txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "data.yaml").write_text("train: .\nnames: [cat]\n")
    report = LoadReport()
    load_yolo(tmp_path / "data.yaml", report=report)
    assert report.suspects == {"two images with one label file"} and report.notes["two images with one label file"] == 1


def test_labels_beside_the_images(tmp_path):
    folder = write_marked_images(tmp_path / "photos")
    (folder / "a.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "data.yaml").write_text("val: photos\nnames: [thing]\n")
    dataset = load_yolo(tmp_path / "data.yaml", split="val")
    assert dataset[0]["objects"][0]["bbox"] == [10, 7.5, 20, 15]


def test_written_masks_come_back_exactly(tmp_path, caplog):
    rows = list(tiny.shapes(4, [(60, 47)]))
    rng = np.random.default_rng(2)
    for row in rows:
        shape = (row["height"], row["width"])
        for item in row["objects"]:
            mask = rng.random(shape) < rng.uniform(0.02, 0.9)  # many parts, many holes
            item |= {"segmentation": encode_mask(mask), "bbox": None}
    rows[0]["objects"][0] |= {"segmentation": None, "bbox": [3.0, 4.0, 5.0, 6.0]}
    rows[0]["objects"][1] |= {"segmentation": None, "bbox": None}  # a click, which the format cannot hold
    rows[1]["objects"], rows[2]["objects"], rows[2]["complete"] = [], [], False
    with caplog.at_level(logging.WARNING):
        settings = to_yolo(dataset_from_rows(rows, tiny.NAMES), tmp_path / "out")
    assert "1 object is left out" in caplog.text
    back = load_yolo(settings, tmp_path / "out" / "images" / "train")
    assert class_names(back) == tiny.NAMES
    del rows[0]["objects"][1]
    for row, other in zip(rows, back, strict=True):
        assert (row["file_name"], row["complete"], len(row["objects"])) == (
            other["file_name"], other["complete"], len(other["objects"])
        )  # fmt: skip
        assert np.array_equal(np.asarray(read_image(row)), np.asarray(read_image(other)))
        for item, again in zip(row["objects"], other["objects"], strict=True):
            assert item["category"] == again["category"]
            if item["segmentation"] is None:
                assert again["bbox"] == pytest.approx(item["bbox"], abs=1e-4)
            else:
                assert np.array_equal(decode_rle(item["segmentation"]), decode_rle(again["segmentation"]))


def test_two_splits_in_one_folder(coco_folder, tmp_path):
    dataset = load_coco(coco_folder.save(), coco_folder.images)
    to_yolo(dataset, tmp_path / "out")
    settings = to_yolo(dataset.select([0]), tmp_path / "out", "val")
    assert yaml.safe_load(settings.read_text()) == {
        "train": "images/train", "names": {0: "cat", 1: "dog", 2: "hair drier"}, "val": "images/val"
    }  # fmt: skip
    assert len(load_yolo(settings, split="val")) == 1
    assert (tmp_path / "out" / "labels" / "val" / "sub" / "a.txt").read_text().count("\n") == 1  # no crowd
    with pytest.raises(ValueError, match="already has a split 'val'"):
        to_yolo(dataset, tmp_path / "out", "val")
    with pytest.raises(ValueError, match="names are"):
        to_yolo(tiny.shapes(1), tmp_path / "out", "test")


def test_images_that_would_share_a_label_file(coco_folder, tmp_path):
    rows = list(load_coco(coco_folder.save(), coco_folder.images))
    rows[1]["file_name"] = "sub/a.jpg"
    with pytest.raises(ValueError, match=r"sub/a.jpg and sub/a.png would share"):
        to_yolo(dataset_from_rows(rows, ["a", "b", "c"]), tmp_path / "out")


def test_folders_behind_links_are_looked_into(tmp_path):
    write_marked_images(tmp_path / "elsewhere")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "more").symlink_to(tmp_path / "elsewhere")
    labels = tmp_path / "labels" / "more"
    labels.mkdir(parents=True)
    (labels / "a.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "data.yaml").write_text("train: images\nnames: [thing]\nnc: '1'\n")
    assert sum(map(len, load_yolo(tmp_path / "data.yaml")["objects"])) == 1


def test_names_that_yaml_could_take_for_something_else(tmp_path):
    names = ["1e3", "2.5E-3", "yes", "null", "1", "~", "2026-01-01", "a: b", "#1", "x, y", 'say "no"', "é"]
    rows = [dict(row, objects=[dict(item, category=0) for item in row["objects"]]) for row in tiny.shapes(1)]
    path = to_yolo(dataset_from_rows(rows, names), tmp_path / "yolo")
    assert class_names(load_yolo(path)) == names
