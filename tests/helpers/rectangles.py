# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Three images of rectangles, each rectangle in a unique color, so that tests can find objects by their color."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pointwssis.data import dataset_from_rows, make_object
from pointwssis.ops.coco_masks import encode_mask

COLORS = [(250, 10, 10), (10, 250, 10), (10, 10, 250)]


def mask(height: int, width: int, box: tuple[int, int, int, int]) -> np.ndarray:
    """Return a mask that fills an xyxy box."""
    filled = np.zeros((height, width), bool)
    filled[box[1] : box[3], box[0] : box[2]] = True
    return filled


def rectangle_rows(folder: Path) -> Any:
    """Return three images, 40 × 60, whose objects are rectangles, each in a unique color."""
    made = []
    boxes = [(2, 3, 12, 9), (30, 5, 33, 35), (40, 20, 58, 38)]
    for index in range(3):
        pixels = np.full((40, 60, 3), 100, np.uint8)
        objects = []
        for number, (box, color) in enumerate(zip(boxes, COLORS, strict=True)):
            shape = mask(40, 60, box)
            pixels[shape] = color
            point = [(box[0] + box[2] - 1) / 2, (box[1] + box[3] - 1) / 2]
            rough = encode_mask(mask(40, 60, (box[0], box[1], box[2], box[3] + 2)))
            values = {"point": point, "segmentation": encode_mask(shape), "rough_segmentation": rough}
            objects.append(make_object(10 * index + number, number, **values))
        Image.fromarray(pixels).save(folder / f"{index}.png")
        row = {"image": str(folder / f"{index}.png"), "image_id": index, "width": 60, "height": 40}
        row |= {"file_name": f"{index}.png", "complete": True, "image_labels": None, "objects": objects}
        made.append(row)
    return dataset_from_rows(made, ["a", "b", "c"])


def changed(rows: Any, change: Callable[[list[Any]], list[Any]]) -> Any:
    """Return the rows with other objects in the first image."""
    first, *others = rows
    return dataset_from_rows([{**first, "objects": change(first["objects"])}, *others], ["a", "b", "c"])
