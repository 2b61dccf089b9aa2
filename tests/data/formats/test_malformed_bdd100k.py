# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Malformed files of BDD100K: one error that names file, frame, label, value and remedy; or a counted skip."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.bdd100k_labels import CAR, NAMES, RIDER, box, frame, label, rectangle, write_bitmasks
from pointwssis.data import LoadReport
from pointwssis.data.formats.bdd100k import load_bdd100k
from pointwssis.ops.coco_masks import encode_mask

GOOD = label("car", box2d=box(CAR))
# one bad label, parts of the message
BAD_LABELS = {
    "no object": (5, ["label is 5"]),
    "no category": ({"id": 1, "box2d": box(CAR)}, ["label 1", "missing key category"]),
    "unknown category": (label("cat", box2d=box(CAR)), ["label 7", "category is 'cat'", "pedestrian"]),
    "category a number": (label(3, box2d=box(CAR)), ["category is 3"]),
    "nothing": (label("car"), ["neither mask nor box"]),
    "attributes a list": (label("car", attributes=[1], box2d=box(CAR)), ["attributes is [1]"]),
    "box a list": (label("car", box2d=[1, 2, 3, 4]), ["box2d is [1, 2, 3, 4]"]),
    "box of three": (label("car", box2d={"x1": 1, "y1": 2, "x2": 3}), ["missing key y2"]),
    "box of text": (label("car", box2d={**box(CAR), "x1": "3"}), ["box2d", "not a number"]),
    "box nan": (label("car", box2d={**box(CAR), "x1": float("nan")}), ["box2d", "finite"]),
    "box turned": (label("car", box2d={"x1": 9, "y1": 2, "x2": 3, "y2": 4}), ["ends before it begins"]),
    "box outside": (label("car", box2d={"x1": 32, "y1": 2, "x2": 40, "y2": 4}), ["outside of the image", "32 × 18"]),
    "rle of another size": (label("car", rle=encode_mask(np.eye(4))), ["rle", "[18, 32]"]),
    "rle of text": (label("car", rle="abc"), ["rle is 'abc'"]),
    "rle without a pixel": (label("car", rle=encode_mask(CAR & RIDER)), ["mask without a pixel"]),
    "open path": (label("car", poly2d=[{"vertices": rectangle(CAR), "types": "LLLL", "closed": False}]), ["closed"]),
    "curve": (
        label("car", poly2d=[{"vertices": rectangle(CAR), "types": "LLCL", "closed": True}]),
        ["types is 'LLCL'"],
    ),
    "poly2d a number": (label("car", poly2d=4), ["poly2d is 4"]),
    "far away": (label("car", poly2d=[{"vertices": [[0, 0], [1e9, 0], [4, 4]]}]), ["1000000000", "32 × 18"]),
}


@pytest.mark.parametrize("name", BAD_LABELS)
def test_bad_labels_raise_or_are_skipped_and_counted(bdd100k, name):
    bad, parts = BAD_LABELS[name]
    content = [frame(NAMES[0], GOOD, bad), frame(NAMES[1], GOOD)]
    with pytest.raises(ValueError) as caught:
        bdd100k.load(content)
    for part in [str(bdd100k.file), f"frame '{NAMES[0]}.jpg', label", *parts, "skip_bad"]:
        assert part in str(caught.value), str(caught.value)
    assert "\n" not in str(caught.value)
    report = LoadReport()
    rows = bdd100k.load(content, skip_bad=True, report=report)
    assert [len(row["objects"]) for row in rows] == [1, 1] and rows["complete"] == [False, True]
    assert sum(report.skipped.values()) == 1 and (report.images, report.objects) == (2, 2)


BAD_FRAMES = {
    "no object": (5, ["frame at position 1", "frame is 5"]),
    "no name": ({"labels": []}, ["frame at position 1", "missing key name"]),
    "name a number": ({"name": 4}, ["name is 4"]),
    "no image": (frame("gone"), ["frame 'gone.jpg'", "not found"]),
    "twice": (frame(NAMES[0]), [f"frame '{NAMES[0]}.jpg'", "duplicated frame"]),
    "another size": (frame(NAMES[1], size={"width": 33, "height": 18}), ["33 × 18", "32 × 18"]),
    "size of text": (frame(NAMES[1], size={"width": "33", "height": 18}), ["size is"]),
    "labels a text": ({"name": f"{NAMES[1]}.jpg", "labels": "none"}, ["labels is 'none'"]),
}


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_bad_frames_raise_or_are_skipped_and_counted(bdd100k, name):
    bad, parts = BAD_FRAMES[name]
    content = [frame(NAMES[0], GOOD), bad, frame(NAMES[2])]
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        bdd100k.load(content)
    for part in [str(bdd100k.file), *parts, "skip_bad"]:
        assert part in str(caught.value), str(caught.value)
    report = LoadReport()
    rows = bdd100k.load(content, skip_bad=True, report=report)
    assert rows["file_name"] == [f"{NAMES[0]}.jpg", f"{NAMES[2]}.jpg"] and sum(report.skipped.values()) == 1


@pytest.mark.parametrize(
    ("content", "part"), [({"images": []}, "without frames"), (3, "without frames"), ([], "there are none")]
)
def test_files_without_frames(bdd100k, content, part):
    with pytest.raises(ValueError, match=part):
        bdd100k.load(content)


def test_files_that_are_none(tmp_path, bdd100k):
    with pytest.raises(FileNotFoundError, match="labels not found"):
        load_bdd100k(tmp_path / "gone.json", bdd100k.images)
    (tmp_path / "a.json").write_text("[{]")
    with pytest.raises(ValueError, match="a.json: not valid JSON"):
        load_bdd100k(tmp_path / "a.json", bdd100k.images)
    with pytest.raises(FileNotFoundError, match="image folder not found"):
        load_bdd100k(tmp_path / "a.json", tmp_path / "gone")


def test_bad_bitmasks(tmp_path, bdd100k):
    def spoil(change) -> str:
        folder = tmp_path / change.__name__
        write_bitmasks(folder)
        path = folder / f"{NAMES[0]}.png"
        change(path)
        with pytest.raises(ValueError) as caught:
            load_bdd100k(folder, bdd100k.images)
        report = LoadReport()
        rows = load_bdd100k(folder, bdd100k.images, skip_bad=True, report=report)
        assert sum(report.skipped.values()) == 1 and len(rows) == 2 - ("instance" not in str(caught.value))
        return str(caught.value)

    def changed(path: Path, values: list[int]) -> None:
        pixels = np.array(Image.open(path))
        pixels[5, 5] = values
        Image.fromarray(pixels, "RGBA").save(path)

    def two_categories(path):
        changed(path, [4, 0b1100, 0, 0])

    def unknown_category(path):
        changed(path, [9, 0, 9, 9])

    def gray(path):
        Image.open(path).convert("L").save(path)

    def cut_off(path):
        path.write_bytes(path.read_bytes()[:60])

    def of_another_size(path):
        Image.open(path).resize((16, 9)).save(path)

    for change, parts in {
        two_categories: ["instance 0", "two kinds"],
        unknown_category: ["instance 2313", "R is 9", "1 to 8"],
        gray: ["not RGBA", f"{NAMES[0]}.png", "it is L"],
        cut_off: [f"{NAMES[0]}.png"],
        of_another_size: ["16 × 9", "32 × 18"],
    }.items():
        message = spoil(change)
        for part in [f"frame '{NAMES[0]}.jpg'", *parts, "skip_bad"]:
            assert part in message, message
