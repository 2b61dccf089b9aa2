# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import os
import shutil

import pytest

from helpers.marked_images import EXPORTS, write_marked_images
from pointwssis.data import class_names, to_coco
from pointwssis.data.formats.click_table import load_click_table
from pointwssis.data.formats.cvat import load_cvat
from pointwssis.data.formats.label_studio import load_label_studio
from pointwssis.data.formats.yolo import load_yolo
from pointwssis.data.loading import annotation_format, load_annotation_files, load_annotations
from pointwssis.ops.documents import read_text
from pointwssis.ops.user_error import UserError

READERS = {
    "clicks.csv": load_click_table,
    "clicks.tsv": load_click_table,
    "clicks.jsonl": load_click_table,
    "label_studio.json": load_label_studio,
    "cvat.xml": load_cvat,
}


@pytest.mark.parametrize("name", READERS)
def test_the_front_door_takes_the_reader_of_the_format(marked_images, name):
    options = {"label_map": {"cat": "Cat"}, "complete": False}
    loaded = load_annotations(EXPORTS / name, marked_images, **options)
    assert list(loaded) == list(READERS[name](EXPORTS / name, marked_images, **options))
    assert "Cat" in class_names(loaded)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_names": "cat"}, "class_names is 'cat'; give a list of names"),
        ({"class_names": {"cat"}}, "class_names is {'cat'}; give a list"),
        ({"class_names": [None, "cat"]}, "class_names is .None, 'cat'.; give a list"),
        ({"class_names": ["cat", "cat"]}, "without duplicates"),
        ({"label_map": {"cat": None}}, "label_map is {'cat': None}; give a mapping"),
        ({"label_map": {"cat": 1}}, "label_map is {'cat': 1}; give a mapping"),
        ({"label_map": ["cat"]}, "label_map is .'cat'.; give a mapping"),
        ({"point_source": "middle"}, "point_source is 'middle'; use one of 'center', 'box_center', 'random'"),
        ({"skip_bad": "false"}, "skip_bad is 'false'; it must be True or False"),
        ({"complete": "no"}, "complete is 'no'; it must be True, False, or None"),
    ],
)
def test_options_that_mean_nothing(marked_images, options, message):
    for name in ("clicks.csv", "cvat.xml"):
        with pytest.raises(UserError, match=message):
            load_annotations(EXPORTS / name, marked_images, **options)


def test_a_single_path_and_none(marked_images):
    path = EXPORTS / "clicks.csv"
    assert list(load_annotation_files(str(path), marked_images)) == list(load_annotations(path, marked_images))
    with pytest.raises(UserError, match="paths is empty; give at least one annotation file"):
        load_annotation_files([], marked_images)


def test_a_pipe_is_no_file(marked_images, tmp_path):
    os.mkfifo(tmp_path / "labels.csv")
    with pytest.raises(UserError, match="labels.csv: this is a pipe or a device, not a file; write its content to a"):
        load_annotations(tmp_path / "labels.csv", marked_images)
    with pytest.raises(UserError, match="labels.csv: this is a pipe"):
        read_text(tmp_path / "labels.csv")


def test_the_content_decides_and_not_the_name(marked_images, tmp_path):
    for name in READERS:
        shutil.copy(EXPORTS / name, tmp_path / "labels.txt")
        assert list(load_annotations(tmp_path / "labels.txt", marked_images)) == list(
            load_annotations(EXPORTS / name, marked_images)
        )


def test_yolo_has_splits(tmp_path):
    folder = tmp_path / "yolo"
    shutil.copytree(EXPORTS / "yolo", folder)
    write_marked_images(folder / "images" / "train")
    shutil.copytree(folder / "images" / "train", folder / "images" / "val")
    shutil.copytree(folder / "labels" / "train", folder / "labels" / "val")
    dataset = load_annotations(folder / "data.yaml", folder, split="val")
    assert dataset[0]["file_name"] == "images/val/a.jpg"
    assert list(load_annotations(folder / "data.yaml", folder)) == list(load_yolo(folder / "data.yaml"))


def test_coco_takes_names_map_and_complete(coco_folder):
    coco_folder.content["images"][1]["complete"] = True
    options = {"label_map": {"dog": "pet", "cat": "pet"}, "complete": False}
    dataset = load_annotations(coco_folder.save(), coco_folder.images, **options)
    assert class_names(dataset) == ["pet", "hair drier"] and dataset["complete"] == [False, True, False]
    assert [item["category"] for row in dataset for item in row["objects"]] == [0, 1, 0, 0]
    given = load_annotations(coco_folder.file, coco_folder.images, class_names=["x", "hair drier", "pet"], **options)
    assert [item["category"] for row in given for item in row["objects"]] == [2, 1, 2, 2]
    with pytest.raises(ValueError, match=r"instances.json: \['Cat'\] are not among .*'Cat' → 'cat'"):
        names = ["cat", "dog", "hair drier"]
        load_annotations(coco_folder.file, coco_folder.images, class_names=names, label_map={"cat": "Cat"})


def test_own_points_of_coco_in_every_form(coco_folder):
    click = coco_folder.content["annotations"][2]
    forms = [
        {"points": [[12.5, 4]]},
        {"points": [12.5, 4]},
        {"points": [[0, 0], [12.5, 4], [20, 8]]},  # several on one object: the one in the middle
        {"keypoints": [12.5, 4, 2]},
        {"keypoints": [0, 0, 0, 3, 3, 0, 12.5, 4, 1]},  # what is not labeled does not count
        {"point": [12.5, 4], "points": [[1, 1]], "keypoints": [2, 2, 2]},
    ]
    for form in forms:
        del click["point"]
        click |= {"point": None, "points": None, "keypoints": None} | form
        item = load_annotations(coco_folder.save(), coco_folder.images)[1]["objects"][0]
        assert item["point"] == [12.5, 4] and item["segmentation"] is None
    masked = coco_folder.content["annotations"][3]
    center = load_annotations(coco_folder.file, coco_folder.images)[1]["objects"][1]["point"]
    masked["keypoints"] = [30, 20, 2]  # a part of the object, whose mask is there
    assert load_annotations(coco_folder.save(), coco_folder.images)[1]["objects"][1]["point"] == center
    masked["points"] = [[30, 20]]
    assert load_annotations(coco_folder.save(), coco_folder.images)[1]["objects"][1]["point"] == [30, 20]


def test_bare_clicks_survive_the_round_trip(coco_folder):
    del coco_folder.content["annotations"][2]["category_id"]
    dataset = load_annotations(coco_folder.save(), coco_folder.images)
    assert dataset[1]["objects"][0]["category"] is None
    coco_folder.content = to_coco(dataset)
    assert list(load_annotations(coco_folder.save(), coco_folder.images)) == list(dataset)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("filename,width,height,class,xmin\n", "line 1 is 'filename,width,height,class,xmin'"),
        ("\x89PNG\r\n", "unknown annotation format"),
    ],
)
def test_what_is_no_format_is_one_error(tmp_path, content, message):
    file = tmp_path / "labels.xyz"
    file.write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        load_annotations(file, tmp_path)
    assert str(file) in str(caught.value) and "CVAT" in str(caught.value) and "image, x, y, label" in str(caught.value)


def test_an_empty_file(tmp_path):
    (tmp_path / "labels.xyz").touch()
    with pytest.raises(UserError, match="labels.xyz: the file is empty; restore it or export it again"):
        load_annotations(tmp_path / "labels.xyz", tmp_path)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone.csv: annotation file not found"):
        load_annotations(tmp_path / "gone.csv", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"give its data.yaml"):
        annotation_format(tmp_path)
