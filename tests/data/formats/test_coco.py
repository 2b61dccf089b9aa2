# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Annotations in COCO's format: what becomes of each key, and back."""

import json
import logging

import numpy as np
import pytest
from pycocotools.coco import COCO

from pointwssis.data import LoadReport, class_names, hide_masks, load_coco, read_image, to_coco
from pointwssis.ops.coco_masks import decode_rle


def test_loads_everything(coco_folder):
    dataset = coco_folder.load()
    assert class_names(dataset) == ["cat", "dog", "hair drier"]  # by ascending category id
    assert dataset["image_id"] == [10, 4, 5]  # in the order of the file
    first, second, third = dataset
    assert (first["width"], first["height"], first["file_name"], first["complete"]) == (12, 8, "sub/a.png", True)
    assert read_image(first).size == (12, 8)
    polygon, crowd = first["objects"]
    assert polygon["category"] == 0 and polygon["bbox"] == [1, 2, 4, 3] and polygon["area"] == 12.5
    assert polygon["point"] == [2.5, 3.0] and decode_rle(polygon["segmentation"]).sum() == 12
    assert crowd["iscrowd"] and crowd["point"] is None and decode_rle(crowd["segmentation"])[:, :2].all()
    point, mask = second["objects"]
    assert point["segmentation"] is None and point["bbox"] is None and point["point"] == [np.float32(12.3), 4.0]
    assert mask["bbox"] == [0, 5, 1, 6] and mask["area"] == 6  # made from the mask
    assert third["objects"] == [] and third["image_labels"] is None


def test_optional_keys(coco_folder):
    coco_folder.content["images"][0] |= {"complete": False, "image_labels": [90, 3]}
    rle = {"size": [24, 32], "counts": [0, 1, 767]}
    coco_folder.content["annotations"][2] |= {"rough_segmentation": rle, "score": 0.123456789, "level": 3}
    dataset = coco_folder.load()
    assert not dataset[0]["complete"] and dataset[0]["image_labels"] == [2, 0]
    item = dataset[1]["objects"][0]
    assert item["score"] == 0.123456789 and item["level"] == 3
    assert decode_rle(item["rough_segmentation"]).sum() == 1


@pytest.mark.parametrize(("kind", "expected"), [("center", [4.5, 4.0]), ("box_center", [4.5, 3.5]), ("random", None)])
def test_where_points_come_from(coco_folder, kind, expected):
    bowl = [[1, 1, 3, 1, 3, 5, 7, 5, 7, 1, 9, 1, 9, 7, 1, 7]]
    record = {"id": 1, "image_id": 10, "category_id": 3, "segmentation": bowl}
    coco_folder.content["annotations"] = [record, {**record, "id": 2, "point": [0, 7.5]}]
    first, second = coco_folder.load(point_source=kind, seed=3)[0]["objects"]
    mask = decode_rle(first["segmentation"])
    if expected is None:
        x, y = first["point"]
        assert mask[int(y), int(x)]
        again, _ = coco_folder.load(point_source=kind, seed=3)[0]["objects"]
        others = {tuple(coco_folder.load(point_source=kind, seed=seed)[0]["objects"][0]["point"]) for seed in range(8)}
        assert again["point"] == first["point"] and len(others) > 3
    else:
        assert first["point"] == pytest.approx(expected, abs=1)
        rows, columns = np.nonzero(mask)
        if kind == "center":
            assert first["point"] == pytest.approx([columns.mean(), rows.mean()])
    assert second["point"] == [0, 7.5]  # an own point wins


def test_random_points_do_not_depend_on_other_objects(coco_folder):
    before = coco_folder.load(point_source="random")[1]["objects"][1]["point"]
    del coco_folder.content["annotations"][0:3]
    assert coco_folder.load(point_source="random")[1]["objects"][0]["point"] == before


def test_boxes_without_masks_give_points_when_asked(coco_folder):
    coco_folder.content["annotations"] = [{"id": 1, "image_id": 10, "category_id": 3, "bbox": [2, 2, 3, 5]}]
    item = coco_folder.load(point_source="box_center")[0]["objects"][0]
    assert item["point"] == [3, 4] and item["segmentation"] is None  # columns 2 3 4, rows 2 … 6
    with pytest.raises(ValueError, match="box_center"):
        coco_folder.load(point_source="center")


