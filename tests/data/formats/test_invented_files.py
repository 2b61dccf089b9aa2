# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Files that nobody has sent yet: names that look alike, files that are none, marks and masks that contradict."""

import json
import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pointwssis.data import LoadReport, class_names, load_annotations, merge_annotations, read_click_table
from pointwssis.data.formats.label_studio_rle import encode_brush
from pointwssis.ops.images import read_image
from pointwssis.ops.user_error import UserError

SQUARE = [[10, 10, 50, 10, 50, 40, 10, 40]]  # of 40 × 30 pixels
INNER = [[20, 15, 40, 15, 40, 35, 20, 35]]
FAR = [[60, 30, 90, 30, 90, 70, 60, 70]]


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    (folder / "sub").mkdir(parents=True)
    for seed, (name, size) in enumerate({"a.png": (80, 120), "sub/b.png": (60, 100)}.items()):
        pixels = np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


def written(images: Path, name: str, content: Any) -> Path:
    """Write a file beside the images: bytes, text, or anything else as JSON."""
    path = images.parent / name
    if not isinstance(content, bytes):
        content = (content if isinstance(content, str) else json.dumps(content)).encode()
    path.write_bytes(content)
    return path


def coco(*annotations: dict[str, Any], names: tuple[str, ...] = ("cell", "dog"), **content: Any) -> dict[str, Any]:
    """Return a COCO file with these annotations of a.png."""
    listed = [{"id": n, "image_id": 1, "category_id": 1, **each} for n, each in enumerate(annotations, start=1)]
    image = {"id": 1, "file_name": "a.png", "width": 120, "height": 80}
    categories = [{"id": n, "name": name} for n, name in enumerate(names, start=1)]
    return {"images": [image], "annotations": listed, "categories": categories} | content


def error_of(images: Path, name: str, content: Any) -> str:
    """Return the one line of the error of loading a file, without its path."""
    path = written(images, name, content)
    with pytest.raises(UserError) as caught:
        load_annotations(path, images)
    message = str(caught.value)
    assert message.startswith(str(path)) and "\n" not in message and len(message) < 2000
    return message.removeprefix(str(path))


# -- clicks inside masks


def points_of(rows: Any) -> list[list[float] | None]:
    """Return the points of the objects of the first image, without derived decimals."""
    return [None if item["point"] is None else [round(at) for at in item["point"]] for item in rows[0]["objects"]]


def test_a_click_inside_a_mask_of_its_class_is_that_object(images):
    marks = [{"segmentation": SQUARE}, {"point": [30, 20]}, {"point": [100, 70]}]
    rows = load_annotations(written(images, "a.json", coco(*marks)), images)
    assert points_of(rows) == [[30, 20], [100, 70]]
    # A click of another class is another object.
    marks[1]["category_id"] = 2
    assert len(load_annotations(written(images, "a.json", coco(*marks)), images)[0]["objects"]) == 3


def test_clicks_in_some_masks_only_are_suspect(images, caplog):
    marks = [{"segmentation": SQUARE}, {"segmentation": FAR}, {"point": [30, 20]}]
    report = LoadReport()
    with caplog.at_level(logging.WARNING):
        rows = load_annotations(written(images, "a.json", coco(*marks)), images, report=report)
    assert len(rows[0]["objects"]) == 2 and len(report.suspects) == 1 and "group a mask with its point" in caplog.text


def test_a_file_that_states_points_of_masks_lists_all_objects(images):
    # The second mask has a point of its own, so the lone click is no prompt of the first one.
    marks = [{"segmentation": SQUARE}, {"segmentation": FAR, "point": [70, 50]}, {"point": [30, 20]}]
    rows = load_annotations(written(images, "a.json", coco(*marks)), images)
    assert len(rows[0]["objects"]) == 3


