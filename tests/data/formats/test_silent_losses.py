# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Exports from which an object, a class, or a place would be lost without a word."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from helpers import tiny
from pointwssis.data import LoadReport, class_names, load_annotations
from pointwssis.ops.user_error import UserError

SQUARE = [[10, 10, 50, 10, 50, 40, 10, 40]]
MASK = {"segmentation": SQUARE}
BEYOND = "shape far beyond its image"
YOLO = "train: images\nnames: [cell]\n"


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        tiny.picture(80, 120).save(folder / name)
    return folder


def loaded(images: Path, name: str, content: Any, **files: Any) -> tuple[Any, LoadReport]:
    """Load a file beside the images, whose content is text, bytes, or anything else as JSON."""
    for file, value in {name: content, **files}.items():
        path = images.parent / file
        path.parent.mkdir(exist_ok=True)
        value = value if isinstance(value, (str, bytes)) else json.dumps(value)
        path.write_bytes(value.encode() if isinstance(value, str) else value)
    report = LoadReport()
    return load_annotations(images.parent / name, images, report=report), report


def coco(*annotations: dict[str, Any], **image: Any) -> dict[str, Any]:
    listed = [{"id": n, "image_id": 1, "category_id": 1, **each} for n, each in enumerate(annotations)]
    record = {"id": 1, "file_name": "a.png", "width": 120, "height": 80, **image}
    return {"images": [record], "annotations": listed, "categories": [{"id": 1, "name": "cell"}]}


def studio(*results: dict[str, Any], **data: str) -> list[dict[str, Any]]:
    listed = [{"id": "r", "to_name": "image", **result} for result in results]
    return [{"id": 1, "data": {"image": "a.png", **data}, "annotations": [{"result": listed}]}]


CLICK = {"type": "keypointlabels", "value": {"x": 50, "y": 50, "keypointlabels": ["cell"]}}
BARE = {"type": "keypoint", "value": {"x": 50, "y": 50}}


def choice(*names: str) -> dict[str, Any]:
    return {"type": "choices", "value": {"x": 50, "y": 50, "choices": [*names]}}


def cvat(body: str) -> str:
    return f'<annotations><image id="0" name="a.png" width="120" height="80">{body}</image></annotations>'


def labelme(kind: str, *points: list[float]) -> dict[str, Any]:
    shape = {"label": "cell", "shape_type": kind, "points": points}
    return {"shapes": [shape], "imagePath": "a.png", "imageData": None}


def via(**shape: Any) -> dict[str, Any]:
    regions = [{"shape_attributes": shape, "region_attributes": {"label": "cell"}}]
    return {"a.png1": {"filename": "a.png", "size": 1, "regions": regions}}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", coco({"segmentation": [[20, 20, 200, 20, 200, 140, 20, 140]]})),
        ("a.json", coco({"point": [70, 40], "bbox": [70, 40, 90, 30]})),
        ("a.xml", cvat('<polygon label="cell" points="10,10;200,10;200,70"/>')),
        ("a.xml", cvat('<box label="cell" xtl="60" ytl="10" xbr="220" ybr="60"/>')),
        ("a.json", labelme("rectangle", [60, 20], [200, 60])),
        ("a.json", labelme("circle", [110, 40], [110, 80])),
        ("a.json", via(name="ellipse", cx=110, cy=40, rx=60, ry=20)),
    ],
)
def test_shapes_far_beyond_their_image_are_suspect(images, name, content):
    _, report = loaded(images, name, content)
    assert any(text.startswith(BEYOND) for text in report.suspects)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.xml", cvat('<polygon label="cell" points="100,10;135,10;135,90;100,90"/>')),
        ("a.json", via(name="ellipse", cx=60, cy=66, rx=60, ry=14)),
        ("a.xml", cvat('<ellipse label="cell" cx="60" cy="66" rx="14" ry="58" rotation="90"/>')),
    ],
)
def test_shapes_that_hardly_leave_their_image_are_not(images, name, content):
    _, report = loaded(images, name, content)
    assert not report.suspects