def test_a_center_outside_of_its_mask_is_kept_and_counted(coco_folder, caplog):
    bowl = [[1, 1, 3, 1, 3, 6, 7, 6, 7, 1, 9, 1, 9, 7, 1, 7]]
    coco_folder.content["annotations"][0]["segmentation"] = bowl
    report = LoadReport()
    with caplog.at_level(logging.INFO):
        item = coco_folder.load(report=report)[0]["objects"][0]
    x, y = item["point"]
    assert not decode_rle(item["segmentation"])[round(y), round(x)]
    assert report.notes == {"center of mass outside of its mask": 1} and not report.skipped
    assert "annotation 1" in caplog.text and "outside of its mask" in caplog.text


def test_a_mask_without_a_pixel_stays_as_truth_and_gets_the_center_of_its_box(coco_folder):
    sliver = [4.2, 4.2, 4.3, 4.2, 4.3, 4.2]
    coco_folder.content["annotations"][0] |= {"segmentation": [sliver], "bbox": [4, 4, 1, 0]}
    report = LoadReport()
    item = coco_folder.load(report=report)[0]["objects"][0]
    assert not decode_rle(item["segmentation"]).any() and item["point"] == [4.0, 3.5]
    assert sum(report.notes.values()) == 1


def test_the_classes_of_another_file(coco_folder):
    dataset = coco_folder.load(class_names=["ant", "dog", "hair drier", "cat"])
    assert [item["category"] for item in dataset[0]["objects"]] == [3, 2]
    with pytest.raises(ValueError, match="cat.*not among the classes"):
        coco_folder.load(class_names=["dog", "hair drier"])


def test_round_trip(coco_folder):
    coco_folder.content["images"][1] |= {"complete": False, "image_labels": [7]}
    rle = {"size": [24, 32], "counts": [0, 1, 767]}
    coco_folder.content["annotations"][2] |= {"rough_segmentation": rle, "score": 0.1, "level": 0}
    categories = coco_folder.content["categories"]
    dataset = coco_folder.load()
    for given in (None, categories):
        content = json.loads(json.dumps(to_coco(dataset, given)))
        coco_folder.content = content
        assert list(coco_folder.load()) == list(dataset)
    assert {item["category_id"] for item in content["annotations"]} == {3, 7, 90}
    assert content["categories"] == categories
    assert [item.get("point") for item in content["annotations"]][2] == [12.3, 4.0]
    with pytest.raises(ValueError, match="hair drier"):
        to_coco(dataset, categories[:2])


def test_round_trip_of_points_only(coco_folder):
    points = hide_masks(coco_folder.load())
    coco_folder.content = to_coco(points)
    assert list(coco_folder.load()) == list(points)


@pytest.mark.parametrize("name", ["coco_edge_cases", "train", "val"])
def test_real_coco_equals_pycocotools_mask_by_mask(shared_dir, capsys, name):
    folder = shared_dir / "data" / ("coco_edge_cases" if name == "coco_edge_cases" else "coco_mini")
    file = folder / "coco_edge_permissive.json"
    if name != "coco_edge_cases":
        file = folder / "annotations" / f"instances_{name}.json"
    reference, dataset = COCO(str(file)), load_coco(file, folder / "images")
    names = [category["name"] for category in sorted(reference.dataset["categories"], key=lambda c: c["id"])]
    assert class_names(dataset) == names and len(names) == 80
    assert dataset["image_id"] == [image["id"] for image in reference.dataset["images"]]
    objects = {item["id"]: item for row in dataset for item in row["objects"]}
    assert len(objects) == len(reference.anns)
    for number, annotation in reference.anns.items():
        item = objects[number]
        assert np.array_equal(decode_rle(item["segmentation"]), reference.annToMask(annotation) == 1), number
        assert (item["area"], item["bbox"]) == (annotation["area"], annotation["bbox"])
        assert item["iscrowd"] == bool(annotation["iscrowd"])
        assert names[item["category"]] == reference.cats[annotation["category_id"]]["name"]
    assert any(item["iscrowd"] for item in objects.values())
