# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import json

import numpy as np
import pytest

from helpers.marked_images import EXPORTS
from pointwssis.data import LoadReport, class_names, load_annotations, read_image, supervision
from pointwssis.data.formats.click_table import Clicks, load_click_table, read_click_table


def clicks_of(row):
    return [(tuple(item["point"]), item["category"]) for item in row["objects"]]


def test_a_table_of_clicks(marked_images):
    report = LoadReport()
    dataset = load_click_table(EXPORTS / "clicks.csv", marked_images, report=report)
    assert class_names(dataset) == ["cat", "dog"]
    rows = {row["file_name"]: row for row in dataset}
    assert list(rows) == ["a.jpg", "city/b.png", "turned.jpg", "empty.png", "my photo (1).png"]
    assert clicks_of(rows["a.jpg"]) == [((10, 20.5), 0), ((3, 4), None)]
    assert clicks_of(rows["city/b.png"]) == [((19, 15), 1)]
    assert clicks_of(rows["turned.jpg"]) == [((29, 39), 0)]  # would lie outside of the picture as it is stored
    assert read_image(rows["turned.jpg"]).size == (30, 40)
    kinds = {name: (supervision(row), row["complete"]) for name, row in rows.items()}
    assert kinds["a.jpg"] == ("point", True) and kinds["city/b.png"] == ("point", False)
    assert kinds["empty.png"] == ("full", True)  # known to hold nothing
    assert kinds["my photo (1).png"] == ("image", False) and rows["my photo (1).png"]["image_labels"] == [1]
    assert [item["id"] for row in dataset for item in row["objects"]] == [1, 2, 3, 4]
    assert report.notes == {"click given twice": 1} and (report.images, report.objects) == (5, 4)


def test_tabs_semicolons_and_json_lines(marked_images, tmp_path):
    row = load_click_table(EXPORTS / "clicks.tsv", marked_images)[0]
    assert clicks_of(row) == [((1, 2), 0)]
    file = tmp_path / "clicks.txt"
    file.write_text("label;y;x;image\ncat;2;1;a.jpg\n", encoding="utf-8-sig")
    assert clicks_of(load_click_table(file, marked_images)[0]) == [((1, 2), 0)]
    first, second, third = load_click_table(EXPORTS / "clicks.jsonl", marked_images)
    assert clicks_of(first) == [((10, 20.5), 0), ((3, 4), None)] and clicks_of(second) == [((0, 0), 1)]
    assert third["objects"] == [] and third["complete"]


def test_classes_can_be_mapped_and_given(marked_images):
    dataset = load_click_table(EXPORTS / "clicks.csv", marked_images, label_map={"cat": "pet", "dog": "pet"})
    assert class_names(dataset) == ["pet"] and dataset[4]["image_labels"] == [0]
    dataset = load_click_table(EXPORTS / "clicks.csv", marked_images, class_names=["bird", "dog", "cat"])
    assert class_names(dataset) == ["bird", "dog", "cat"] and dataset[0]["objects"][0]["category"] == 2
    with pytest.raises(
        ValueError, match=r"clicks.csv: \['cat', 'dog'\] are not among the classes .*'cat' → 'Cat'"
    ) as e:
        load_click_table(EXPORTS / "clicks.csv", marked_images, class_names=["Cat", "horse"], skip_bad=True)
    assert """--label_map '{"cat": "Cat"}'""" in str(e.value)


def test_complete_of_the_file_and_of_an_image(marked_images):
    dataset = load_click_table(EXPORTS / "clicks.csv", marked_images, complete=False)
    assert dataset["complete"] == [False] * 5
    dataset = load_click_table(EXPORTS / "clicks.jsonl", marked_images, complete=False)
    assert dataset["complete"] == [True, False, False]


def test_only_bare_clicks_need_names(marked_images, tmp_path):
    file = tmp_path / "clicks.csv"
    file.write_text("image,x,y\na.jpg,1,2\n")
    with pytest.raises(ValueError, match="there is no label"):
        load_click_table(file, marked_images)
    dataset = load_click_table(file, marked_images, class_names=["cell"])
    assert dataset[0]["objects"][0]["category"] is None


def test_quoted_cells_may_hold_lines(marked_images, tmp_path):
    file = tmp_path / "clicks.csv"
    file.write_text('image,x,y,label,remark\na.jpg,1,2,cat,"two\nlines"\na.jpg,99,2,cat,\n')
    with pytest.raises(ValueError, match=r"line 4 \(a.jpg\): x, y is \[99.0, 2.0\]"):
        load_click_table(file, marked_images)
    assert np.array(load_click_table(file, marked_images, skip_bad=True)["complete"]).tolist() == [False]


