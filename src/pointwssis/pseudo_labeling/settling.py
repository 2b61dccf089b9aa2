# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Overlaps between the masks of one row, settled by points; see `settle_overlaps` in `ops`."""

from collections.abc import Sequence
from typing import Any

from ..data.schema import objects_with_mask, objects_with_point
from ..ops.coco_masks import RLE, decode_rle, rle_area
from ..ops.overlaps import free_part, settle_overlaps
from ..ops.points import point_from_mask

Row = dict[str, Any]


def settle_rough_masks(row: Row) -> None:
    """Settle the overlaps between the rough masks of the objects with points of a row, in place."""
    items = [item for item in objects_with_point(row) if item["rough_segmentation"] is not None]
    masks = [item["rough_segmentation"] for item in items]
    settled = settle_overlaps(masks, [item["point"] for item in items])
    for item, mask in zip(items, settled, strict=True):
        item["rough_segmentation"] = mask


def settled_labels(row: Row, items: Sequence[Row], masks: Sequence[RLE]) -> list[RLE]:
    """Return the masks of the pseudo labels of a row without overlaps.

    Annotated masks do not change and keep their pixels; crowds, which are regions, claim none. Proposals, which have no
    point, take what objects with points leave; among themselves their centers of mass decide.

    Args:
        row: row of the image.
        items: objects of the row that get pseudo labels; a mask that they have already does not count.
        masks: their masks.
    """
    labeled = {id(item) for item in items}
    annotated = []
    for item in objects_with_mask(row):
        if id(item) not in labeled:
            annotated.append(item["segmentation"])
    settled = list(masks)
    # Objects with points come first.
    pointed = [index for index, item in enumerate(items) if item["point"] is not None]
    points = [items[index]["point"] for index in pointed]
    for index, mask in zip(pointed, settle_overlaps([masks[i] for i in pointed], points, annotated), strict=True):
        settled[index] = mask
    # Proposals take free pixels only; one that has none is empty, and no label.
    taken = annotated + [settled[index] for index in pointed]
    for index, item in enumerate(items):
        if item["point"] is None:
            settled[index] = free_part(masks[index], taken)
    proposed = [index for index, item in enumerate(items) if item["point"] is None and rle_area(settled[index])]
    centers = [point_from_mask(decode_rle(settled[index])) for index in proposed]
    for index, mask in zip(proposed, settle_overlaps([settled[i] for i in proposed], centers), strict=True):
        settled[index] = mask
    return settled
