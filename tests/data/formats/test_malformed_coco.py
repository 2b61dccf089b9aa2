# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Malformed COCO files: one error that names file, record, field, value and remedy; or a counted skip."""

import logging
import shutil

import pytest
from PIL import Image

from pointwssis.data import LoadReport, load_coco


def change(section, position, **values):
    def apply(folder):
        folder.content[section][position] |= values

    return apply


def remove(section, position, key):
    def apply(folder):
        del folder.content[section][position][key]

    return apply


def repeat(section):
    def apply(folder):
        folder.content[section].append(dict(folder.content[section][0]))

    return apply


def replace_file(name, content):
    def apply(folder):
        path = folder.images / name
        data = path.read_bytes()
        path.unlink()
        if content is not None:
            path.write_bytes(content(data))

    return apply


def turn_image(folder):
    exif = Image.Exif()
    exif[274] = 8
    Image.open(folder.images / "b.jpg").save(folder.images / "b.jpg", exif=exif)


SQUARE, NAN, INF = [1, 1, 5, 1, 5, 5, 1, 5], float("nan"), float("inf")
# what is done to the file, parts of the message besides the file's name, and how many images and objects a skip leaves
BAD_RECORDS = {
    "missing image": (replace_file("b.jpg", None), ["image 4", "file_name", "b.jpg", "not found"], 2, 2),
    "truncated jpeg": (replace_file("b.jpg", lambda data: data[:-200]), ["image 4", "b.jpg", "truncated"], 2, 2),
    "no image": (replace_file("b.jpg", lambda data: b"hello"), ["image 4", "b.jpg", "not a readable image"], 2, 2),
    "file name a number": (change("images", 1, file_name=5), ["image 4", "file_name is 5"], 2, 2),
    "no file name": (remove("images", 1, "file_name"), ["image 4", "file_name is 'missing'"], 2, 2),
    "no width": (remove("images", 1, "width"), ["image 4", "missing key width"], 2, 2),
    "width a text": (change("images", 1, width="32"), ["image 4", "width is '32'"], 2, 2),
    "height zero": (change("images", 1, height=0), ["image 4", "height is 0"], 2, 2),
    "other size": (change("images", 1, width=33), ["image 4", "33 × 24", "32 × 24"], 2, 2),
    "turned image": (turn_image, ["image 4", "32 × 24", "24 × 32", "EXIF"], 2, 2),
    "complete a text": (change("images", 1, complete="no"), ["image 4", "complete is 'no'"], 2, 2),
    "image label unknown": (
        change("images", 1, image_labels=[3, 4]),
        ["image 4", "image_labels is 4", "[3, 7, 90]"],
        2,
        2,
    ),
    "image labels no list": (change("images", 1, image_labels=3), ["image 4", "image_labels is 3"], 2, 2),
    "image without id": (remove("images", 2, "id"), ["image at position 2", "missing key id"], 2, 4),
    "image id a text": (change("images", 2, id="5"), ["image '5'", "id is '5'"], 2, 4),
    "image id too large": (change("images", 2, id=2**63), ["image 9223372036854775808", "64-bit"], 2, 4),
    "image no object": (lambda f: f.content["images"].append(3), ["image at position 3", "record is 3"], 3, 4),
    "image id twice": (repeat("images"), ["image 10", "id is 10", "duplicated image id"], 3, 4),
    "annotation id twice": (repeat("annotations"), ["annotation 1", "id is 1", "duplicated annotation id"], 3, 4),
    "annotation without id": (remove("annotations", 0, "id"), ["annotation at position 0", "missing key id"], 3, 3),
    "annotation id a text": (change("annotations", 0, id="a"), ["annotation 'a'", "id is 'a'"], 3, 3),
    "no image id": (remove("annotations", 0, "image_id"), ["annotation 1", "missing key image_id"], 3, 3),
    "unknown image": (change("annotations", 0, image_id=11), ["annotation 1", "image_id is 11", "unknown image"], 3, 3),
    "no category": (remove("annotations", 0, "category_id"), ["annotation 1", "missing key category_id"], 3, 3),
    "unknown category": (
        change("annotations", 0, category_id=4),
        ["annotation 1", "category_id is 4", "[3, 7, 90]"],
        3,
        3,
    ),
    "category a text": (change("annotations", 0, category_id="3"), ["annotation 1", "category_id is '3'"], 3, 3),
    "category true": (change("annotations", 0, category_id=True), ["annotation 1", "category_id is True"], 3, 3),
    "point right of image": (
        change("annotations", 2, point=[32.5, 4]),
        ["annotation 3", "point is [32.5, 4]", "x < 32"],
        3,
        3,
    ),
    "point above image": (change("annotations", 2, point=[3, -0.1]), ["annotation 3", "point is [3, -0.1]"], 3, 3),
    "point nan": (change("annotations", 2, point=[NAN, 4]), ["annotation 3", "point is [nan, 4]", "finite"], 3, 3),
    "point infinite": (change("annotations", 2, point=[1, INF]), ["annotation 3", "point is [1, inf]"], 3, 3),
    "point of three": (change("annotations", 2, point=[1, 2, 2]), ["annotation 3", "point is [1, 2, 2]"], 3, 3),
    "point of texts": (change("annotations", 2, point=["1", "2"]), ["annotation 3", "point", "number"], 3, 3),
    "neither point nor mask": (remove("annotations", 2, "point"), ["annotation 3", "neither point nor mask"], 3, 3),
    "empty mask, no box": (
        change("annotations", 3, segmentation={"size": [24, 32], "counts": [768]}),
        ["annotation 4", "segmentation", "mask without a pixel"],
        3,
        3,
    ),
    "rle too short": (
        change("annotations", 3, segmentation={"size": [24, 32], "counts": [5, 6, 700]}),
        ["annotation 4", "segmentation", "711", "768"],
        3,
        3,
    ),
    "compressed rle too long": (
        change("annotations", 3, segmentation={"size": [24, 32], "counts": "0`h0"}),
        ["annotation 4", "768"],
        3,
        3,
    ),
    "compressed rle garbage": (
        change("annotations", 3, segmentation={"size": [24, 32], "counts": "\u00e4!"}),
        ["annotation 4", "compressed text"],
        3,
        3,
    ),
    "rle of another size": (
        change("annotations", 3, segmentation={"size": [32, 24], "counts": [5, 6, 757]}),
        ["annotation 4", "[32, 24]", "[24, 32]"],
        3,
        3,
    ),
    "rle without size": (change("annotations", 3, segmentation={"counts": [768]}), ["annotation 4", "size"], 3, 3),
    "rle negative": (
        change("annotations", 3, segmentation={"size": [24, 32], "counts": [-1, 769]}),
        ["annotation 4", "-1"],
        3,
        3,
    ),
    "polygon of two points": (
        change("annotations", 0, segmentation=[[1, 1, 5, 5]]),
        ["annotation 1", "4 values"],
        3,
        3,
    ),
    "polygon odd": (change("annotations", 0, segmentation=[SQUARE[:-1]]), ["annotation 1", "7 values"], 3, 3),
    "second polygon bad": (change("annotations", 0, segmentation=[SQUARE, [1, 1]]), ["annotation 1", "2 values"], 3, 3),
    "polygon nan": (change("annotations", 0, segmentation=[[NAN, *SQUARE[1:]]]), ["annotation 1", "NaN"], 3, 3),
    "polygon infinite": (
        change("annotations", 0, segmentation=[[INF, *SQUARE[1:]]]),
        ["annotation 1", "infinity"],
        3,
        3,
    ),
    "polygon far away": (
        change("annotations", 0, segmentation=[[1e9, *SQUARE[1:]]]),
        ["annotation 1", "1000000000"],
        3,
        3,
    ),
    "polygon flat": (change("annotations", 0, segmentation=SQUARE), ["annotation 1", "polygon"], 3, 3),
    "polygon a text": (change("annotations", 0, segmentation="abc"), ["annotation 1", "segmentation is 'abc'"], 3, 3),
    "box nan": (change("annotations", 0, bbox=[1, NAN, 2, 2]), ["annotation 1", "bbox is [1, nan, 2, 2]"], 3, 3),
    "box of three": (
        change("annotations", 0, bbox=[1, 2, 2]),
        ["annotation 1", "bbox is [1, 2, 2]", "4 numbers"],
        3,
        3,
    ),
    "box negative": (change("annotations", 0, bbox=[1, 2, -2, 2]), ["annotation 1", "bbox is [1, 2, -2, 2]"], 3, 3),
    "area nan": (change("annotations", 0, area=NAN), ["annotation 1", "area"], 3, 3),
    "score a text": (change("annotations", 0, score="0.5"), ["annotation 1", "score"], 3, 3),
    "crowd 2": (change("annotations", 0, iscrowd=2), ["annotation 1", "iscrowd is 2"], 3, 3),
    "crowd without mask": (remove("annotations", 1, "segmentation"), ["annotation 2", "crowd without a mask"], 3, 3),
}


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_bad_records_raise_or_are_skipped_and_counted(coco_folder, caplog, name):
    damage, parts, images, objects = BAD_RECORDS[name]
    damage(coco_folder)
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        coco_folder.load()
    message = str(caught.value)
    assert isinstance(caught.value, FileNotFoundError) == (name == "missing image")
    for part in [str(coco_folder.file), *parts, "skip_bad"]:
        assert part in message, message
    assert message.count("\n") == 0 and len(message) < 600

    report = LoadReport()
    with caplog.at_level(logging.INFO):
        dataset = coco_folder.load(skip_bad=True, report=report)
    assert len(dataset) == report.images == images
    assert sum(len(row["objects"]) for row in dataset) == report.objects == objects
    assert sum(report.skipped.values()) == 1
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1 and next(iter(report.skipped)) in warnings[0].getMessage()


