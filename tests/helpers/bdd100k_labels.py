# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A small folder of BDD100K, written here after its documentation: run lengths, outlines, bitmasks, boxes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pointwssis.data.formats.bdd100k import load_bdd100k
from pointwssis.ops.coco_masks import encode_mask

WIDTH, HEIGHT = 32, 18
CAR, RIDER, CROWD = np.zeros((3, HEIGHT, WIDTH), dtype=bool)
CAR[4:10, 3:13] = True
RIDER[2:15, 20:24] = True
CROWD[12:18, 0:8] = True
NAMES = ["0000f77c-6257be58", "b1c66a42-6f7d68ca", "fe1f2409-c16ea1ed"]


def rectangle(mask: np.ndarray) -> list[list[float]]:
    rows, columns = np.nonzero(mask)
    left, top, right, bottom = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return [[float(x), float(y)] for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))]


def box(mask: np.ndarray) -> dict[str, float]:
    (x1, y1), _, (x2, y2), _ = rectangle(mask)
    return {"x1": x1, "y1": y1, "x2": x2 - 1, "y2": y2 - 1}


def label(category: str, **values: Any) -> dict[str, Any]:
    """Return a label with the keys of the dataset's own files."""
    empty = {"index": None, "score": None, "attributes": {}, "box3d": None, "poly2d": None, "rle": None, "graph": None}
    return {"id": "7", **empty, "category": category, **values}


def frame(name: str, *labels: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {"name": f"{name}.jpg", "url": None, "videoName": None, "size": None, "labels": list(labels), **values}


FORMS = {
    "rles": lambda mask: {"rle": encode_mask(mask), "box2d": box(mask)},
    "polygons": lambda mask: {"poly2d": [{"vertices": rectangle(mask), "types": "LLLL", "closed": True}]},
}


def masked_frames(form: str) -> list[dict[str, Any]]:
    shape = FORMS[form]
    crowd = label("person", attributes={"crowd": True}, **shape(CROWD))
    passed_over = label("traffic sign", box2d=box(CAR))
    return [
        frame(NAMES[0], label("car", **shape(CAR)), passed_over, label("rider", **shape(RIDER)), crowd),
        frame(NAMES[1]),
    ]


def write_bitmasks(folder: Path) -> None:
    folder.mkdir(parents=True)
    pixels = np.zeros((HEIGHT, WIDTH, 4), dtype=np.uint8)
    for mask, values in ((CAR, [3, 0b1100, 0, 0]), (RIDER, [2, 0, 0, 2]), (CROWD, [1, 0b10, 1, 44])):
        pixels[mask] = values
    Image.fromarray(pixels, "RGBA").save(folder / f"{NAMES[0]}.png")
    Image.fromarray(np.zeros_like(pixels), "RGBA").save(folder / f"{NAMES[1]}.png")


def write_images(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True)
    for name in names:
        Image.new("RGB", (WIDTH, HEIGHT), (90, 120, 60)).save(folder / f"{name}.jpg")


class Bdd100kFolder:
    """Three images, and labels that a test writes and loads."""

    def __init__(self, directory: Path) -> None:
        self.images, self.file = directory / "images", directory / "labels.json"
        write_images(self.images, NAMES)

    def load(self, content: Any, **options: Any) -> Any:
        self.file.write_text(json.dumps(content))
        return load_bdd100k(self.file, self.images, **options)
