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
    annotated = [item["segmentation"] for item in objects_with_mask(row) if id(item) not in labeled]
    # Objects with points come first.
    points = [item["point"] for item in items if item["point"] is not None]
    pointed = [mask for item, mask in zip(items, masks, strict=True) if item["point"] is not None]
    pointed = settle_overlaps(pointed, points, annotated)
    # Proposals share what is left.
    proposed = [mask for item, mask in zip(items, masks, strict=True) if item["point"] is None]
    proposed = _settled_proposals(proposed, taken=[*annotated, *pointed])
    # Back to the order of the objects
    settled_pointed, settled_proposed = iter(pointed), iter(proposed)
    return [next(settled_proposed if item["point"] is None else settled_pointed) for item in items]


def _settled_proposals(masks: Sequence[RLE], taken: Sequence[RLE]) -> list[RLE]:
    """Return the masks of proposals without overlaps, and without the pixels of other masks, which are taken."""
    free = [free_part(mask, taken) for mask in masks]
    # A proposal without a free pixel is empty, and no label.
    left = [mask for mask in free if rle_area(mask)]
    settled = iter(settle_overlaps(left, [point_from_mask(decode_rle(mask)) for mask in left]))
    return [next(settled) if rle_area(mask) else mask for mask in free]
