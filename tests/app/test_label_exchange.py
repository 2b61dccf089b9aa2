# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Labels that leave the app as files, and files that come back."""

import base64
import json
import re
from unittest.mock import Mock

import numpy as np
import pytest

from helpers import tiny
from helpers.labeling_app import RECORD, Tab, png, sent, written_files
from pointwssis.app.label_exchange import labels_of_rows
from pointwssis.app.label_store import ImageLabels
from pointwssis.app.work_images import Limits
from pointwssis.data import class_names, load_annotations
from pointwssis.data.schema import dataset_from_rows, make_object
from pointwssis.ops.rle import encode_mask

CROWD = {"size": [64, 96], "counts": [0, 640, 64 * 96 - 640]}


def test_a_file_with_more_clicks_than_the_limit(make_app):
    tab = Tab(make_app(limits=Limits(max_objects=2)))
    tab("hello")
    lines = ["image,x,y,label", "a.png,3,4,", *(f"b.png,{x},4," for x in (3, 9, 30))]
    error = tab("load", name="x.csv", content=sent("\n".join(lines).encode()))["error"]
    assert "b.png has labels of 3 objects; the limit of this app is 2 per image" in error
    assert len(tab.app.labels) == 0 and tab("open", index=1)["objects"] == []


def test_an_image_whose_clicks_do_not_fit_is_not_opened(make_app):
    clicks = tuple((float(x), 4.0, None) for x in (3, 9, 30))
    app = make_app(limits=Limits(max_objects=2), start_labels={"b.png": ImageLabels((96, 64), clicks=clicks)})
    tab = Tab(app)
    tab("hello")
    assert "the limit of this app is 2" in tab("open", index=1)["error"]
    # The former image stays open as a whole, and nothing of the other is lost.
    assert len(tab("click", x=30, y=20)["changed"]) == 1 and len(app.labels["a.png"].objects) == 1
    assert app.labels["b.png"].clicks == clicks


@pytest.mark.parametrize("format", ["coco", "label_studio", "cvat", "csv"])
def test_labels_go_out_and_come_back(make_app, images, tmp_path, format):
    tab = Tab(make_app())
    tab("hello")
    tab("click", x=30.25, y=20, label=tiny.NAMES[1])
    tab("click", x=60, y=40)
    tab("next")
    tab("open", index=2)
    tab("click", x=5, y=6)
    file = tab("download", format=format)["file"]
    # The package's readers take the file.
    path = tmp_path / file["name"]
    path.write_text(file["text"])
    rows = load_annotations(path, images[0].source.parent, class_names=tiny.NAMES)
    by_name = {row["file_name"]: row for row in rows}
    assert set(by_name) == {"a.png", "sub/c.png"} and class_names(rows) == tiny.NAMES
    assert by_name["a.png"]["complete"] and not by_name["sub/c.png"]["complete"]
    assert len(by_name["a.png"]["objects"]) == 2
    saved = tab.app.labels["a.png"].objects
    assert [item["category"] for item in by_name["a.png"]["objects"]] == [
        tiny.NAMES.index(item.label) for item in saved
    ]
    # And so does the app.
    tab("open", index=0)
    tab("remove", id=1)
    content = base64.b64encode(file["text"].encode()).decode()
    # Labels that images have are replaced only by those who want it.
    answer = tab("load", name=file["name"], content=content)
    assert answer["question"].startswith(f"{file['name']} replaces the labels that 2 images (a.png, …) already have")
    assert len(tab.app.labels["a.png"].objects) == 1
    answer = tab("load", name=file["name"], content=content, replaces=True)
    assert "error" not in answer and answer["image"]["name"] == "a.png"
    loaded = tab.app.labels["a.png"].objects
    assert [item.mask for item in loaded] == [item.mask for item in saved]
    assert [item.label for item in loaded] == [item.label for item in saved]
    assert answer["message"] == "Loaded the labels of 2 images." + (
        " 2 clicks of the file became masks." if format == "csv" else ""
    )
    assert written_files(tmp_path / "out") == {*RECORD, "labels/a.png.json", "labels/sub/c.png.json"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.csv", "image,x,y,label\nz.png,3,4,circle\n", "x.csv: line 2.*not found below the images of the app"),
        ("x.csv", "image,x,y,label\na.png,3,4,unicorn\n", "unicorn"),
        ("x.csv", "image,x,y,label\na.png,300,4,circle\n", "x.csv: line 2"),
        ("x.json", "{", "x.json"),
        ("x.json", "[]", "x.json"),
        ("x.txt", "hello", "x.txt: line 1 is 'hello': unknown annotation format"),
        ("../../x.csv", "image,x,y\n../../../etc/passwd,3,4\n", "image"),
    ],
)
def test_labels_that_are_refused(tab, tmp_path, name, text, message):
    tab("click", x=30, y=20)
    before = tab.app.labels["a.png"]
    error = tab("load", name=name, content=base64.b64encode(text.encode()).decode())["error"]
    assert re.search(message, error) and "loading-" not in error
    assert "label_map" not in error and "skip_bad" not in error  # the page has no options
    assert tab.app.labels["a.png"] == before and written_files(tmp_path / "out") == {*RECORD, "labels/a.png.json"}


