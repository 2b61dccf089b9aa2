# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The authors' annotation files, written here in their shape: strong, weak, merged, merged and refined."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pointwssis.data import load_coco, load_official_annotations, object_masks, supervision
from pointwssis.evaluation.pseudo_labels import evaluate_pseudo_labels
from pointwssis.ops.coco_masks import encode_mask

CATEGORIES = [{"id": 1, "name": "person", "supercategory": "person"}, {"id": 3, "name": "car"}]
SIZE = {"height": 20, "width": 30}
STRONG = [{"id": 9, "file_name": "000000000009.jpg", **SIZE, "license": 3, "coco_url": "", "flickr_url": ""}]
WEAK = [{"id": 25, "file_name": "000000000025.jpg", **SIZE}, {"id": 30, "file_name": "000000000030.jpg", **SIZE}]


def rectangle(x: int, y: int, width: int, height: int) -> list[list[int]]:
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]


def annotation(id: int, image: int, category: int, segmentation: Any, **values: Any) -> dict[str, Any]:
    return {"id": id, "image_id": image, "category_id": category, "segmentation": segmentation, "iscrowd": 0, **values}


CROWD = annotation(900100, 9, 1, {"size": [20, 30], "counts": [0, 40, 560]}, iscrowd=1, bbox=[0, 0, 2, 20], area=40)
STRONG_ANNOTATIONS = [annotation(156, 9, 3, rectangle(2, 3, 8, 6), bbox=[2, 3, 8, 6], area=48.0), CROWD]
WEAK_ANNOTATIONS = [
    annotation(1001, 25, 1, rectangle(4, 4, 9, 5), bbox=[4, 4, 9, 5], area=45.0),
    annotation(1002, 25, 3, rectangle(15, 2, 10, 10), bbox=[15, 2, 10, 10], area=100.0),
    annotation(1003, 25, 1, {"size": [20, 30], "counts": [0, 20, 580]}, iscrowd=1, bbox=[0, 0, 1, 20], area=20),
    annotation(1004, 30, 3, rectangle(1, 1, 3, 3), bbox=[1, 1, 3, 3], area=9.0),
]


def network_mask(x: int, y: int, width: int, height: int, iscrowd: Any) -> dict[str, Any]:
    """Return a pseudo label as the authors' merging writes it: COCO's category id, a box one pixel short, no score."""
    mask = np.zeros((20, 30), dtype=bool)
    mask[y : y + height, x : x + width] = True
    box = [x, y, width - 1, height - 1]
    return annotation(0, 25, 3, encode_mask(mask), iscrowd=iscrowd, area=int(mask.sum()), bbox=box)


@pytest.fixture
def files(tmp_path) -> Path:
    """Write the four files and their images; one of two points is lost, and image 30 loses its only point."""
    for record in STRONG + WEAK:
        Image.new("RGB", (30, 20), (90, 120, 60)).save(tmp_path / record["file_name"])
    contents = {
        "s": (STRONG, STRONG_ANNOTATIONS),
        "w": (WEAK, WEAK_ANNOTATIONS),
        "sw": (STRONG + WEAK, [*STRONG_ANNOTATIONS, network_mask(15, 2, 10, 8, iscrowd=0)]),
        "sw_refined": (WEAK + STRONG, [*STRONG_ANNOTATIONS, network_mask(15, 2, 10, 10, iscrowd=False)]),
    }
    for kind, (images, annotations) in contents.items():
        if kind.startswith("sw"):  # the merging numbers all annotations anew
            annotations = [{**record, "id": number} for number, record in enumerate(annotations, start=1)]
        content = {"info": {}, "licenses": [], "images": images, "categories": CATEGORIES, "annotations": annotations}
        (tmp_path / f"instances_train2017_10p_{kind}.json").write_text(json.dumps(content))
    return tmp_path


def load(folder: Path, kind: str, **options: Any):
    return load_official_annotations(folder / f"instances_train2017_10p_{kind}.json", folder, **options)


def test_strong_images_keep_everything(files):
    (row,) = load(files, "s")
    assert supervision(row) == "full" and row["complete"]
    assert [item["iscrowd"] for item in row["objects"]] == [False, True]
    assert row["objects"][0]["point"] == [5.5, 5.5] and object_masks(row).sum() == 48
    assert row["objects"][0]["score"] is None


def test_weak_images_keep_the_centers_of_their_masks_and_nothing_else(files):
    first, second = load(files, "w")
    assert supervision(first) == supervision(second) == "point"
    assert [(item["id"], item["category"], item["point"]) for item in first["objects"]] == [
        (1001, 0, [8.0, 6.0]),
        (1002, 1, [19.5, 6.5]),
    ]
    for item in first["objects"]:
        assert all(item[field] is None for field in ("segmentation", "bbox", "area", "score"))


@pytest.mark.parametrize(("kind", "area"), [("sw", 80), ("sw_refined", 100)])
def test_merged_files_hold_masks_and_pseudo_labels(files, kind, area):
    rows = {row["image_id"]: row for row in load(files, kind)}
    assert sorted(rows) == [9, 25, 30]
    by_hand, pseudo = rows[9]["objects"], rows[25]["objects"]
    assert [item["score"] for item in by_hand] == [None, None] and by_hand[0]["point"] == [5.5, 5.5]
    (item,) = pseudo
    assert item["score"] == 1 and item["point"] is None and item["category"] == 1 and item["area"] == area
    assert object_masks(rows[25])[0].sum() == area
    assert [rows[image]["complete"] for image in (9, 25, 30)] == [True, False, False]
    assert rows[30]["objects"] == [] and supervision(rows[30]) == "none"  # not: known to hold no object


def test_pseudo_labels_are_measured_against_the_weak_file(files):
    truth = load_coco(files / "instances_train2017_10p_w.json", files)
    for kind, overlap in (("sw", 0.8), ("sw_refined", 1.0)):
        weak = set(truth["image_id"])
        pseudo = load(files, kind).filter(lambda row, weak=weak: row["image_id"] in weak)
        quality = evaluate_pseudo_labels(pseudo, truth)
        # One of three objects is found, in the class car, which has two: half of the recall, at the IoU it reaches.
        assert quality["AP50"] == pytest.approx((51 / 101 + 0) / 2) and quality["labels"] == 1
        assert quality["AR100"] == pytest.approx((0.5 * (0.7 if overlap == 0.8 else 1.0) + 0) / 2)


def test_the_name_says_what_a_file_is_or_the_caller_does(files):
    plain = files / "train.json"
    (files / "instances_train2017_10p_w.json").rename(plain)
    with pytest.raises(ValueError, match=r"train\.json: the name does not end in _s, _w, _sw, _sw_refined"):
        load_official_annotations(plain, files)
    assert supervision(load_official_annotations(plain, files, kind="w")[0]) == "point"
    with pytest.raises(ValueError, match="pass `kind`"):
        load_official_annotations(plain, files, kind="weak")


def test_wrong_files_are_refused_as_any_coco_file_is(files):
    with pytest.raises(FileNotFoundError, match="annotation file not found"):
        load(files, "50p_s")
    (files / WEAK[0]["file_name"]).unlink()
    with pytest.raises(FileNotFoundError, match="000000000025"):
        load(files, "w")
    assert [row["image_id"] for row in load(files, "w", skip_bad=True)] == [30]
