# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A checkup as text, as JSON and as a picture."""

import json

import pytest
from PIL import Image

from helpers import tiny
from helpers.hand_made import png, rle, row
from pointwssis.checking.checkup import check_data
from pointwssis.checking.report import json_report, text_report
from pointwssis.checking.sheet import write_contact_sheet
from pointwssis.data import make_object
from pointwssis.runs.data import RunData


@pytest.fixture
def checkup(make, tmp_path):
    """Return data that contain every kind of finding."""

    def masked(category, x, y):
        return make_object(0, category, segmentation=rle(x, y, 6, 6), point=[x + 2.0, y + 2.0])

    click, astray = make_object(0, 1, point=[3.0, 3.0]), make_object(0, 0, point=[90.0, 3.0])
    train = make(
        row(1, masked(0, 2, 2), masked(1, 20, 20)),
        row(2, click, astray, complete=False),
        row(3, data=b"no image"),
        row(4, complete=False, image_labels=[0]),
        row(5, data=png(mode="I;16")),
    )
    validation = make(row(6, masked(2, 5, 5)), row(7, data=png(seed=1)))
    empty = train.select([])
    data = RunData(train=train, full=empty, point=empty, image=empty, none=empty, validation=validation)
    return check_data(tiny.recipe(tmp_path, max_detections=1), data)


def test_text(checkup):
    text = text_report(checkup)
    lines = text.splitlines()
    assert lines[0] == "train: 5 images, 4 objects, 3 classes"
    assert "masks                           3         3" in text  # the images that show nothing too
    assert "image-level labels              1         0" in text
    assert "8-bit color 3, unreadable 1, 16-bit gray 1" in text and "each image is scaled from its own range" in text
    assert "object sizes at the input: √(box area) of 2 objects; shortest edge 64, at most 96 pixels" in text
    assert "ERROR         1  image files that cannot be used" in text
    assert "ERROR         1  points outside of their image" in text
    assert "2.png (image 2): object 201 at (90, 3)" in text
    assert "7.png is 1.png of train" in text and "owl" in text
    assert text.index("ERROR") < text.index("WARNING") and lines[-1] == "2 problems would stop training."
    assert max(map(len, lines)) < 160


def test_long_lists_are_cut_but_not_those_of_errors(make, tmp_path):
    twins = [make_object(0, 0, segmentation=rle(2, 2, 6, 6), point=[4.0, 4.0]) for _ in range(9)]
    train = make(row(1, *twins), *[row(i, data=b"%d" % i) for i in range(2, 122)])
    empty = train.select([])
    text = text_report(check_data(tiny.recipe(tmp_path), RunData(train, empty, empty, empty, empty, None)))
    assert text.count("equals object 100") == 5 and "… 3 more" in text
    assert text.count("not a readable image") == 120
    assert "pyramid\nlevel" in text and "validation" not in text


def test_json(checkup):
    values = json.loads(json.dumps(json_report(checkup)))
    assert values["stops_training"] is True
    train = values["splits"]["train"]
    assert (train["images"], train["objects"], train["unreadable_images"]) == (5, 4, 1)
    assert train["classes"]["dog"] == {"masks": 1, "points": 1, "boxes": 0, "crowds": 0, "images": 2}
    assert train["students"]["max_detections"] == 1 and train["students"]["images_over_cap"] == 2
    assert len(train["students"]["levels"]) == 5 and train["objects_per_image"] == {"0": 3, "2": 2}
    severities = [finding["severity"] for finding in values["findings"]]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)


def test_contact_sheet(checkup, tmp_path):
    path = write_contact_sheet(checkup, tmp_path / "sheet.png")
    sheet = Image.open(path)
    assert sheet.width > 500 and sheet.height > 1000 and len(sheet.convert("RGB").getcolors(10**6)) > 100


def test_nothing_to_draw(make, tmp_path):
    train = make(row(1, data=b"bad"))
    empty = train.select([])
    with pytest.raises(ValueError, match="no image can be read"):
        data = RunData(train, empty, empty, empty, empty, None)
        write_contact_sheet(check_data(tiny.recipe(tmp_path), data), tmp_path / "sheet.png")


def test_an_empty_split_is_told(make, tmp_path):
    empty = make(row(1)).select([])
    checkup = check_data(tiny.recipe(tmp_path), RunData(empty, empty, empty, empty, empty, None))
    assert checkup.stops_training and "splits without images" in text_report(checkup)
