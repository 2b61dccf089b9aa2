# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from helpers.marked_images import EXPORTS
from pointwssis.data import LoadReport, class_names, supervision
from pointwssis.data.formats.label_studio import load_label_studio
from pointwssis.data.formats.label_studio_export import label_studio_config, to_label_studio
from pointwssis.data.formats.label_studio_rle import decode_brush, encode_brush
from pointwssis.ops.coco_masks import decode_rle, rle_box

# By hand after rle-pack's format: 8 values of 8 bits, sizes 3 4 8 16; four times 0, then 255 255 255 255 one by one.
TWO_PIXELS = [0, 0, 0, 8, 57, 27, 252, 96, 1, 255, 255, 255, 255, 128]


@pytest.fixture
def exported(marked_images):
    report = LoadReport()
    dataset = load_label_studio(EXPORTS / "label_studio.json", marked_images, report=report)
    return dataset, report


def test_every_kind_of_region(exported):
    dataset, report = exported
    assert class_names(dataset) == ["cat", "dog", "bird"]
    click, bare, polygon, rectangle, turned, ellipse, tagged = dataset[0]["objects"]
    assert (click["point"], click["category"], click["segmentation"]) == ([10, 10], 0, None)
    assert (bare["point"], bare["category"]) == ([39, 0], None)  # on the right border
    assert rle_box(polygon["segmentation"]) == [4, 3, 4, 6] and polygon["area"] == 24 and polygon["category"] == 1
    assert polygon["point"] == [5.5, 5.5]
    assert rectangle["bbox"] == pytest.approx([20, 15, 10, 6]) and rectangle["point"] == pytest.approx([24.5, 17.5])
    assert turned["bbox"] == pytest.approx([8, 0, 12, 4])  # turned clockwise about its corner at (20, 0)
    assert rle_box(ellipse["segmentation"])[2:] == [12, 8] and ellipse["area"] == pytest.approx(np.pi * 24, abs=5)
    assert tagged["point"] == [1.5, 1.0] and tagged["category"] == 2  # of the Labels tag, in two parts
    assert dataset[0]["image_labels"] == [2] and not dataset[0]["complete"]
    assert report.notes["image-level label that is not a class"] == 1 and "'day'" in report.table()


def test_which_annotation_of_a_task_counts(exported):
    dataset, report = exported
    assert dataset["file_name"] == [
        "a.jpg", "city/b.png", "field/b.png", "dot.png", "my photo (1).png", "turned.jpg"
    ]  # fmt: skip
    assert [supervision(row) for row in dataset] == ["point", "full", "none", "full", "none", "point"]
    assert dataset["complete"] == [False, True, False, True, False, True]
    assert report.notes["several annotations of a task (the last one counts)"] == 1
    assert dataset[5]["objects"][0]["point"] == [28, 38.5]  # in the upright frame


def test_complete_as_an_argument(marked_images):
    for complete, expected in ((True, [False] + [True] * 5), (False, [False] * 6)):  # the first says it itself
        dataset = load_label_studio(EXPORTS / "label_studio.json", marked_images, complete=complete)
        assert dataset["complete"] == expected


def test_brush_run_lengths(exported):
    dataset, _ = exported
    assert decode_rle(dataset[3]["objects"][0]["segmentation"]).tolist() == [[False, True]]
    assert decode_brush(TWO_PIXELS, 1, 2).tolist() == [[False, True]]
    # Values of one bit and counts of one bit: Label Studio does not write them, but the format has them.
    bits = f"{16:032b}" + "00000" + "0000" * 4 + "10010" * 4 + "10011" * 4
    packed = [int(bits[start : start + 8].ljust(8, "0"), 2) for start in range(0, len(bits), 8)]
    assert not decode_brush(packed, 2, 2).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (37, 23), (300, 301)])
