# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest

from helpers.marked_images import EXPORTS
from pointwssis.data import LoadReport, class_names, load_coco, supervision
from pointwssis.data.formats.cvat import load_cvat, to_cvat
from pointwssis.ops.coco_masks import decode_rle, rle_box


def test_every_kind_of_element(marked_images):
    report = LoadReport()
    dataset = load_cvat(EXPORTS / "cvat.xml", marked_images, report=report)
    assert class_names(dataset) == ["dog", "cat"]  # as the task lists them, without those no object can have
    items = dataset[0]["objects"]
    assert [item["point"] for item in items[:3]] == [[10, 20], [0, 29], [39, 0]]  # one element, three clicks
    assert all(item["segmentation"] is None and item["category"] == 1 for item in items[:3])
    mask, grouped, polygon, box, turned, ellipse = items[3:]
    assert np.argwhere(decode_rle(mask["segmentation"])).tolist() == [[27, 39], [28, 38]]  # row by row
    assert grouped["area"] == 16 + 4 and rle_box(grouped["segmentation"]) == [0, 0, 22, 4]
    assert polygon["area"] == 16 and rle_box(polygon["segmentation"]) == [2, 2, 8, 2]  # overlaps the group
    assert box["bbox"] == [10, 10, 10, 4] and box["point"] == [14.5, 11.5] and box["segmentation"] is None
    assert turned["bbox"] == pytest.approx([13, 7, 4, 10]) and turned["point"] == pytest.approx([14.5, 11.5])
    assert rle_box(ellipse["segmentation"])[2:] == [6, 12]
    assert not dataset[0]["complete"] and dataset[0]["image_labels"] == [0]
    assert report.notes["image-level label that is not a class"] == 1  # good_frame


def test_images_that_nobody_touched(marked_images):
    for complete, expected in ((None, ["point", "none", "point"]), (True, ["point", "full", "point"])):
        dataset = load_cvat(EXPORTS / "cvat.xml", marked_images, complete=complete)
        assert [supervision(row) for row in dataset] == expected
    assert dataset["complete"] == [False, True, True]  # the first says it itself
    assert dataset[2]["objects"][0]["point"] == [29, 39]  # in the upright frame


def test_names_and_map(marked_images):
    options = {"class_names": ["animal", "cat"], "label_map": {"dog": "animal"}}
    dataset = load_cvat(EXPORTS / "cvat.xml", marked_images, **options)
    assert {item["category"] for item in dataset[0]["objects"]} == {0, 1} and dataset[0]["image_labels"] == [0]


def test_tags_alone_name_the_classes(marked_images, tmp_path):
    file = tmp_path / "tags.xml"
    images = '<image id="0" name="a.jpg" width="40" height="30"><tag label="cat"/></image>'
    file.write_text(f"<annotations><version>1.1</version><meta/>{images}</annotations>")
    dataset = load_cvat(file, marked_images)
    assert class_names(dataset) == ["cat"] and supervision(dataset[0]) == "image"


def test_written_masks_come_back_exactly(coco_folder, tmp_path):
    whole = {"size": [6, 6], "counts": [0, 36]}  # no background in front
    coco_folder.content["annotations"].append({"id": 9, "image_id": 5, "category_id": 3, "segmentation": whole})
    dataset = load_coco(coco_folder.save(), coco_folder.images)
    file = tmp_path / "annotations.xml"
    file.write_text(to_cvat(dataset), encoding="utf-8")
    back = load_cvat(file, coco_folder.images)
    assert class_names(back) == class_names(dataset)
    for row, other in zip(dataset, back, strict=True):
        own = [item for item in row["objects"] if not item["iscrowd"]]
        assert len(own) == len(other["objects"]) and row["file_name"] == other["file_name"]
        for item, again in zip(own, other["objects"], strict=True):
            assert (item["category"], item["segmentation"]) == (again["category"], again["segmentation"])
            if item["segmentation"] is None:
                assert again["point"] == pytest.approx(item["point"], abs=0.01)


def test_a_bare_click_cannot_be_written(coco_folder):
    del coco_folder.content["annotations"][2]["category_id"]
    dataset = load_coco(coco_folder.save(), coco_folder.images)
    assert dataset[1]["objects"][0]["category"] is None
    with pytest.raises(ValueError, match=r"image b.jpg: object 3 has no class.*pseudo labels"):
        to_cvat(dataset)


def test_one_name_in_two_subsets_of_a_project(marked_images, tmp_path):
    for subset, name in (("Train", "city/b.png"), ("Validation", "field/b.png")):
        (marked_images / subset).mkdir()
        (marked_images / name).rename(marked_images / subset / "b.png")
    file = tmp_path / "annotations.xml"
    click = '<points label="cat" points="1,1"/>'
    images = [
        f'<image id="0" name="b.png" subset="Train" width="20" height="16">{click}</image>',
        f'<image id="1" name="b.png" subset="Validation" width="24" height="18">{click}</image>',
        f'<image id="2" name="a.jpg" subset="Train" width="40" height="30">{click}</image>',
    ]
    file.write_text(f"<annotations><meta/>{''.join(images)}</annotations>")
    assert load_cvat(file, marked_images)["file_name"] == ["Train/b.png", "Validation/b.png", "a.jpg"]