def test_two_clicks_of_one_file_belong_to_two_nested_masks_of_another(images):
    masks = load_annotations(written(images, "m.json", coco({"segmentation": SQUARE}, {"segmentation": INNER})), images)
    table = "image,x,y,label\na.png,30,20,cell\na.png,32,22,cell\na.png,34,24,cell\n"
    clicks = load_annotations(written(images, "c.csv", table), images)
    report = LoadReport()
    rows = merge_annotations([masks, clicks], report=report)
    # The smallest mask first; a third click is left out, and warned of.
    assert points_of(rows) == [[32, 22], [30, 20]] and len(report.suspects) == 1


# -- class names


@pytest.mark.parametrize("name", ["Cell", "ce ll", "ce-ll", "cell\u200b", "ce\u00adll", " cell"])
def test_names_that_look_alike(images, name):
    message = error_of(images, "a.json", coco({"segmentation": SQUARE}, names=("cell", name)))
    assert "looks like 'cell'" in message and "--label_map" in message


def test_names_with_other_accents(images):
    message = error_of(images, "a.json", coco({"segmentation": SQUARE}, names=("zell\u00e4", "zella\u0308")))
    assert "'zella\\u0308' looks like 'zell\\xe4'" in message


@pytest.mark.parametrize(
    ("name", "problem"), [("  ", "is blank"), ("ce\nll", "control character"), ("ce\0ll", "control character")]
)
def test_names_that_no_class_can_have(images, name, problem):
    assert problem in error_of(images, "a.json", coco({"segmentation": SQUARE}, names=(name, "dog")))


# -- COCO


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (coco({"segmentation": SQUARE[0]}), "in two brackets"),
        (coco({"segmentation": [["1", "1", "50", "1", "9", "60"]]}), "must contain only numbers"),
        (coco({"segmentation": SQUARE, "category_id": "1"}), "category is not a number; write the number"),
        (coco(categories=["cell"]), "not a JSON object; write it as {…}"),
        (coco(images=[coco()["images"][0] | {"id": n} for n in (1, 2)]), "two images find one file"),
        (coco(images=[coco()["images"][0] | {"file_name": "A.PNG"}]), "did you mean a.png?"),
        (coco(images=[coco()["images"][0] | {"file_name": "a.jpg"}]), "did you mean a.png?"),
        ([{"image_id": 1, "category_id": 1, "score": 0.5}], "a list of COCO results lacks images and categories"),
        (json.dumps(coco())[:-1] + ', "annotations": []}', "key 'annotations' is given twice at byte"),
        (json.dumps(coco()).encode("utf-16"), "not UTF-8 text after byte 0: save it as UTF-8"),
        ({"project": {}, "file": {}, "metadata": {}}, "'images' is missing among ['file', 'metadata', 'project']"),
    ],
)
def test_coco_files(images, content, part):
    assert part in error_of(images, "a.json", content)


def test_boxes_of_two_corners_are_suspect(images):
    report, boxes = LoadReport(), [{"bbox": [60, 30, 90, 70]}, {"bbox": [60, 30, 59, 49]}, {"bbox": [90, 50, 40, 40]}]
    path = written(images, "a.json", coco(*boxes))
    load_annotations(path, images, point_source="box_center", report=report)
    (text,) = report.suspects
    assert "seems to end with its second corner" in text and report.notes[text] == 1


def test_a_bad_category_does_not_offer_to_be_skipped(images):
    assert "skip_bad" not in error_of(images, "a.json", coco(categories=[{"id": 1}]))


def test_an_image_given_twice_lacks_objects(images):
    twice = coco({"segmentation": SQUARE}, images=[coco()["images"][0] | {"id": n} for n in (1, 2)])
    rows = load_annotations(written(images, "a.json", twice), images, skip_bad=True)
    assert rows["complete"] == [False]


# -- tables of clicks