@pytest.mark.parametrize("density", [0, 0.02, 0.5, 1])
def test_brush_round_trip(shape, density):
    mask = np.random.default_rng(5).random(shape) < density
    packed = encode_brush(mask)
    assert np.array_equal(decode_brush(packed, *shape), mask)
    assert all(type(byte) is int and 0 <= byte < 256 for byte in packed)


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        ([], "in the middle"),
        (TWO_PIXELS[:9], "in the middle"),
        (TWO_PIXELS[:-2], "in the middle"),
        ([0, 0, 0, 4, *TWO_PIXELS[4:]], "holds 4 values"),
        ([*TWO_PIXELS[:7], 192, *TWO_PIXELS[8:]], "more than the 8"),  # the first run is 7 long, 4 more follow
        ([256, *TWO_PIXELS[1:]], "not a byte"),
        (["0", *TWO_PIXELS[1:]], "not a byte"),
    ],
)
def test_bad_brush_run_lengths(packed, message):
    with pytest.raises(ValueError, match=message):
        decode_brush(packed, 1, 2)


def test_tasks_for_people_and_back(coco_folder, tmp_path):
    from pointwssis.data import load_coco

    coco_folder.content["annotations"][0]["score"] = 0.75
    coco_folder.content["images"][0]["file_name"] = "sub/a b&c.png"
    (coco_folder.images / "sub" / "a.png").rename(coco_folder.images / "sub" / "a b&c.png")
    dataset = load_coco(coco_folder.save(), coco_folder.images)
    tasks = json.loads(json.dumps(to_label_studio(dataset)))
    first, second, third = tasks
    assert first["data"]["image"] == "/data/local-files/?d=sub/a%20b%26c.png"
    assert first["predictions"][0]["score"] == 0.75 and third["predictions"][0]["result"] == []
    (mask,) = first["predictions"][0]["result"]  # the crowd stays out
    assert (mask["type"], mask["score"], mask["value"]["brushlabels"]) == ("brushlabels", 0.75, ["cat"])
    assert [result["type"] for result in second["predictions"][0]["result"]] == ["keypointlabels", "brushlabels"]
    # What a person accepts without a change comes back as an annotation.
    for task in tasks:
        task["annotations"] = [{"result": task.pop("predictions")[0]["result"]}]
    file = tmp_path / "corrected.json"
    file.write_text(json.dumps(tasks))
    corrected = load_label_studio(file, coco_folder.images, class_names=class_names(dataset))
    for row, back in zip(dataset, corrected, strict=True):
        own = [item for item in row["objects"] if not item["iscrowd"]]
        assert [(item["category"], item["segmentation"]) for item in own] == [
            (item["category"], item["segmentation"]) for item in back["objects"]
        ]
        clicks = [item["point"] for item in own if item["segmentation"] is None]
        assert clicks == [item["point"] for item in back["objects"] if item["segmentation"] is None]
        assert all(item["score"] is None for item in back["objects"]) and row["file_name"] == back["file_name"]


def test_an_empty_pseudo_label_is_written_as_its_click():
    from helpers import tiny
    from pointwssis.ops.coco_masks import encode_mask
    from pointwssis.pseudo_labeling.generate import set_pseudo_mask

    dataset = tiny.shapes(1)
    row = dataset[0]
    set_pseudo_mask(row["objects"][0], encode_mask(np.zeros((64, 64))))
    row["objects"][1] |= {"category": None, "segmentation": None}
    from pointwssis.data import dataset_from_rows

    results = to_label_studio(dataset_from_rows([row], class_names(dataset)))[0]["predictions"][0]["result"]
    assert [result["type"] for result in results[:2]] == ["keypointlabels"] * 2
    assert results[1]["value"]["keypointlabels"] == []


def test_the_labeling_interface_names_what_the_tasks_use():
    config = ElementTree.fromstring(label_studio_config(["cat", 'a "b" & c']))
    assert {element.get("name") for element in config} == {"image", "mask", "point", "box", "classes", "marked"}
    assert [label.get("value") for label in config.find("BrushLabels")] == ["cat", 'a "b" & c']


def region(name, kind, value):
    values = {} if name is None else {"id": name if name != "null" else None}
    return {**values, "type": kind, "from_name": "x", "to_name": "image", "value": value}


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        pytest.param([(f"{'x' * 60}{n}", n) for n in range(5)], 5, id="long ids that differ at their end"),
        pytest.param([("same", 0), ("same", 1)], 2, id="one id, two places"),
        pytest.param([("same", 0), ("same", 0)], 1, id="one id, one place"),
        pytest.param([("null", 0), ("null", 1), (None, 2)], 3, id="no id"),
    ],
)
def test_no_region_is_lost_to_its_id(marked_images, tmp_path, regions, expected):
    results = [
        region(name, "keypointlabels", {"x": 10 * place, "y": 5, "width": 1, "keypointlabels": ["cat"]})
        for name, place in regions
    ]
    choice = region(regions[0][0], "choices", {"choices": ["blurred"]})  # about the first region, not the image
    file = tmp_path / "tasks.json"
    task = {"data": {"image": "a.jpg"}, "annotations": [{"result": results + [choice] * (regions[0][0] == "same")}]}
    file.write_text(json.dumps([task, {"data": {"image": "dot.png"}, "annotations": None}]))
    report = LoadReport()
    dataset = load_label_studio(file, marked_images, report=report)
    assert [len(objects) for objects in dataset["objects"]] == [expected, 0] and dataset["complete"] == [True, False]
    assert not report.notes


