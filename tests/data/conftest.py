# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A small COCO folder that tests load, damage and load again."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.bdd100k_labels import Bdd100kFolder
from helpers.marked_images import write_marked_images
from pointwssis.data import load_coco

CONTENT: dict[str, Any] = {
    "categories": [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}, {"id": 90, "name": "hair drier"}],
    "images": [
        {"id": 10, "file_name": "sub/a.png", "width": 12, "height": 8},
        {"id": 4, "file_name": "b.jpg", "width": 32, "height": 24},
        {"id": 5, "file_name": "empty.png", "width": 6, "height": 6},
    ],
    "annotations": [
        {
            "id": 1,
            "image_id": 10,
            "category_id": 3,
            "iscrowd": 0,
            "bbox": [1, 2, 4, 3],
            "area": 12.5,
            "segmentation": [[1, 2, 5, 2, 5, 5, 1, 5]],
        },
        {
            "id": 2,
            "image_id": 10,
            "category_id": 90,
            "iscrowd": 1,
            "bbox": [0, 0, 2, 8],
            "area": 16,
            "segmentation": {"size": [8, 12], "counts": [0, 16, 80]},
        },
        {"id": 3, "image_id": 4, "category_id": 7, "point": [12.3, 4]},
        {"id": 4, "image_id": 4, "category_id": 3, "segmentation": {"size": [24, 32], "counts": [5, 6, 757]}},
    ],
}


class CocoFolder:
    """`content` may be changed before `save`."""

    def __init__(self, directory: Path) -> None:
        self.images, self.file = directory / "images", directory / "instances.json"
        (self.images / "sub").mkdir(parents=True)
        rng = np.random.default_rng(0)
        for record in CONTENT["images"]:
            pixels = rng.integers(0, 255, (record["height"], record["width"], 3), dtype=np.uint8)
            Image.fromarray(pixels).save(self.images / record["file_name"])
        self.content = copy.deepcopy(CONTENT)

    def save(self) -> Path:
        self.file.write_text(json.dumps(self.content))
        return self.file

    def load(self, **options: Any) -> Any:
        return load_coco(self.save(), self.images, **options)


@pytest.fixture
def coco_folder(tmp_path: Path) -> CocoFolder:
    return CocoFolder(tmp_path)


@pytest.fixture
def marked_images(tmp_path: Path) -> Path:
    """Return the folder of the images that the exports annotate."""
    return write_marked_images(tmp_path / "marked")


@pytest.fixture
def bdd100k(tmp_path: Path) -> Bdd100kFolder:
    return Bdd100kFolder(tmp_path)
