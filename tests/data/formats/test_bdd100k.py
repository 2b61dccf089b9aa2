# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""BDD100K labels in all their forms: run lengths, outlines, bitmasks, boxes."""

import numpy as np
import pytest

from helpers.bdd100k_labels import (
    CAR,
    CROWD,
    HEIGHT,
    NAMES,
    RIDER,
    WIDTH,
    box,
    frame,
    label,
    masked_frames,
    write_bitmasks,
)
from pointwssis.data import class_names, object_masks, supervision
from pointwssis.data.formats.bdd100k import load_bdd100k
from pointwssis.ops.coco_masks import decode_rle


@pytest.mark.parametrize("form", ["rles", "polygons", "bitmasks"])
def test_the_forms_of_masks(bdd100k, tmp_path, form):
    if form == "bitmasks":
        write_bitmasks(tmp_path / "bitmasks")
        rows = load_bdd100k(tmp_path / "bitmasks", bdd100k.images)
        numbers = [0, 2, 300]
    else:
        rows, numbers = bdd100k.load(masked_frames(form)), [0, 2, 3]
    assert class_names(rows)[:4] == ["pedestrian", "rider", "car", "truck"] and len(class_names(rows)) == 8
    first, second = rows
    assert [supervision(row) for row in rows] == ["full", "full"] and second["objects"] == [] and second["complete"]
    assert (first["width"], first["height"], first["file_name"]) == (WIDTH, HEIGHT, f"{NAMES[0]}.jpg")
    car, rider, crowd = first["objects"]
    assert [item["category"] for item in first["objects"]] == [2, 1, 0]
    for item, mask in ((car, CAR), (rider, RIDER), (crowd, CROWD)):
        assert np.array_equal(decode_rle(item["segmentation"]), mask)
        assert item["area"] == mask.sum()
    assert car["point"] == [7.5, 6.5] and car["bbox"] == [3, 4, 10, 6]
    assert crowd["iscrowd"] and crowd["point"] is None and len(object_masks(first)) == 2
    assert [item["id"] - (first["image_id"] << 16) for item in first["objects"]] == numbers
    assert len({row["image_id"] for row in rows}) == 2 and all(0 < row["image_id"] < 2**47 for row in rows)


def test_an_image_has_the_same_number_in_every_form(bdd100k, tmp_path):
    write_bitmasks(tmp_path / "bitmasks")
    bitmasks = load_bdd100k(tmp_path / "bitmasks", bdd100k.images)
    assert (
        bitmasks["image_id"]
        == bdd100k.load(masked_frames("rles"))["image_id"]
        == bdd100k.load(masked_frames("polygons"))["image_id"]
    )


def test_boxes_become_points(bdd100k):
    rows = bdd100k.load(
        {"frames": [frame(NAMES[0], label("bike", box2d={"x1": 3, "y1": 4.5, "x2": 12, "y2": 9})), frame(NAMES[1])]}
    )
    (item,) = rows[0]["objects"]
    assert item["point"] == [7.5, 6.75] and item["bbox"] == [3, 4.5, 10, 5.5]  # both ends belong to the box
    assert item["segmentation"] is None and class_names(rows)[item["category"]] == "bicycle"
    assert [supervision(row) for row in rows] == ["point", "full"]
    (item,) = bdd100k.load([frame(NAMES[0], label("car", box2d={"x1": -5, "y1": 16, "x2": 2, "y2": 40}))])[0]["objects"]
    assert item["point"] == [0, 17]  # of a box that leaves the image, the nearest pixel


def test_old_names_and_labels_that_are_no_instances(bdd100k):
    old = ["person", "pedestrian", "motor", "motorcycle", "van", "caravan", "rider", "truck", "bus", "train"]
    passed_over = ["traffic light", "traffic sign", "lane", "lane/road curb", "drivable area", "area/alternative"]
    rows = bdd100k.load([frame(NAMES[0], *(label(name, box2d=box(CAR)) for name in [*passed_over, *old]))])
    names = [class_names(rows)[item["category"]] for item in rows[0]["objects"]]
    assert names == ["pedestrian"] * 2 + ["motorcycle"] * 2 + ["car"] * 2 + ["rider", "truck", "bus", "train"]
    assert rows[0]["complete"]


@pytest.mark.parametrize(
    ("category", "attributes"),
    [
        ("car", {"crowd": True}),
        ("car", {"ignored": True}),
        ("other vehicle", {}),
        ("trailer", None),
        ("other person", {}),
    ],
)
def test_what_is_ignored_is_a_region(bdd100k, category, attributes):
    (item,) = bdd100k.load([frame(NAMES[0], label(category, attributes=attributes, box2d=box(CAR)))])[0]["objects"]
    assert item["iscrowd"] and item["point"] is None and np.array_equal(decode_rle(item["segmentation"]), CAR)
    (item,) = bdd100k.load(
        [frame(NAMES[0], label("car", attributes={"crowd": False, "occluded": True}, box2d=box(CAR)))]
    )[0]["objects"]
    assert not item["iscrowd"]


def test_sizes_without_images(bdd100k):
    for file in bdd100k.images.iterdir():
        file.unlink()
    sized = frame(NAMES[1], size={"width": 64, "height": 36})
    rows = bdd100k.load([frame(NAMES[0]), sized], check_images=False)
    assert [(row["width"], row["height"]) for row in rows] == [(1280, 720), (64, 36)]
    with pytest.raises(FileNotFoundError, match=NAMES[0]):
        bdd100k.load([frame(NAMES[0])])