def test_an_image_that_lost_an_object_is_not_complete(coco_folder):
    coco_folder.content["annotations"][0]["category_id"] = 4
    coco_folder.content["annotations"][3]["id"] = 3
    dataset = coco_folder.load(skip_bad=True)
    assert dataset["complete"] == [False, False, True]


BAD_FILES = {
    "not json": (lambda folder: folder.file.write_text("{'a': 1"), "not valid JSON"),
    "not text": (lambda folder: folder.file.write_bytes(b"\xff\xfe\x00"), "not valid JSON"),
    "a list": (lambda folder: folder.file.write_text("[]"), "holds a list"),
    "no images": (
        lambda folder: folder.file.write_text('{"annotations": [], "categories": []}'),
        "'images' is missing",
    ),
    "images a dict": (
        lambda folder: folder.file.write_text('{"images": {}, "annotations": [], "categories": []}'),
        "'images' is a dict",
    ),
    "gone": (lambda folder: folder.file.unlink(), "not found"),
}


@pytest.mark.parametrize("name", BAD_FILES)
@pytest.mark.parametrize("skip_bad", [False, True])
def test_bad_files(coco_folder, name, skip_bad):
    damage, message = BAD_FILES[name]
    coco_folder.save()
    damage(coco_folder)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        load_coco(coco_folder.file, coco_folder.images, skip_bad=skip_bad)
    assert str(coco_folder.file) in str(caught.value)