def test_ignored_annotations_of_coco_are_crowds(images):
    rows, _ = loaded(images, "a.json", coco({**MASK, "ignore": 1}, {**MASK, "ignore": 0, "iscrowd": 0}))
    assert [item["iscrowd"] for item in rows[0]["objects"]] == [True, False]


def test_brush_masks_that_cvat_exports_as_crowds_are_suspect(images):
    rle = {"segmentation": {"size": [80, 120], "counts": [500, 100, 9000]}, "attributes": {"occluded": False}}
    _, report = loaded(images, "a.json", coco(MASK, {**rle, "iscrowd": 1}))
    assert any("brush mask of CVAT" in text for text in report.suspects)


@pytest.mark.parametrize("field", ["point_labels", "labels"])
def test_negative_points_of_coco_are_no_clicks(images, field):
    points = [[100, 70], [20, 20], [0, 0]]
    rows, _ = loaded(images, "a.json", coco({"points": points, field: [0, 1, 0]}))
    assert rows[0]["objects"][0]["point"] == [20, 20]


@pytest.mark.parametrize("record", [{"annotated": False}, {"not_exhaustive_category_ids": []}])
def test_images_that_other_tools_call_incomplete(images, record):
    rows, _ = loaded(images, "a.json", coco(MASK, **record))
    assert not rows[0]["complete"]


@pytest.mark.parametrize("shape", [BARE, {"type": "polygon", "value": {"points": [[10, 10], [40, 10], [40, 50]]}}])
def test_choices_about_a_region_are_its_class(images, shape):
    rows, _ = loaded(images, "a.json", studio(shape, choice("car")))
    assert class_names(rows) == ["car"] and rows[0]["objects"][0]["category"] == 0


@pytest.mark.parametrize("attributes", [[], [choice("occluded")]])
def test_the_innermost_level_of_a_taxonomy_is_the_class_of_a_region(images, attributes):
    taxonomy = {"type": "taxonomy", "value": {"x": 50, "y": 50, "taxonomy": [["vehicle", "car"]]}}
    rows, _ = loaded(images, "a.json", studio(BARE, *attributes, taxonomy))
    assert class_names(rows) == ["car"]


def test_several_paths_of_a_taxonomy_are_no_class(images):
    paths = [["vehicle", "car"], ["vehicle", "bus"]]
    with pytest.raises(UserError, match=r"a\.json: task 1.*several labels on a region"):
        loaded(images, "a.json", studio(BARE, {"type": "taxonomy", "value": {"taxonomy": paths}}))


def test_a_taxonomy_that_is_no_list_of_paths_is_named(images):
    with pytest.raises(UserError, match=r"value\.taxonomy is not a list of paths"):
        loaded(images, "a.json", studio(BARE, {"type": "taxonomy", "value": {"taxonomy": ["car"]}}))


def test_choices_about_a_region_with_a_label_are_attributes(images):
    rows, _ = loaded(images, "a.json", studio(CLICK, choice("occluded", "old")))
    assert class_names(rows) == ["cell"] and len(rows[0]["objects"]) == 1


def test_an_address_that_holds_that_of_a_bucket(images):
    uri = base64.b64encode(b"s3://bucket/set/b.png").decode()
    rows, _ = loaded(images, "a.json", studio(CLICK, image=f"http://host/tasks/1/resolve/?fileuri={uri}"))
    assert rows[0]["file_name"] == "b.png"


def test_negative_clicks_of_a_table_are_no_objects(images):
    text = "image,x,y,label,is_positive\na.png,30,20,cell,true\na.png,5,5,cell,false\na.png,60,40,cell,\n"
    rows, report = loaded(images, "a.csv", text)
    assert [item["point"] for item in rows[0]["objects"]] == [[30, 20], [60, 40]]
    assert report.notes["negative click (a prompt, not an object)"] == 1


