# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Malformed inputs of every format: one error that names file, record, field, value and remedy; or a counted skip.

The records of COCO files have a table of their own in test_coco.py.
"""

import json
import logging
import shutil
from dataclasses import dataclass, field
from typing import Any

import pytest

from helpers.marked_images import EXPORTS, write_marked_images
from pointwssis.data import LoadReport, load_annotations
from pointwssis.ops.user_error import UserError, UserFileNotFoundError

# -- how a good export is damaged


@dataclass
class Damaged:
    """A small good file with one thing wrong, of which everything is left but what is skipped."""

    file: str
    content: Any  # text, bytes, JSON content, or files of a folder
    parts: list[str]  # of the message
    images: int  # that a skip leaves
    objects: int
    error: type[Exception] = UserError
    options: dict[str, Any] = field(default_factory=dict)


def csv(line: str, *parts: str, images: int = 2, objects: int = 1, **values: Any) -> Damaged:
    """Return a table with a valid click, a valid empty image, and this third line."""
    content = f"image,x,y,label,width,height,complete\na.jpg,1,2,cat,,,\n{line}\nempty.png,,,,,,\n"
    return Damaged("clicks.csv", content, ["line 3", *parts], images, objects, **values)


def jsonl(line: str, *parts: str, images: int = 1, objects: int = 1, **values: Any) -> Damaged:
    content = '{"image": "a.jpg", "x": 1, "y": 2, "label": "cat"}\n' + line + "\n"
    return Damaged("clicks.jsonl", content, ["line 2", *parts], images, objects, **values)


def region(kind: str, value: Any, **values: Any) -> dict[str, Any]:
    size = {"original_width": 40, "original_height": 30, "image_rotation": 0}
    return {"id": "r1", "type": kind, **size, "value": value, **values}


GOOD_CLICK = {"x": 50, "y": 50, "keypointlabels": ["cat"]}


def task(number: int, image: str, *regions: Any, **values: Any) -> dict[str, Any]:
    return {"id": number, "data": {"image": image}, "annotations": [{"result": list(regions)}], **values}


def studio(bad: Any, *parts: str, images: int = 2, objects: int = 1, **values: Any) -> Damaged:
    """Return two tasks with valid clicks; the second is this one, or has this region."""
    if "type" in bad:
        bad, record = task(7, "a.jpg", bad), "task 7, region 'r1'"
    else:
        record, images = "task", images - 1
    good = task(1, "city/b.png", {**region("keypointlabels", GOOD_CLICK), "original_width": 20, "original_height": 16})
    return Damaged("studio.json", [good, bad], [record, *parts], images, objects, **values)


def cvat(bad: str, *parts: str, image: str = 'id="3" name="a.jpg" width="40" height="30"', **values: Any) -> Damaged:
    """Return two images with a valid click; the second also has this element."""
    good = '<points label="cat" points="1.0,1.0" />'
    images = f'<image id="2" name="empty.png" width="10" height="8">{good}</image><image {image}>{bad}{good}</image>'
    content = f"<annotations><version>1.1</version><meta></meta>{images}</annotations>"
    return Damaged("cvat.xml", content, ["image 3 (", *parts], **{"images": 2, "objects": 2} | values)


def yolo(line: str, *parts: str, **values: Any) -> Damaged:
    """Return labels with a valid box and then this line."""
    files = {
        "data.yaml": "train: images\nnames: [cat, dog]\n",
        "labels/a.txt": f"0 0.5 0.5 0.1 0.1\n{line}\n",
        "labels/empty.txt": "",
    }
    return Damaged("data.yaml", files, ["a.txt line 2", *parts], **{"images": 7, "objects": 1} | values)


def labelme(bad: Any, *parts: str, **values: Any) -> Damaged:
    """Return a file with a valid click and this shape."""
    good = {"label": "cat", "shape_type": "point", "points": [[1, 1]]}
    content = {"shapes": [good], "imagePath": "a.jpg", "imageWidth": 40, "imageHeight": 30}
    content["shapes"] = [good, {"label": "cat", **bad} if isinstance(bad, dict) else bad]
    return Damaged("a.json", content, ["image, shape 2", *parts], 1, 1, **values)


def via(bad: Any, *parts: str, **values: Any) -> Damaged:
    """Return a valid image, and one with a valid click and a region of this shape, or with these values."""
    region = {"shape_attributes": {"name": "point", "cx": 1, "cy": 1}, "region_attributes": {"kind": "cat"}}
    good = {"filename": "a.jpg", "size": 1, "regions": [region], "file_attributes": {}}
    record = {**good, "filename": "empty.png"}
    if isinstance(bad, dict) and "name" in bad:
        bad = {"shape_attributes": bad, "region_attributes": {"kind": "cat"}}
    elif isinstance(bad, dict) and "filename" in bad:
        content = {"a": good, "b": {**record, **bad}}
        return Damaged("via.json", content, ["image 'b': ", *parts], **{"images": 1, "objects": 1} | values)
    content = {"a": good, "b": {**record, "regions": [region, bad]}}
    return Damaged("via.json", content, ["image 'b', region 2", *parts], 2, 2, **values)


def coco(annotation: dict[str, Any], *parts: str) -> Damaged:
    images = [{"id": 1, "file_name": "a.jpg", "width": 40, "height": 30}]
    annotations = [{"id": 1, "image_id": 1, "category_id": 1, "point": [1, 1]}, {"id": 2, "image_id": 1, **annotation}]
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "cat"}]}
    return Damaged("coco.json", content, ["annotation 2 of image 1", *parts], 1, 1)


BRUSH = [0, 0, 0, 8, 57, 27, 252, 96, 1, 255, 255, 255, 255, 128]  # of 2 × 1 pixels

RECORDS = {
    # a table of clicks
    "csv: x is a word": csv("a.jpg,left,2,cat,,,", "(a.jpg)", "x is 'left'", "as in 12.5"),
    "csv: decimal comma": csv('a.jpg,"1,5",2,cat,,,', "x is '1,5'", "decimal point"),
    "csv: x without y": csv("a.jpg,1,,cat,,,", "y is ''", "not a finite number"),
    "csv: x is nan": csv("a.jpg,nan,2,cat,,,", "x is 'nan'"),
    "csv: y is infinite": csv("a.jpg,1,inf,cat,,,", "y is 'inf'"),
    "csv: right of the image": csv("a.jpg,41,2,cat,,,", "x, y is [41.0, 2.0]", "x < 40"),
    "csv: above the image": csv("a.jpg,1,-0.5,cat,,,", "x, y is [1.0, -0.5]", "0 ≤ y < 30"),
    "csv: upright frame": csv("turned.jpg,35,2,cat,,,", "[35.0, 2.0]", "x < 30", images=3),
    "csv: too few cells": csv("a.jpg,1", "line is 'a.jpg,1'", "2 cells", "7 columns"),
    "csv: too many cells": csv("a.jpg,1,2,cat,,,,,", "9 cells", "quotes"),
    "csv: no image": csv(",1,2,cat,,,", "image is ''", "below the image folder"),
    "csv: missing image": csv(
        "c.jpg,1,2,cat,,,", "image is 'c.jpg'", "missing image file", error=UserFileNotFoundError
    ),
    "csv: close name": csv("A.jpg,1,2,cat,,,", "image is 'A.jpg'", "did you mean a.jpg?", error=UserFileNotFoundError),
    "csv: ambiguous image": csv("b.png,1,2,cat,,,", "image is 'b.png'", "city/b.png, field/b.png"),
    "csv: no picture": csv("notes.png,1,2,cat,,,", "image is 'notes.png'", "not a readable image"),
    "csv: other size": csv("dot.png,0,0,cat,20,10,", "width × height is '20 × 10'", "2 × 1 pixels"),
    "csv: size as stored": csv("turned.jpg,1,1,cat,40,30,", "'40 × 30'", "30 × 40", "EXIF orientation"),
    "csv: complete is maybe": csv("a.jpg,1,2,cat,,,maybe", "complete is 'maybe'", "write true or false"),
    "csv: one image under two names": csv("./a.jpg,1,2,cat,,,", "image is './a.jpg'", "image given twice"),
    "jsonl: no JSON": jsonl('{"image": "a.jpg", x: 1}', "line is", "one JSON object per line"),
    "jsonl: a list": jsonl('["a.jpg", 1, 2]', "line is ['a.jpg', 1, 2]", "not a JSON object"),
    "jsonl: x is true": jsonl('{"image": "a.jpg", "x": true, "y": 1}', "x is True"),
    "jsonl: label a number": jsonl('{"image": "a.jpg", "x": 1, "y": 1, "label": 3}', "label is 3", "name of the class"),
    "jsonl: image-level label a list": jsonl('{"image": "a.jpg", "label": ["cat"]}', "label is ['cat']", "name of the"),
    "jsonl: image-level label a number": jsonl('{"image": "a.jpg", "label": 3}', "label is 3", "name of the class"),
    "csv: digits and underscores": csv("a.jpg,1_0,2,cat,,,", "x is '1_0'", "not a finite number"),
    "jsonl: image a number": jsonl('{"image": 5, "x": 1, "y": 1}', "image is 5"),
    # Label Studio
    "studio: not a task": studio({"id": 7, "image": "a.jpg"}, "data is ['id', 'image']", "JSON-MIN"),
    "studio: no image": studio(task(7, ""), "data.image is ''", "missing image file", error=UserFileNotFoundError),
    "studio: embedded image": studio(task(7, "data:image/png;base64,xyz"), "data.image", "path or URL"),
    "studio: which image": studio({"id": 7, "data": {"a": "a.jpg", "b": "b.jpg"}}, "data.image is ['a.jpg', 'b.jpg']"),
    "studio: missing upload": studio(
        task(7, "/data/upload/1/a1b2c3d4-z.jpg"), "'/data/upload/1/a1b2c3d4-z.jpg'", error=UserFileNotFoundError
    ),
    "studio: ambiguous upload": studio(task(7, "/data/upload/1/a1b2c3d4-b.png"), "city/b.png, field/b.png"),
    "studio: image twice": studio(
        task(7, "/data/local-files/?d=x/city/b.png"), "task 7", "task 1", "image given twice"
    ),
    "studio: annotations are ids": studio(task(7, "a.jpg", annotations=[12]), "annotations is [12]", "export"),
    "studio: result is text": studio(task(7, "a.jpg", annotations=[{"result": "none"}]), "result is 'none'"),
    "studio: turned while labeling": studio(
        task(7, "a.jpg", region("keypointlabels", GOOD_CLICK, image_rotation=90)),
        "image_rotation is 90",
        "rotate the image file",
    ),
    "studio: other size": studio(
        task(7, "dot.png", region("keypointlabels", GOOD_CLICK)), "'40 × 30'", "2 × 1 pixels", "would not fit"
    ),
    "studio: click outside": studio(
        region("keypointlabels", {"x": 100.1, "y": 5}), "value.x, value.y is [100.1, 5.0]", "40 × 30 pixels"
    ),
    "studio: no y": studio(region("keypointlabels", {"x": 10}), "value.y is None"),
    "studio: two labels": studio(
        region("keypointlabels", {**GOOD_CLICK, "keypointlabels": ["cat", "red"]}), "['cat', 'red']", 'choice="single"'
    ),
    "studio: brush of another image": studio(
        region("brushlabels", {"format": "rle", "rle": BRUSH, "brushlabels": ["cat"]}), "value.rle is", "30 × 40 × 4"
    ),
    "studio: brush without run lengths": studio(region("brushlabels", {"brushlabels": ["cat"]}), "value.rle is None"),
    "studio: brush without a label": studio(
        region("polygonlabels", {"points": [[1, 1], [50, 1], [50, 50]]}), "label is None", "give it a class"
    ),
    "studio: polygon of two corners": studio(
        region("polygonlabels", {"points": [[1, 1], [2, 2]], "polygonlabels": ["cat"]}), "value.points", "three corners"
    ),
    "studio: open polygon": studio(
        region("polygonlabels", {"points": [[1, 1], [2, 2], [3, 1]], "closed": False}), "value.closed is False"
    ),
    "studio: polygon of numbers": studio(region("polygonlabels", {"points": [1, 2, 3]}), "value.points is [1, 2, 3]"),
    "studio: ellipse without extent": studio(
        region("ellipselabels", {"x": 1, "y": 1, "radiusX": 0, "radiusY": 2}), "value.radiusX, value.radiusY"
    ),
    "studio: box beyond the image": studio(
        region("rectanglelabels", {"x": 120, "y": 1, "width": 5, "height": 5}), "value is [48.0", "without a pixel"
    ),
    "studio: unknown region": studio(
        region("videorectangle", {"sequence": []}), "type is 'videorectangle'", "keypoints"
    ),
    # CVAT
    "cvat: click outside": cvat(
        '<points label="cat" points="41.0,2.0"/>', "element 1 (<points>)", "points is '41.0,2.0'", "40 × 30 pixels"
    ),
    "cvat: no points": cvat('<points label="cat" points=""/>', "points is ''", "not pairs x,y"),
    "cvat: point of three": cvat('<points label="cat" points="1,2,3"/>', "points is '1,2,3'"),
    "cvat: no label": cvat('<points points="1.0,2.0"/>', "label is None", "give it a label"),
    "cvat: polygon of two corners": cvat('<polygon label="cat" points="1,1;5,5"/>', "<polygon>", "points is", "three"),
    "cvat: polygon without a pixel": cvat('<polygon label="cat" points="1,1;1,1;1,1"/>', "mask without a pixel"),
    "cvat: run lengths too short": cvat(
        '<mask label="cat" rle="1, 2" left="0" top="0" width="2" height="2"/>', "rle is '1, 2'", "sum to 3", "4 pixels"
    ),
    "cvat: run lengths are letters": cvat(
        '<mask label="cat" rle="1, b" left="0" top="0" width="2" height="2"/>', "rle is '1, b'", "not integers"
    ),
    "cvat: mask beyond the image": cvat(
        '<mask label="cat" rle="4" left="39" top="0" width="2" height="2"/>', "2 × 2 at (39, 0)", "40 × 30"
    ),
    "cvat: mask without a place": cvat('<mask label="cat" rle="4" top="0" width="2" height="2"/>', "left is None"),
    "cvat: box without extent": cvat('<box label="cat" xtl="5" ytl="5" xbr="5" ybr="9"/>', "[5.0, 5.0, 5.0, 9.0]"),
    "cvat: box of words": cvat('<box label="cat" xtl="a" ytl="5" xbr="5" ybr="9"/>', "xtl is 'a'"),
    "cvat: polyline": cvat('<polyline label="cat" points="1,1;2,2"/>', "element is '<polyline>'", "masks, polygons"),
    "cvat: skeleton": cvat('<skeleton label="cat"><points label="1" points="1,1"/></skeleton>', "'<skeleton>'"),
    "cvat: other size": cvat(
        "", "'30 × 40'", "40 × 30 pixels", image='id="3" name="a.jpg" width="30" height="40"', images=1, objects=1
    ),
    "cvat: no size": cvat("", "width is None", image='id="3" name="a.jpg" height="40"', images=1, objects=1),
    "cvat: missing image": cvat(
        "",
        "name is 'z.jpg'",
        image='id="3" name="z.jpg" width="1" height="1"',
        images=1,
        objects=1,
        error=UserFileNotFoundError,
    ),
    "cvat: tag without a label": cvat("<tag/>", "label is None", images=1, objects=1),
    # YOLO
    "yolo: unknown class": yolo("2 0.5 0.5 0.1 0.1", "class is '2'", "names has [0, 1]"),
    "yolo: class is half": yolo("0.5 0.5 0.5 0.1 0.1", "class is '0.5'"),
    "yolo: a word": yolo("0 0.5 0.5 wide 0.1", "line is 'wide'", "not a finite number"),
    "yolo: three coordinates": yolo("0 0.5 0.5 0.1", "line is '0 0.5 0.5 0.1'", "3 coordinates", "three corners"),
    "yolo: seven coordinates": yolo("0 0.1 0.1 0.2 0.2 0.3 0.3 0.4", "7 coordinates"),
    "yolo: pixels": yolo("0 12 20 4 5", "line is 12.0", "from 0 to 1"),
    "yolo: negative": yolo("0 -0.1 0.1 0.2 0.2 0.1 0.3", "line is -0.1", "from 0 to 1"),
    "yolo: polygon without a pixel": yolo("0 0.1 0.1 0.1 0.1 0.1 0.1", "mask without a pixel"),
    "yolo: box without extent": yolo("0 0.1 0.1 0 0.1", "box without a pixel"),
    # LabelMe
    "labelme: shape is a number": labelme(3, "shapes is 3", "save the file in LabelMe again"),
    "labelme: line strip": labelme(
        {"shape_type": "linestrip", "points": [[1, 1], [2, 2]]}, "shape_type is 'linestrip'", "use point, polygon"
    ),
    "labelme: no points": labelme({"points": []}, "points is []", "draw the shape again"),
    "labelme: points of three": labelme({"points": [[1, 2, 3]]}, "points is [[1, 2, 3]]"),
    "labelme: x is a word": labelme({"shape_type": "point", "points": [["a", 1]]}, "points is 'a'", "decimal point"),
    "labelme: two corners": labelme({"points": [[1, 1], [5, 5]]}, "points is [1.0, 1.0, 5.0, 5.0]", "three corners"),
    "labelme: click outside": labelme({"shape_type": "point", "points": [[41, 2]]}, "points is [41.0, 2.0]", "40 × 30"),
    "labelme: swapped click": labelme(
        {"shape_type": "point", "points": [[20, 35]]}, "y 35 lies outside the height 30", "are x and y swapped?"
    ),
    "labelme: box of one corner": labelme({"shape_type": "rectangle", "points": [[1, 1]]}, "does not have 2 points"),
    "labelme: circle without extent": labelme(
        {"shape_type": "circle", "points": [[5, 5], [5, 5]]}, "points is [0.0, 0.0]", "ellipse without extent"
    ),
    "labelme: mask without pixels": labelme(
        {"shape_type": "mask", "points": [[1, 1], [2, 2]], "mask": "xyz"}, "mask is 'xyz'", "PNG in base64"
    ),
    "labelme: mask without a label": labelme(
        {"label": "", "points": [[1, 1], [9, 1], [9, 9]]}, "label is None", "give it a class"
    ),
    "labelme: label is a number": labelme({"label": 3, "points": [[1, 1], [9, 1], [9, 9]]}, "label is 3", "not text"),
    # VIA
    "via: region is text": via("x", "shape_attributes is None", "draw it again"),
    "via: polyline": via({"name": "polyline", "all_points_x": [1]}, "shape_attributes.name is 'polyline'", "use point"),
    "via: click outside": via({"name": "point", "cx": 11, "cy": 2}, "cx, cy is [11.0, 2.0]", "10 × 8 pixels"),
    "via: click without y": via({"name": "point", "cx": 1}, "cy is None", "not a finite number"),
    "via: box without extent": via({"name": "rect", "x": 1, "y": 1, "width": 0, "height": 2}, "without a pixel"),
    "via: coordinates missing": via({"name": "polygon", "all_points_x": [1, 2, 3]}, "all_points_y is None"),
    "via: coordinates do not match": via(
        {"name": "polygon", "all_points_x": [1, 2, 3], "all_points_y": [1, 2]}, "is '3 and 2'", "draw the polygon again"
    ),
    "via: two classes": via(
        {
            "shape_attributes": {"name": "point", "cx": 1, "cy": 1},
            "region_attributes": {"kind": {"cat": True, "dog": True}},
        },
        "region_attributes.kind is ['cat', 'dog']",
        "choose one",
    ),
    "via: class is a number": via(
        {"shape_attributes": {"name": "point", "cx": 1, "cy": 1}, "region_attributes": {"kind": 3}},
        "region_attributes.kind is 3",
        "name of the class",
    ),
    "via: no file name": via({"filename": None}, "filename is None", "path of the image"),
    "via: missing image": via({"filename": "z.png"}, "filename is 'z.png'", error=UserFileNotFoundError),
    "via: image twice": via({"filename": "a.jpg"}, "image given twice"),
    "via: regions are text": via({"filename": "empty.png", "regions": "none"}, "regions is 'none'"),
    "via: complete is maybe": via(
        {"filename": "empty.png", "file_attributes": {"complete": "maybe"}},
        "complete is 'maybe'",
        "write true or false",
    ),
    # COCO: points in their other forms
    "coco: points are a number": coco({"category_id": 1, "points": 5}, "points is 5", "give [[x, y], …]"),
    "coco: point of points outside": coco(
        {"category_id": 1, "points": [[1, 1], [41, 1]]}, "points is [41, 1]", "x < 40"
    ),
    "coco: points of three": coco({"category_id": 1, "points": [[1, 1, 1]]}, "points is [1, 1, 1]", "2 numbers"),
    "coco: keypoints in twos": coco({"category_id": 1, "keypoints": [1, 1]}, "keypoints is [1, 1]", "x, y, v"),
    "coco: keypoint outside": coco({"category_id": 1, "keypoints": [1, 99, 2]}, "keypoints is [1.0, 99.0]", "y < 30"),
    "coco: no keypoint labeled": coco({"category_id": 1, "keypoints": [1, 1, 0]}, "neither point nor mask"),
    "coco: category of a click unknown": coco({"category_id": 9, "point": [1, 1]}, "category_id is 9", "which has [1]"),
}


def written(damaged: Damaged, folder: Any) -> tuple[Any, Any]:
    """Return the path of the file, and the folder of its images."""
    images = write_marked_images(folder / "images")
    (images / "notes.png").write_text("no picture")
    path = folder / damaged.file
    if isinstance(damaged.content, dict) and damaged.file == "data.yaml":
        (images / "notes.png").unlink()
        for name, text in damaged.content.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    elif isinstance(damaged.content, bytes):
        path.write_bytes(damaged.content)
    else:
        text = damaged.content if isinstance(damaged.content, str) else json.dumps(damaged.content)
        path.write_text(text, encoding="utf-8")
    return path, images


@pytest.mark.parametrize("name", RECORDS)
def test_a_bad_record_is_one_error_or_a_counted_skip(tmp_path, caplog, name):
    damaged = RECORDS[name]
    path, images = written(damaged, tmp_path)
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        load_annotations(path, images, **damaged.options)
    message = str(caught.value)
    assert type(caught.value) is damaged.error
    for part in [f"{path}: ", *damaged.parts, "skip_bad leaves out bad records"]:
        assert part in message, message
    assert "\n" not in message and len(message) < 600

    report = LoadReport()
    with caplog.at_level(logging.INFO):
        dataset = load_annotations(path, images, skip_bad=True, report=report, **damaged.options)
    assert (len(dataset), sum(len(row["objects"]) for row in dataset)) == (damaged.images, damaged.objects)
    assert (report.images, report.objects) == (damaged.images, damaged.objects)
    assert sum(report.skipped.values()) == 1
    (kind,) = report.skipped
    assert kind in caplog.text and message.partition(" (skip_bad")[0] in report.table()  # listed as it was said


@pytest.mark.parametrize(
    "name", ["csv: x is a word", "csv: complete is maybe", "studio: no y", "cvat: no label", "yolo: a word"]
)
def test_an_image_that_lost_an_object_is_not_complete(tmp_path, name):
    path, images = written(RECORDS[name], tmp_path)
    rows = {row["file_name"]: row["complete"] for row in load_annotations(path, images, skip_bad=True)}
    assert not rows.pop("a.jpg") and any(rows.values())


FILES = {
    "csv: no header": ("clicks.csv", "a.jpg,1,2,cat\n", "line 1 is 'a.jpg,1,2,cat'"),
    "csv: no image column": ("clicks.csv", "x,y,label\n1,2,cat\n", "line 1: columns ['image'] are missing"),
    "csv: a column twice": ("clicks.csv", "image,x,y,label,class\na.jpg,1,2,a,b\n", "names ['label'] twice"),
    "csv: nothing but a header": ("clicks.csv", "image,x,y\n", "no image to load (it names none)"),
    "csv: open quote": ("clicks.csv", 'image,x,y\n"a.jpg,1,2\n', "line 2: not a valid table"),
    "csv: not UTF-8": ("clicks.csv", b"image,x,y,label\n\xff\xfe,1,2,cat\n", "not UTF-8 text"),
    "studio: cut off": ("a.json", '[{"id": 1', "not valid JSON"),
    "cvat: cut off": ("a.xml", "<annotations><image", "not valid XML"),
    "cvat: other XML": ("a.xml", "<annotation><folder/></annotation>", "this is Pascal VOC XML, which is not read"),
    "cvat: a video": (
        "a.xml", '<annotations><track id="0"><box frame="0"/></track></annotations>', "track '0' belongs to a video"
    ),
    "yolo: no YAML": ("data.yaml", "names: [cat\n", "not valid YAML"),
    "yolo: a list": ("data.yaml", "- cat\n", "holds a list"),
    "yolo: no names": ("data.yaml", "train: images\n", "names is None"),
    "yolo: names are letters": ("data.yaml", "train: images\nnames: {a: cat}\n", "names is {'a': 'cat'}"),
    "yolo: a name twice": ("data.yaml", "train: images\nnames: [cat, cat]\n", "not unique"),
    "yolo: other number of names": ("data.yaml", "train: images\nnames: [cat]\nnc: 2\n", "nc is 2, but there are 1"),
    "yolo: a pose dataset": ("data.yaml", "train: images\nnames: [cat]\nkpt_shape: [17, 3]\n", "kpt_shape is [17, 3]"),
    "yolo: no split": ("data.yaml", "val: images\nnames: [cat]\n", "train is None"),
    "yolo: folder missing": ("data.yaml", "path: z\ntrain: imgs\nnames: [cat]\n", "train is 'imgs': not found"),
    "yolo: no labels at all": ("data.yaml", "train: images\nnames: [cat]\n", "none of 7 images has labels"),
    "via: cut off": ("a.json", '{"_via_img_metadata": {', "not valid JSON"),
    "via: images are a list": ("a.json", '{"_via_img_metadata": []}', "holds a list instead of images"),
    "via: which attribute": (
        "a.json",
        '{"a": {"filename": "a.jpg", "regions": [{"region_attributes": {"color": "", "kind": ""}}]}}',
        "attributes ['color', 'kind'], and it is unclear which one is the class",
    ),
    "coco: no categories": ("a.json", '{"images": [], "annotations": []}', "'categories' is missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_bad_file_cannot_be_skipped(tmp_path, name, skip_bad):
    file, content, message = FILES[name]
    images = write_marked_images(tmp_path / "images")
    path = tmp_path / file
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        load_annotations(path, images, skip_bad=skip_bad)
    assert str(path) in str(caught.value) and message in str(caught.value) and "\n" not in str(caught.value)


def test_there_are_enough_of_them():
    assert len(RECORDS) + len(FILES) >= 40


def test_lines_that_contradict_each_other(tmp_path):
    images = write_marked_images(tmp_path / "images")
    for lines, part in (
        ("a.jpg,1,1,cat,,,yes\na.jpg,2,2,cat,,,no\n", "line 3: complete is 'no'"),
        ("a.jpg,1,1,cat,40,30,\na.jpg,2,2,cat,30,40,\n", "line 3: width, height is (30, 40)"),
    ):
        path = tmp_path / "clicks.csv"
        path.write_text("image,x,y,label,width,height,complete\n" + lines)
        with pytest.raises(ValueError) as caught:
            load_annotations(path, images)
        assert part in str(caught.value) and "contradicts an earlier line" in str(caught.value)
        assert len(load_annotations(path, images, skip_bad=True)[0]["objects"]) == 1


def test_skipping_everything_is_an_error_again(tmp_path):
    images = write_marked_images(tmp_path / "images")
    path = tmp_path / "clicks.csv"
    path.write_text("image,x,y,label\nz.jpg,1,1,cat\n")
    with pytest.raises(ValueError, match="no image to load .1 bad record skipped, the first one"):
        load_annotations(path, images, skip_bad=True)


def test_an_unreadable_label_file_of_yolo(tmp_path):
    images = write_marked_images(tmp_path / "images")
    shutil.copy(EXPORTS / "yolo" / "data.yaml", tmp_path)
    (tmp_path / "data.yaml").write_text("train: images\nnames: [cat]\n")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_bytes(b"\xff\xfe0")
    (tmp_path / "labels" / "dot.txt").write_text("")
    with pytest.raises(ValueError, match=r"image a.jpg: label file is .*label file is not text; .*a.txt"):
        load_annotations(tmp_path / "data.yaml", images)
    assert len(load_annotations(tmp_path / "data.yaml", images, skip_bad=True)) == 6


def test_a_bomb_of_entities_is_refused(tmp_path):
    """The parser of the standard library limits the expansion of entities."""
    levels = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    path = tmp_path / "a.xml"
    path.write_text(f'<!DOCTYPE a [<!ENTITY e0 "ha">{levels}]><annotations><meta>&e9;</meta></annotations>')
    with pytest.raises(ValueError, match="not valid XML"):
        load_annotations(path, write_marked_images(tmp_path / "images"))