@pytest.mark.parametrize(
    ("categories", "message"),
    [
        ([], "'categories' is empty"),
        ([{"id": 3, "name": "cat"}, {"id": 3, "name": "dog"}], "duplicated category"),
        ([{"id": 3, "name": "cat"}, {"id": 7, "name": "cat"}], "duplicated category"),
        ([{"id": 3}], "category without a name"),
        ([{"name": "cat"}], "missing key id"),
        (["cat"], "not a JSON object"),
    ],
)
def test_bad_categories_cannot_be_skipped(coco_folder, categories, message):
    coco_folder.content["categories"] = categories
    with pytest.raises(ValueError, match=message) as caught:
        coco_folder.load(skip_bad=True)
    assert str(coco_folder.file) in str(caught.value)


def test_empty_datasets(coco_folder):
    shutil.rmtree(coco_folder.images)
    coco_folder.images.mkdir()
    with pytest.raises(ValueError, match="3 bad records skipped, the first one"):
        coco_folder.load(skip_bad=True)
    coco_folder.content["images"] = coco_folder.content["annotations"] = []
    with pytest.raises(ValueError, match="'images' is empty"):
        coco_folder.load()


def test_missing_image_folder_and_unknown_point_kind(coco_folder):
    with pytest.raises(FileNotFoundError, match="image folder not found"):
        load_coco(coco_folder.save(), coco_folder.images / "gone")
    with pytest.raises(ValueError, match="'center'"):
        coco_folder.load(point_source="middle")


def test_swapped_coordinates_are_recognized(coco_folder):
    coco_folder.content["annotations"][2]["point"] = [4, 30]
    with pytest.raises(ValueError, match="y 30 lies outside the height 24, but fits the width: are x and y swapped"):
        load_coco(coco_folder.save(), coco_folder.images)