def test_labels_of_prompts_are_suspect(images):
    _, report = loaded(images, "a.csv", "image,x,y,label\na.png,30,20,1\na.png,5,5,0\n")
    assert any(text.startswith("labels 0 and 1") for text in report.suspects)


def test_four_corners_for_every_object_are_suspect(images):
    line = "0 0.1 0.1 0.2 0.15 0.18 0.25 0.08 0.2\n"
    _, report = loaded(images, "data.yaml", YOLO, **{"labels/a.txt": line * 10})
    assert any(text.startswith("four corners") for text in report.suspects)
    _, report = loaded(images, "data.yaml", YOLO, **{"labels/a.txt": line * 9 + "0 0.5 0.5 0.2 0.2\n"})
    assert not report.suspects


def test_label_files_without_an_image_are_suspect(images):
    line = "0 0.5 0.5 0.2 0.2\n"
    files = {"labels/a.txt": line, "labels/gone.txt": line, "labels/classes.txt": "cell\n"}
    _, report = loaded(images, "data.yaml", YOLO, **files)
    assert report.notes["label file without an image of its name (its objects are lost)"] == 1
    # Those of another split are not lost.
    listed = {"train.txt": "images/a.png\n", "labels/b.txt": line}
    (images.parent / "labels/gone.txt").unlink()
    _, report = loaded(images, "data.yaml", YOLO.replace("images", "train.txt"), **listed)
    assert not report.suspects


PAGE = "<!DOCTYPE html>\n<html><body><p>404</body></html>"


@pytest.mark.parametrize(
    ("name", "content", "files", "part"),
    [
        ("a.json", studio(CLICK, {**CLICK, "to_name": "second"}), {}, "regions on several images"),
        (
            "a.json",
            studio(CLICK, {**CLICK, "id": "s", "item_index": 1}, {**CLICK, "item_index": 0}),
            {},
            "several images",
        ),
        ("a.json", studio(CLICK, image="/tasks/1/resolve/?fileuri=%25"), {}, "not base64"),
        ("a.csv", "image,x,y,w,h,label\na.png,10,10,40,30,cell\n", {}, "columns of boxes"),
        ("a.jsonl", '{"image": "a.png", "x": 10, "y": 10, "w": 40, "h": 30}\n', {}, "box in place of a click"),
        ("a.json", coco({**MASK, "ignore": "yes"}), {}, "ignore is neither 0 nor 1"),
        ("a.json", PAGE, {}, "a web page"),
        ("a.json", '<?xml version="1.0"?>\n' + PAGE, {}, "a web page"),
        ("a.xml", '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', {}, "a web page"),
        ("a.json", coco(MASK), {"images/a.png": PAGE}, "a web page"),
        ("a.csv", b"PAR1\x15\x04" + b"\0" * 9, {}, "a Parquet file"),
        ("a.arrow", b"ARROW1\0\0" + b"\xff" * 9, {}, "an Arrow file"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 9, {}, "an old Excel"),
        ("data.yaml", YOLO, {"labels/a.txt": "version https://git-lfs.github.com/spec/v1\n"}, "git lfs pull"),
        ("data.yaml", YOLO.replace("images", "train.txt"), {"train.txt": "images/a.png\nimages/c\n"}, "line 2 is"),
        ("a.json", {"image": {"file_name": "a.png"}, "annotations": []}, {}, "SA-1B"),
        ("a.json", {"classes": ["cell"], "labels": {"a": []}}, {}, "FiftyOne"),
    ],
)
def test_exports_that_would_lose_something_are_refused(images, name, content, files, part):
    with pytest.raises(UserError, match=part):
        loaded(images, name, content, **files)


def test_a_second_byte_order_mark(images):
    rows, _ = loaded(images, "a.csv", b"\xef\xbb\xbf" * 2 + b"image,x,y,label\na.png,30,20,cell\n")
    assert rows[0]["objects"][0]["point"] == [30, 20]
