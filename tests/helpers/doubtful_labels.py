# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Rows of rectangles as pseudo labels, good ones and doubtful ones."""

from typing import Any

from helpers.rectangles import mask
from pointwssis.data import make_object
from pointwssis.ops import encode_mask

SIZE = (60, 80)  # height and width of the images
BOX = (20, 20, 30, 30)


def label(id, box=BOX, point=(24.5, 24.5), rough=None, score=0.9, category=0, level=1) -> dict[str, Any]:
    """Return an object with a rectangle as its pseudo label; None is an empty mask."""
    rles = [encode_mask(mask(*SIZE, one or (0, 0, 0, 0))) for one in (box, rough or box)]
    values = {"segmentation": rles[0], "rough_segmentation": rles[1], "score": score, "level": level}
    return make_object(id, category, point=None if point is None else list(point), **values)


def row(image_id: int, *objects: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose image is a file in the current folder, if it is looked at."""
    names = {"image": f"{image_id}.png", "file_name": f"{image_id}.png", "image_id": image_id}
    sides = {"height": SIZE[0], "width": SIZE[1]}
    return {**names, **sides, "complete": True, "image_labels": None, "objects": list(objects)}


def others(first_id: int, left: int = 50, score: float = 0.9) -> list[dict[str, Any]]:
    """Return four labels of one size below each other, so that a bad one differs from most."""
    tops = [5, 16, 27, 38]
    boxes = [(left, top, left + 10, top + 10) for top in tops]
    return [label(first_id + n, box, (left + 4.5, tops[n] + 4.5), score=score) for n, box in enumerate(boxes)]
