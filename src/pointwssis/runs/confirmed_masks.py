# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Single masks that people have confirmed, in images that they have not finished."""

from collections.abc import Mapping, Sequence
from typing import Any

from datasets import Dataset

from ..data.schema import objects_with_mask, objects_with_point
from ..ops.points import point_in_mask
from ..ops.rle import decode_rle

Object = dict[str, Any]


def keeps_scores(rows: Dataset) -> bool:
    """Return True if any object of a file has a score; then a mask without one is no pseudo label."""
    return any(item["score"] is not None for objects in rows["objects"] for item in objects)


def confirmed_masks(row: Mapping[str, Any]) -> list[Object]:
    """Return the objects of a row, of a file that keeps scores, whose masks were confirmed or drawn by a person."""
    return [item for item in objects_with_mask(row) if item["score"] is None]


def unconfirmed_objects(objects: Sequence[Object], row: Mapping[str, Any]) -> list[Object]:
    """Return the objects of an image whose places no confirmed mask of a file takes, unchanged.

    A confirmed mask takes the place of the object with its point. If the point was moved, it takes those of the clicks
    that it holds and that the file has no more.

    Args:
        objects: objects that the image has, mostly with points only.
        row: the same image in the file.
    """
    left, confirmed = list(objects), confirmed_masks(row)
    for item in confirmed:
        same = [other for other in left if other["point"] is not None and other["point"] == item["point"]]
        if same:
            left.remove(same[0])
    # Clicks that were moved in the file, or removed
    in_file = [item["point"] for item in objects_with_point(row)]
    gone = [other for other in left if _is_click(other) and other["point"] not in in_file]
    if not gone:
        return left
    for item in confirmed:
        mask = decode_rle(item["segmentation"])
        left = [other for other in left if other not in gone or not point_in_mask(other["point"], mask)]
    return left


def _is_click(item: Object) -> bool:
    return item["point"] is not None and item["segmentation"] is None