@pytest.mark.parametrize(
    "name", ["..", "a/..", "", "x" * 300 + ".png", "ä" * 110, "x." + "y" * 300, "a\0.png", "\ud800.png"]
)
def test_file_names_that_cannot_be_used(make_app, name):
    tab = Tab(make_app())
    tab("hello")
    text = f"image,x,y,label\na.png,3,4,{tiny.NAMES[0]}\n"
    assert "cannot be used; rename the file" in tab("drop", name=name, content=sent(png()))["error"]
    assert "cannot be used; rename the file" in tab("load", name=name, content=sent(text.encode()))["error"]
    # Later files are not affected.
    assert "error" not in tab("load", name="x.csv", content=sent(text.encode()))


def test_clicks_of_images_that_are_not_open(tab):
    text = "image,x,y\nb.png,3,4\n"
    answer = tab("load", name="x.csv", content=sent(text.encode()))
    assert answer["message"] == (
        "Loaded the labels of 1 image. This image is not in the file; image 2 is the first one that is."
    )
    assert "of b.png have none yet; open this image" in tab("download", format="cvat")["error"]
    tab("open", index=1)
    assert tab("download", format="cvat")["message"] == (
        "Downloaded cvat.xml: 1 object in 1 image. Not finished: 1 image; what has no label there does not count as "
        "background."
    )


def test_a_full_disk_while_labels_are_loaded(tab, monkeypatch, tmp_path):
    monkeypatch.setattr("pointwssis.app.label_exchange._place", Mock(side_effect=OSError(28, "No space left")))
    error = tab("load", name="x.csv", content=sent(b"image,x,y,label\na.png,3,4,\n"))["error"]
    assert error == "x.csv cannot be read (the disk is full); nothing was changed."


def test_loaded_labels_are_unfinished_and_nothing_vanishes_silently(tab):
    square = {"segmentation": [[2, 2, 20, 2, 20, 20, 2, 20]], "bbox": [2, 2, 18, 18], "area": 324, "iscrowd": 0}
    size = {"width": 96, "height": 64}
    labels = [
        {**square, "id": 1, "image_id": 1, "category_id": 1},
        {**square, "id": 2, "image_id": 2, "category_id": 1, "iscrowd": 1, "segmentation": CROWD},
    ]
    file = {
        "images": [{"id": 1, "file_name": "a.png", **size}, {"id": 2, "file_name": "b.png", **size}],
        "annotations": labels,
        "categories": [{"id": 1, "name": tiny.NAMES[0]}],
    }
    answer = tab("load", name="x.json", content=sent(json.dumps(file).encode()))
    assert answer["message"].startswith("Loaded the labels of 2 images. Left out 1 object: the app takes no crowd")
    assert len(answer["objects"]) == 1 and answer["finished_images"] == 0
    assert tab("next")["image"]["name"] == "b.png"


def test_objects_that_the_app_cannot_take_are_counted():
    mask = encode_mask(np.eye(64, 96, dtype=bool))
    objects = [
        make_object(1, 0, segmentation=mask),
        make_object(2, None, segmentation=mask),
        make_object(3, 0, segmentation=mask, iscrowd=True),
        make_object(4, None, point=[3, 4]),
    ]
    row = {"image": "a.png", "image_id": 1, "width": 96, "height": 64, "file_name": "a.png", "complete": True}
    loaded = labels_of_rows(dataset_from_rows([{**row, "image_labels": None, "objects": objects}], tiny.NAMES))
    labels = loaded.by_name["a.png"]
    assert (len(labels.objects), labels.clicks, labels.is_finished) == (1, ((3.0, 4.0, None),), False)
    assert loaded.left_out == 2 and "Left out 2 objects" in loaded.warning


def test_loaded_clicks_on_background_are_rejected(tab):
    tab("reject", limit=0.0)
    text = base64.b64encode(b"image,x,y,label\na.png,3,4,\na.png,30,20,\n").decode()
    answer = tab("load", name="x.csv", content=text)
    assert len(answer["objects"]) < 2 and "image" in answer
