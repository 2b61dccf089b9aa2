# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Marks of one object inside one file, such as the clicks or the box from which a tool made a mask.

A box without a mask belongs to the mask of its class whose box it matches best, with an IoU above one half; a click
belongs to the smallest mask of its class that contains it. If the file states the point of any mask of an image, as
exports of this package do and groups of an annotation tool, it lists every object of that image separately.

A click inside the mask of another object, which covers part of its own, cannot be told from a prompt. It is suspect if
other masks of its class have no click: then clicks are not what the masks were made from.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...ops.points import point_in_rle
from ..errors import Remark
from .coco_records import nearest_to_mean

_SAME_OBJECT_IOU = 0.5

Item = dict[str, Any]

_UNITED = "click or box of an object that has a mask (united with it)"
_SUSPECT = (
    "click inside a mask of its class, while others have none (united; group a mask with its point if they differ)"
)


def unite_marks(items: Sequence[Item], have_own_point: Sequence[bool]) -> tuple[list[Item], list[tuple[Item, Remark]]]:
    """Unite the clicks and boxes of one image with the masks that they belong to.

    Args:
        items: objects of one image, as `build_object` returns them.
        have_own_point: for each object, True if the file states its point.

    Returns:
        The objects, in order, and the marks that became part of one of them, each with a remark.
    """
    masks, own_points = [], {}
    for item, has_own_point in zip(items, have_own_point, strict=True):
        own_points[id(item)] = has_own_point
        if item["segmentation"] is not None and not item["iscrowd"] and item["bbox"] is not None:
            masks.append(item)
    if not masks or any(own_points[id(mask)] for mask in masks):
        return list(items), []

    kept: list[Item] = []
    united: list[tuple[Item, Item]] = []  # (mark, its mask)
    points: dict[int, list[list[float]]] = {}  # id of a mask → clicks on it
    for item in items:
        is_mark = item["segmentation"] is None and not item["iscrowd"]
        owner = _owner(item, masks) if is_mark else None
        if owner is None:
            kept.append(item)
            continue
        united.append((item, owner))
        # The center of a box is no click.
        if own_points[id(item)]:
            points.setdefault(id(owner), []).append(item["point"])
    for mask in masks:
        if id(mask) in points:
            mask["point"] = nearest_to_mean(points[id(mask)])
    return kept, [(mark, _remark(mark, owner, masks, points)) for mark, owner in united]


def _remark(mark: Item, owner: Item, masks: Sequence[Item], points: Mapping[int, Any]) -> Remark:
    """Return the remark on a mark that became part of a mask."""
    others_have_none = any(mask["category"] == owner["category"] and id(mask) not in points for mask in masks)
    is_suspect = id(owner) in points and others_have_none
    return Remark(_SUSPECT if is_suspect else _UNITED, "point", mark["point"], is_suspect)


def _owner(item: Mapping[str, Any], masks: Sequence[Item]) -> Item | None:
    """Return the mask that a click or box belongs to."""
    # A click without a class fits any mask.
    candidates = [mask for mask in masks if item["category"] in (None, mask["category"])]
    if item["bbox"] is not None:
        best = max(candidates, key=lambda mask: _box_iou(mask["bbox"], item["bbox"]), default=None)
        return best if best is not None and _box_iou(best["bbox"], item["bbox"]) > _SAME_OBJECT_IOU else None
    containing = [mask for mask in candidates if point_in_rle(item["point"], mask["segmentation"])]
    return min(containing, key=lambda mask: mask["area"], default=None)


def _box_iou(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the intersection over union of two COCO boxes, 0 for empty ones."""
    starts = np.array([first[:2], second[:2]])
    sides = np.array([first[2:], second[2:]])
    overlap = np.clip((starts + sides).min(axis=0) - starts.max(axis=0), 0, None).prod()
    union = sides.prod(axis=1).sum() - overlap
    return float(overlap / union) if union > 0 else 0.0
