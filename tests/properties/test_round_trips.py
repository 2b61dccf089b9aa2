# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Rows that are exported and loaded again are the same rows, as far as the format can hold them."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from helpers.drawn_masks import masks, points
from helpers.exported_files import EXPORTED, export_accepted
from pointwssis.data import dataset_from_rows, load_annotations, make_object
from pointwssis.ops import decode_rle, encode_mask, point_from_mask, rle_area, rle_box
from pointwssis.ops.points import pixel_of

NAMES = ["cat", "dog", "traffic light"]
SIZES = {"a.png": (9, 7), "sub folder/b.png": (16, 12), "c.jpg": (1, 1), "ünï.png": (20, 3)}  # (width, height)
ONLY_MASKS = ("yolo",)  # formats that hold no clicks, and for which every labeled image is complete
# Formats that state the points of masks. In others a click inside a mask of its class is that of the mask.
STATE_POINTS = ("coco", "labelme")


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for name, (width, height) in SIZES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((height, width, 3), 90, np.uint8)).save(folder / name)
    return folder


def clicks(height: int, width: int) -> st.SearchStrategy[tuple[float, float]]:
    """Return points that nobody takes for parts of the image from 0 to 1."""
    return points(height, width).filter(lambda point: max(point) > 1 or all(value == int(value) for value in point))


def covers(mask: np.ndarray, item: dict[str, Any]) -> bool:
    """Return True if a mask, or a pixel beside it, holds the point of an object, which export may round."""
    row, column = pixel_of(item["point"], *mask.shape)
    return bool(mask[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].any())


@st.composite
def drawn_rows(draw: st.DrawFn, format: str) -> list[dict[str, Any]]:
    """Return rows of one to three images with masks and, in incomplete images, clicks; without the `image`."""
    rows, ids = [], itertools.count(1)
    for number, name in enumerate(draw(st.lists(st.sampled_from(sorted(SIZES)), min_size=1, max_size=3, unique=True))):
        width, height = SIZES[name]
        complete = format in ONLY_MASKS or draw(st.booleans())
        covered = {category: np.zeros((height, width), bool) for category in range(len(NAMES))}
        objects = []
        for category in draw(st.lists(st.integers(0, len(NAMES) - 1), max_size=4)):
            if not complete and draw(st.booleans()):
                point = draw(clicks(height, width))
                objects.append(make_object(next(ids), category, point=list(point)))
                continue
            mask = draw(masks(height, width).filter(np.any))
            rle = encode_mask(mask)
            values = {"segmentation": rle, "bbox": rle_box(rle), "area": float(rle_area(rle))}
            objects.append(make_object(next(ids), category, point=list(point_from_mask(mask)), **values))
            covered[category] |= mask
        if format not in STATE_POINTS:
            objects = [item for item in objects if item["segmentation"] or not covers(covered[item["category"]], item)]
        row = {"image_id": number, "file_name": name, "width": width, "height": height, "complete": complete}
        rows.append({**row, "image_labels": None, "objects": objects})
    return rows


def loaded_again(rows: list[dict[str, Any]], format: str, images: Path, folder: Path) -> dict[str, Any]:
    """Export rows, load the file, and return the rows by the name of their file, without its folder."""
    dataset = dataset_from_rows([{**row, "image": str(images / row["file_name"])} for row in rows], NAMES)
    # A new folder per example: an export never overwrites a file.
    path = folder / str(len(list(folder.iterdir()))) / "labels"
    path.parent.mkdir()
    back = load_annotations(export_accepted(dataset, format, path), images, class_names=NAMES)
    return {Path(row["file_name"]).name: row for row in back}


def as_stored(point: list[float], row: dict[str, Any], format: str) -> list[float]:
    """Return a point as a format holds it: tools have no place behind the center of the last pixel."""
    if format == "coco":
        return point
    return [min(value, side - 1) for value, side in zip(point, (row["width"], row["height"]), strict=True)]


@pytest.mark.parametrize("format", EXPORTED)
@given(data=st.data())
def test_masks_and_clicks_come_back(images, tmp_path_factory, format, data):
    folder = tmp_path_factory.getbasetemp() / f"exports_{format}"
    folder.mkdir(exist_ok=True)
    rows = data.draw(drawn_rows(format))
    found = loaded_again(rows, format, images, folder)
    for row in rows:
        other = found.pop(Path(row["file_name"]).name)
        assert [other[key] for key in ("width", "height")] == [row["width"], row["height"]]
        assert other["complete"] == row["complete"]
        assert [item["category"] for item in other["objects"]] == [item["category"] for item in row["objects"]]
        for item, again in zip(row["objects"], other["objects"], strict=True):
            assert (item["segmentation"] is None) == (again["segmentation"] is None)
            assert again["point"] == pytest.approx(as_stored(item["point"], row, format), abs=0.01)
            if item["segmentation"] is not None:
                assert np.array_equal(decode_rle(again["segmentation"]), decode_rle(item["segmentation"]))
                assert again["area"] == item["area"] and again["bbox"] == pytest.approx(item["bbox"])
    # Other images of the folder have no label.
    assert not any(row["objects"] or row["complete"] for row in found.values())


@given(data=st.data())
def test_coco_holds_every_field(images, tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "exports_every_field"
    folder.mkdir(exist_ok=True)
    rows = data.draw(drawn_rows("coco"))
    for row in rows:
        row["image_labels"] = data.draw(st.none() | st.lists(st.integers(0, 2), max_size=3, unique=True))
        for item in row["objects"]:
            if item["segmentation"] is not None and data.draw(st.booleans()):
                item |= {"iscrowd": True, "point": None}
            item["score"] = data.draw(st.none() | st.floats(0, 1))
            item["level"] = data.draw(st.none() | st.integers(0, 4))
            if data.draw(st.booleans()):
                item["rough_segmentation"] = encode_mask(data.draw(masks(row["height"], row["width"])))
    found = loaded_again(rows, "coco", images, folder)
    for row in rows:
        other = found[Path(row["file_name"]).name]
        for key in ("image_id", "width", "height", "complete", "image_labels"):
            assert other[key] == row[key], key
        for item, again in zip(row["objects"], other["objects"], strict=True):
            for key in ("id", "category", "iscrowd", "segmentation", "rough_segmentation", "score", "level", "bbox"):
                assert again[key] == item[key], key
            if item["point"] is not None:
                assert np.float32(again["point"]).tolist() == np.float32(item["point"]).tolist()
