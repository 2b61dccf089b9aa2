# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Close-ups of single labels: the object with its surroundings, its rough mask, and its label."""

from collections.abc import Mapping
from typing import Any

from PIL import Image

from ..data.schema import objects_with_point
from ..ops.coco_masks import RLE, decode_rle, rle_area, rle_box
from ..ops.images import read_image
from .drawing import PALETTE, UNKNOWN_COLOR, draw_instances, draw_points

PANEL_TITLES = ("image and clicks", "rough mask", "label")
OWN_COLOR = PALETTE[0]
SURROUNDINGS = 0.75  # on each side of an object, relative to its longer side
LEAST_SIDE = 48  # of the window in pixels, so that a click without a mask is recognized

Window = tuple[int, int, int, int]  # left, top, right, bottom, the last two exclusive


def close_ups(row: Mapping[str, Any], item: Mapping[str, Any]) -> list[Image.Image | None]:
    """Draw the panels of `PANEL_TITLES` for one object.

    Args:
        row: row of the schema.
        item: one of its objects, with a mask.

    Returns:
        Three drawings of one size; None for a rough mask that does not exist. The click of the object has the color of
        its masks, other clicks are gray.
    """
    window = _window_of(row, item)
    left, top, right, bottom = window
    image = read_image(row).convert("RGB").crop(window)
    points, colors = [], []
    for other in objects_with_point(row):
        x, y = other["point"]
        if left <= x < right and top <= y < bottom:
            points.append((x - left, y - top))
            colors.append(OWN_COLOR if other["id"] == item["id"] else UNKNOWN_COLOR)

    def panel(rle: RLE | None) -> Image.Image | None:
        if rle is None:
            return None
        mask = decode_rle(rle)[top:bottom, left:right]
        return draw_instances(image.convert("L"), [mask], colors=[OWN_COLOR], opacity=0.35)

    return [draw_points(image, points, colors), panel(item["rough_segmentation"]), panel(item["segmentation"])]


def _window_of(row: Mapping[str, Any], item: Mapping[str, Any]) -> Window:
    """Return the window of an object's masks and click, with surroundings, inside the image."""
    boxes = []
    for rle in (item["segmentation"], item["rough_segmentation"]):
        if rle is not None and rle_area(rle):
            x, y, width, height = rle_box(rle)
            boxes.append((x, y, x + width, y + height))
    if item["point"] is not None:
        x, y = item["point"]
        boxes.append((x, y, x + 1, y + 1))
    # An empty mask without a click is nowhere, so the whole image is shown.
    if not boxes:
        return (0, 0, row["width"], row["height"])
    edges = list(zip(*boxes, strict=True))
    box = (min(edges[0]), min(edges[1]), max(edges[2]), max(edges[3]))
    side = max(LEAST_SIDE, (1 + 2 * SURROUNDINGS) * max(box[2] - box[0], box[3] - box[1]))
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return (
        max(0, int(x - side / 2)),
        max(0, int(y - side / 2)),
        min(row["width"], int(x + side / 2) + 1),
        min(row["height"], int(y + side / 2) + 1),
    )
