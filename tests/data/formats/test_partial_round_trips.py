# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Partial annotations through the annotation tools and back: boxes, clicks, image-level labels, incomplete images."""

import logging

import numpy as np
import pytest

from helpers.exported_files import EXPORTED, export_accepted
from helpers.marked_images import write_marked_images
from pointwssis.data import dataset_from_rows, label_studio_config, load_annotations, make_object, to_cvat, to_yolo
from pointwssis.ops.coco_masks import encode_mask

NAMES = ["cat", "dog"]


@pytest.fixture
def images(tmp_path):
    return write_marked_images(tmp_path / "images")


@pytest.fixture
def rows(images):
    """A box and a click in a half-marked image, an image-level label, one that is known to be empty, one of nothing."""

    def row(number, name, size, complete, objects=(), labels=None):
        fields = {"image": str(images / name), "image_id": number, "file_name": name, "width": size[0]}
        return fields | {"height": size[1], "complete": complete, "image_labels": labels, "objects": list(objects)}

    box = make_object(1, 1, point=[14.5, 9.5], bbox=[10.0, 5.0, 10.0, 10.0])
    edge = make_object(3, 1, point=[0.0, 8.5], bbox=[-9.0, 2.0, 12.0, 14.0])  # whose center lies outside of the image
    click = make_object(2, 0, point=[30.0, 20.0], bbox=[20.0, 10.0, 10.0, 12.0])  # whose box is not all that is known
    several = [
        row(1, "a.jpg", (40, 30), False, [box, click, edge]),
        row(2, "city/b.png", (20, 16), False, labels=[1]),
        row(3, "empty.png", (10, 8), True),
        row(4, "dot.png", (2, 1), False),
    ]
    return dataset_from_rows(several, NAMES)


# COCO also keeps the boxes of clicks; YOLO has a separate test.
TOOLS = [name for name in EXPORTED if name not in ("coco", "yolo")]


@pytest.mark.parametrize("format", TOOLS)
def test_boxes_image_labels_and_completeness_come_back(rows, images, tmp_path, format):
    back = load_annotations(export_accepted(rows, format, tmp_path / "labels"), images, class_names=NAMES)
    found = {row["file_name"]: row for row in back}  # a format of several files has its own order
    back = [found[name] for name in rows["file_name"]]
    assert [row["complete"] for row in back] == rows["complete"] == [False, False, True, False]
    assert [row["image_labels"] for row in back] == rows["image_labels"]
    assert [len(row["objects"]) for row in back] == [3, 0, 0, 0]
    box, click, edge = back[0]["objects"]
    assert box["bbox"] == pytest.approx([10, 5, 10, 10], abs=0.01) and box["category"] == 1
    assert box["point"] == pytest.approx([14.5, 9.5], abs=0.01)
    assert edge["bbox"] == pytest.approx([0, 2, 3, 14], abs=0.01)  # the part inside of the image
    assert click["bbox"] is None and click["point"] == pytest.approx([30, 20], abs=0.01) and click["category"] == 0


@pytest.mark.parametrize("format", TOOLS)
def test_clicks_behind_the_center_of_the_last_pixel_come_back(rows, images, tmp_path, format):
    click = make_object(1, 0, point=[39.9, 29.75])
    row = {**rows[0], "image": str(images / "a.jpg"), "objects": [click]}
    path = export_accepted(dataset_from_rows([row], NAMES), format, tmp_path / "labels")
    [again] = load_annotations(path, images, class_names=NAMES)[0]["objects"]
    assert again["point"] == pytest.approx([39, 29], abs=0.01)


def test_the_labels_of_the_task_are_listed_with_the_tags_that_are_used(rows):
    assert "<type>tag</type>" in to_cvat(rows) and "<type>tag</type>" not in to_cvat(rows.select([1]))
    assert '<Choice value="incomplete"/>' in label_studio_config(NAMES)


@pytest.mark.parametrize("format", TOOLS)
def test_crowds_that_are_left_out_are_logged(rows, images, tmp_path, caplog, format):
    crowd = make_object(1, 0, segmentation=encode_mask(np.ones((8, 10), bool)), iscrowd=True)
    row = {**rows[2], "image": str(images / "empty.png"), "objects": [crowd]}
    with caplog.at_level(logging.WARNING):
        path = export_accepted(dataset_from_rows([row], NAMES), format, tmp_path / "labels")
        back = load_annotations(path, images, class_names=NAMES)
    assert "1 crowd is left out" in caplog.text and not len(back[0]["objects"])
    assert back[0]["complete"] == (format == "label_studio")  # elsewhere unlabeled, not empty


def test_yolo_never_takes_what_it_leaves_out_for_background(rows, images, tmp_path, caplog):
    click = make_object(1, 0, point=[3.0, 4.0])
    lost = {**rows[0], "image": str(images / "a.jpg"), "complete": True, "objects": [click]}
    others = [{**row, "image": row["image"]["path"]} for row in rows]
    with caplog.at_level(logging.WARNING):
        settings = to_yolo(dataset_from_rows([lost, others[2]], NAMES), tmp_path / "one")
    back = {row["file_name"]: row for row in load_annotations(settings, tmp_path / "one")}
    assert "1 object is left out" in caplog.text and "cannot state" not in caplog.text
    assert not back["images/train/a.jpg"]["complete"] and back["images/train/empty.png"]["complete"]
    with caplog.at_level(logging.WARNING):
        to_yolo(dataset_from_rows(others, NAMES), tmp_path / "two")
    assert "as in 1 image (a.jpg)" in caplog.text
    assert (tmp_path / "two" / "labels" / "train" / "a.txt").read_text().startswith("1 0.375 0.333333 0.25 0.333333\n")