def test_tables_of_a_spreadsheet(marked_images, tmp_path):
    file = tmp_path / "clicks.csv"
    file.write_text("sep=;\n\nimage;x;y;label\na.jpg;3,5;4;cat\na.jpg;99;4;cat\n", encoding="utf-8-sig")
    with pytest.raises(ValueError, match=r"line 5 \(a.jpg\): x, y is \[99.0, 4.0\]"):
        load_annotations(file, marked_images)
    dataset = load_annotations(file, marked_images, skip_bad=True)
    assert clicks_of(dataset[0]) == [((3.5, 4), 0)] and dataset["complete"] == [False]


def test_an_image_that_lost_a_line_is_not_complete(marked_images, tmp_path):
    file = tmp_path / "clicks.csv"
    file.write_text("image,x,y,label\na.jpg,3,4,cat\na.jpg,8,4,car,with comma\ndot.png,0,0,cat\ncity\\b.png,1,1,cat\n")
    report = LoadReport()
    dataset = load_click_table(file, marked_images, skip_bad=True, report=report)
    assert dataset["complete"] == [False, True, True] and report.skipped == {"5 cells": 1}
    file.write_text("image,x,y,label\ncity/b.png,1,1,cat\ncity\\b.png,2,2,cat\n")
    dataset = load_click_table(file, marked_images, skip_bad=True)
    assert dataset["complete"] == [False] and clicks_of(dataset[0]) == [((1, 1), 0)]


def test_names_that_differ_in_spelling_are_told_by_the_first_reader(marked_images, tmp_path):
    file = tmp_path / "clicks.csv"
    file.write_text("image,x,y,label\na.jpg,3,4,Car\na.jpg,8,4,car\n")
    with pytest.raises(ValueError, match=r"clicks.csv: class 'car' looks like 'Car'.*label_map"):
        load_click_table(file, marked_images)
    assert class_names(load_click_table(file, marked_images, label_map={"Car": "car"})) == ["car"]


@pytest.fixture
def named_images(marked_images):
    """Return path of each image → its name, as in `pointwssis predict`."""
    return {marked_images / name: name for name in ("a.jpg", "city/b.png", "field/b.png", "turned.jpg")}


def test_clicks_of_given_images(marked_images, named_images, tmp_path):
    file = tmp_path / "clicks.csv"
    lines = ["sep=;", "File_Name;Class;x;y", "a.jpg;cat;3,5;4", "city/b.png;;19;15", "a.jpg;;39;29"]
    file.write_text("\n".join(lines), encoding="utf-8-sig")
    clicks = read_click_table(file, named_images, ["cat", "dog"])
    assert list(clicks) == list(named_images)
    assert clicks[marked_images / "a.jpg"] == Clicks([[3.5, 4], [39, 29]], ["cat", None])
    assert clicks[marked_images / "city" / "b.png"] == Clicks([[19, 15]], [None])
    assert clicks[marked_images / "turned.jpg"] == Clicks([], [])
    json_lines = tmp_path / "clicks.jsonl"
    json_lines.write_text(json.dumps({"image": f"/elsewhere/{marked_images.name}/turned.jpg", "x": 29, "y": 39}))
    assert read_click_table(json_lines, named_images, ["cat"])[marked_images / "turned.jpg"].points == [[29, 39]]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "b.png,1,1,\n",
            r"line 2: image is 'b.png': several images match; it may be city/b.png, field/b.png; give more",
        ),
        ("dot.png,0,0,\n", "line 2: image is 'dot.png': image is not among those given; .*4 images, as a.jpg"),
        ("a.jpg,1,1,Cat\n", r"clicks.csv: \['Cat'\] are not among the classes .*did you mean 'Cat' → 'cat'\?"),
        ("a.jpg,29,35,\n", r"line 2 \(a.jpg\): x, y is \[29.0, 35.0\].*y 35 lies outside the height 30, but fits"),
        ("turned.jpg,35,29,\n", "x 35 lies outside the width 30, but fits the height: are x and y swapped"),
        ("a.jpg,,,cat\n", "label without a click"),
        ("a.jpg,1,1,\n./a.jpg,2,2,\n", "line 3: image is './a.jpg': image given twice"),
    ],
)
def test_clicks_that_do_not_fit_the_images(named_images, tmp_path, lines, message):
    file = tmp_path / "clicks.csv"
    file.write_text("image,x,y,label\n" + lines)
    with pytest.raises(ValueError, match=message):
        read_click_table(file, named_images, ["cat", "dog"])


def test_no_hint_about_swapping_where_it_does_not_help(marked_images, tmp_path):
    file = tmp_path / "clicks.csv"
    file.write_text("image,x,y\na.jpg,99,5\n")
    with pytest.raises(ValueError) as caught:
        load_click_table(file, marked_images)
    assert "swapped" not in str(caught.value)