HEAD = "image,x,y,label\n"


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("c.csv", "", "the file is empty"),
        ("c.csv", b"PK\x03\x04" + bytes(50), "a ZIP archive (or a spreadsheet: save it as CSV)"),
        ("c.csv", b"\x1f\x8b" + bytes(50), "compressed (gzip); unpack it"),
        ("c.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:a\n", "git lfs pull"),
        ("c.csv", (HEAD + "a.png,1,2,cell\n").encode("utf-16-le"), "UTF-16 without a byte order mark"),
        ("c.csv", (HEAD + "a.png,1,2,zellä").encode()[:-1], "ends inside a character (line 2, byte 30): it is cut off"),
        ("c.csv", HEAD + "a.png,10,20,cell\nsub/b.png,3", "line 3: line is 'sub/b.png,3': last line is cut off"),
        ("c.csv", HEAD + "a.png,10,20,cart\na.png,3,4,car", "it may have been 'cart'"),
        ("c.json", [{"image": "a.png", "x": 1, "y": 2}], "write one JSON object per line"),
        (
            "c.jsonl",
            json.dumps({"image": "a.png", "x": 1, "y": 2, "label": "cell"}, indent=1),
            "one JSON object per line",
        ),
        ("c.jsonl", '{"image": "a.png", "point": [1, 2], "label": "cell"}\n', "position that is not x and y"),
        ("c.jsonl", '{"image": "a.png", "file_name": "b.png", "x": 1, "y": 2}\n', "image given twice"),
    ],
)
def test_tables(images, name, content, part):
    assert part in error_of(images, name, content)


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("c.jsonl", '{"image": "a.png", "x": 3, "x": 4, "y": 2}\n', "line 1: line is .*key 'x' is given twice"),
        ("c.jsonl", '{"image": "a.png", "x": 3, "X": 4, "y": 2}\n', "line 1: X is 4: x given twice"),
        ("c.jsonl", '{"image": "a.png", "clicks": [{"x": 1, "y": 2}]}\n', "clicks is .*write one line per click"),
        (
            "via.json",
            '{"a": {"filename": "a.png", "regions": []}, "a": {"filename": "b.png"}}',
            "'a' is",
        ),
        ("lm.json", '{"shapes": [], "shapes": [], "imagePath": "a.png"}', "key 'shapes' is given twice"),
    ],
)
def test_nothing_of_a_json_file_is_lost_silently(images, name, content, part):
    assert re.search(part, error_of(images, name, content))


def test_one_click_in_two_spellings(images):
    report = LoadReport()
    lines = HEAD + "a.png,30,20,cell\na.png,30.0,2e1,cell\na.png,30,20,dog\n"
    rows = load_annotations(written(images, "c.csv", lines), images, report=report)
    assert points_of(rows) == [[30, 20], [30, 20]] and report.suspects == {"click given twice"}


def test_keys_of_json_lines_in_any_case(images):
    rows = load_annotations(written(images, "c.jsonl", '{"Image": "a.png", "X": 1, "Y": 2, "Label": "cell"}\n'), images)
    assert points_of(rows) == [[1, 2]] and class_names(rows) == ["cell"]


def test_labels_that_stand_for_missing_ones(images):
    report = LoadReport()
    load_annotations(written(images, "c.csv", HEAD + "a.png,1,2,nan\na.png,3,4,cell\n"), images, report=report)
    assert any("leave it empty for a bare click" in text for text in report.suspects)


def test_the_first_bad_record_is_the_cause_of_nothing_left(images):
    path = written(images, "c.csv", HEAD + "a.png,nan,2,cell\n")
    with pytest.raises(UserError, match=r"no label is left \(1 bad record skipped\); the first: line 2 .*x is 'nan'"):
        load_annotations(path, images, skip_bad=True)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (HEAD, "holds no click"),
        (json.dumps(coco()), "is JSON, but no table of clicks"),
        (HEAD + "a.png,0.5,0.5,\nsub/b.png,0.25,0.3,\n", "all 2 clicks lie in the first pixel"),
        (HEAD + "a.png,5,5,car\n", "leave the label empty: the model chooses"),
    ],
)
def test_clicks_for_a_pipeline(images, text, part):
    path = written(images, "c.csv", text)
    files = {images / name: name for name in ("a.png", "sub/b.png")}
    with pytest.raises(UserError) as caught:
        read_click_table(path, files, ["cell"])
    assert str(path) in str(caught.value) and part in str(caught.value)


