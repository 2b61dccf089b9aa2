# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The pseudo labels of a run that deserve the least trust, as pictures for its report."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datasets import Dataset
from PIL import Image

from ..data.schema import objects_with_mask
from ..ops.coco_masks import rle_area, rle_iou
from ..ops.images import read_image
from ..ops.points import pixel_of
from ..ops.rle import decode_rle, rle_covers
from ..visualization.close_ups import object_window
from ..visualization.drawing import draw_instances

MAX_IMAGES = 2000  # images whose labels are ranked, evenly spread over the dataset
TILE = 192  # shorter side of a picture in pixels
ROUGH_COLOR, LABEL_COLOR = (230, 159, 0), (86, 180, 233)


@dataclass(frozen=True)
class DoubtfulLabel:
    """One pseudo label.

    Args:
        row: index of its image among the labels.
        position: index among the objects of the image.
        trust: score × IoU of rough and refined mask, from 0 to 1; 0 where the mask misses its own point.
        score: score of the label; None if unknown.
        agreement: IoU of rough and refined mask; None without a refined one.
        misses_point: True if the mask does not cover its point.
    """

    row: int
    position: int
    trust: float
    score: float | None
    agreement: float | None
    misses_point: bool


def doubtful_labels(labels: Dataset, count: int) -> list[DoubtfulLabel]:
    """Return the labels with the least trust, worst first, at most one per image.

    Args:
        labels: rows with pseudo labels.
        count: most labels to return.
    """
    objects = labels.select_columns(["objects"]).with_format(None)
    step = max(1, -(-len(labels) // MAX_IMAGES))
    worst = []
    for row in range(0, len(labels), step):
        found = [_judged(row, number, item) for number, item in enumerate(objects[row]["objects"])]
        # One per image: a bad image would fill the page.
        found = [label for label in found if label is not None]
        worst += [min(found, key=lambda label: label.trust)] if found else []
    return sorted(worst, key=lambda label: label.trust)[:count]


def _judged(row: int, position: int, item: Mapping[str, Any]) -> DoubtfulLabel | None:
    """Return a label with its trust; None for an object without a mask."""
    mask, rough = item["segmentation"], item["rough_segmentation"]
    if mask is None or not rle_area(mask):
        return None
    agreement = None if rough is None else rle_iou(mask, rough)
    misses_point = False
    if item["point"] is not None:
        misses_point = not rle_covers(mask, *pixel_of(item["point"], *mask["size"]))
    known = [value for value in (item["score"], agreement) if value is not None]
    trust = 0.0 if misses_point else 1.0
    for value in known:
        trust *= value
    return DoubtfulLabel(row, position, trust, item["score"], agreement, misses_point)


def picture_of(label: DoubtfulLabel, labels: Dataset) -> Image.Image:
    """Return the surroundings of a label: its mask in blue, the rough mask in orange, and its point."""
    row = labels[label.row]
    item, image = row["objects"][label.position], read_image(row)
    left, top, right, bottom = window = object_window(row, item)
    masks, colors = [decode_rle(item["segmentation"])], [LABEL_COLOR]
    if item["rough_segmentation"] is not None:
        masks, colors = [decode_rle(item["rough_segmentation"]), *masks], [ROUGH_COLOR, *colors]
    crops = [mask[top:bottom, left:right] for mask in masks]
    points = None if item["point"] is None else [(item["point"][0] - left, item["point"][1] - top)]
    crop = image.crop(window).convert("L")
    return draw_instances(crop, crops, points=points, colors=colors, opacity=0.3, min_side=TILE, outline_width=2)


def iou_with(label: DoubtfulLabel, labels: Dataset, ground_truth: Mapping[str, Any] | None) -> float | None:
    """Return the IoU of a label with the true mask of its object; None where that is hidden from us too.

    Args:
        label: the label.
        labels: rows with pseudo labels.
        ground_truth: row of the same image with its true masks, if there are any.
    """
    item = labels[label.row]["objects"][label.position]
    known = [] if ground_truth is None else objects_with_mask(ground_truth)
    true = next((other["segmentation"] for other in known if other["id"] == item["id"]), None)
    return None if true is None else rle_iou(item["segmentation"], true)