def test_a_shape_and_its_label_may_come_apart(marked_images, tmp_path):
    place = {"x": 10, "y": 10, "width": 50, "height": 50, "rotation": 0}
    other = {"points": [[60, 60], [90, 60], [90, 90]]}
    results = [
        region("r", "rectangle", place),
        region("r", "labels", {**place, "x": 10.0, "rotation": None, "labels": ["cat"]}),
        region("r", "polygonlabels", {**other, "polygonlabels": ["dog"]}),
        region("day", "choices", {"choices": ["sunny"]}) | {"original_width": None},
    ]
    file = tmp_path / "tasks.json"
    empty = {"data": {"image": "dot.png"}, "annotations": [{"result": results[3:]}]}
    file.write_text(json.dumps([{"data": {"image": "a.jpg"}, "annotations": [{"result": results}]}, empty]))
    dataset = load_label_studio(file, marked_images)
    names = class_names(dataset)
    box, polygon = dataset[0]["objects"]
    assert (names[box["category"]], box["bbox"]) == ("cat", [4, 3, 20, 15]) and names[polygon["category"]] == "dog"
    assert dataset["complete"] == [True, False]  # "sunny" is no class, and says nothing of objects


def test_two_labels_of_one_place_are_told(marked_images, tmp_path):
    place = {"x": 10, "y": 10, "width": 1}
    results = [region("r", "keypointlabels", {**place, "keypointlabels": [name]}) for name in ("cat", "dog")]
    file = tmp_path / "tasks.json"
    file.write_text(json.dumps([{"id": 3, "data": {"image": "a.jpg"}, "annotations": [{"result": results}]}]))
    with pytest.raises(ValueError, match=r"task 3, region 'r'.* is \['cat', 'dog'\]: several labels"):
        load_label_studio(file, marked_images)


@pytest.mark.parametrize("prefix", ["https://example.com/set", "https://example.com/set/"])
def test_what_stands_before_a_path_may_lack_its_slash(prefix):
    from helpers import tiny

    assert to_label_studio(tiny.shapes(1), prefix)[0]["data"]["image"].startswith("https://example.com/set/0")


def test_names_in_a_bucket_may_look_like_addresses(marked_images, tmp_path):
    (marked_images / "dot.png").rename(marked_images / "dot#1.png")
    file = tmp_path / "tasks.json"
    click = region("k", "keypointlabels", {"x": 1, "y": 1, "keypointlabels": ["cat"]})
    file.write_text(json.dumps([{"data": {"image": "s3://bucket/dot#1.png"}, "annotations": [{"result": [click]}]}]))
    assert load_label_studio(file, marked_images)["file_name"] == ["dot#1.png"]


def test_an_export_with_predictions_only_is_an_error(coco_folder, tmp_path):
    from pointwssis.data import load_coco

    dataset = load_coco(coco_folder.save(), coco_folder.images)
    file = tmp_path / "tasks.json"
    file.write_text(json.dumps(to_label_studio(dataset)))
    message = r"tasks.json: 3 tasks have predictions, but no task has a submitted annotation; accept or correct"
    for options in ({}, {"skip_bad": True, "class_names": class_names(dataset)}):
        with pytest.raises(ValueError, match=message):
            load_label_studio(file, coco_folder.images, **options)
    tasks = to_label_studio(dataset)
    tasks[0]["annotations"] = [{"result": []}]  # one task was submitted: the others are unlabeled
    file.write_text(json.dumps(tasks))
    rows = load_label_studio(file, coco_folder.images, class_names=class_names(dataset))
    assert rows["complete"] == [True, False, False]