# -- other tools


def label_studio(*results: dict[str, Any]) -> list[dict[str, Any]]:
    size = {"original_width": 120, "original_height": 80}
    results = [{"id": f"r{n}", **size, **result} for n, result in enumerate(results)]
    return [{"id": 1, "data": {"image": "a.png"}, "annotations": [{"result": results}]}]


def labelme(kind: str, points: list[list[float]], **fields: Any) -> dict[str, Any]:
    shape = {"label": "cell", "shape_type": kind, "points": points, **fields}
    return {"shapes": [shape], "imagePath": "a.png", "imageData": None, "imageWidth": 120, "imageHeight": 80}


MASK_OF_1_BY_1 = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsFr6RQAAAABJRU5ErkJggg=="


def test_negative_clicks_in_any_spelling(images):
    mask = np.zeros((80, 120), bool)
    mask[10:40, 10:50] = True
    brush = {"format": "rle", "rle": [int(byte) for byte in encode_brush(mask)], "brushlabels": ["cell"]}
    click = {"x": 80, "y": 80, "keypointlabels": ["cell"], "is_positive": "false"}
    tasks = label_studio({"type": "brushlabels", "value": brush}, {"type": "keypointlabels", "value": click})
    rows = load_annotations(written(images, "a.json", tasks), images)
    assert len(rows[0]["objects"]) == 1 and rows[0]["objects"][0]["segmentation"] is not None


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (labelme("mask", [[3, 4], [8, 7]], mask=MASK_OF_1_BY_1), "mask of another size than its points"),
        (labelme("mask", [[3, 4], [3, 4]], mask="/9j/"), "mask is not a PNG in base64; save the file"),
        (
            label_studio({"type": "ellipselabels", "value": {"x": 5, "y": 5, "radiusX": -1, "radiusY": 2}}),
            "is [-1.2, 1.6]: ellipse without extent",
        ),
        (
            label_studio(
                {"type": "rectanglelabels", "value": {"x": 5, "y": 5, "width": 9, "height": 9, "rotation": 1e300}}
            ),
            "angle of more than ten turns; a whole turn is 360",
        ),
    ],
)
def test_shapes(images, content, part):
    assert part in error_of(images, "a.json", content)


def test_yolo_files(images):
    yaml = "path: .\ntrain: images\nnames: [cell, dog]\n"
    labels = images.parent / "labels"
    (labels / "sub").mkdir(parents=True)
    (labels / "sub" / "b.txt").write_text("0 0.1 0.2 0.4 0.2 0.4 0.6\n")
    # A number that ends with its point was cut.
    (labels / "a.txt").write_text("0 0.1 0.2 0.4 0.2 0.4 0.")
    assert "a.txt line 1: line is" in (message := error_of(images, "data.yaml", yaml)) and "line is cut off" in message
    # A file without its last line break is suspect only if the others have theirs.
    Image.new("RGB", (50, 50)).save(images / "c.png")
    (labels / "c.txt").write_text("0 0.1 0.2 0.4 0.2 0.4 0.6\n")
    (labels / "a.txt").write_text("0 0.1 0.2 0.4 0.2 0.4 0.6")
    report = LoadReport()
    load_annotations(images.parent / "data.yaml", images, report=report)
    assert report.suspects == {"last line without a line break (the file may be cut off)"}
    assert "names is given twice" in error_of(images, "data.yaml", yaml + "names: [a, b]\n").replace(
        "'names' ", "names "
    )


# -- image files


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC is not read; convert it to JPEG"),
        (b"<html>", "a web page"),
        (b"<svg/>", "no readable header of BMP, GIF, JPEG"),
    ],
)
def test_files_that_are_no_images(tmp_path, content, part):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_image(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: not a readable image (") and part in message and " at 0x" not in message
