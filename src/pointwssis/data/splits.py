# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Weak semi-supervision simulated on a labelled dataset: a few images keep their masks, the others only points."""

import logging
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict

from .schema import supervision

logger = logging.getLogger(__name__)

_HIDDEN = dict.fromkeys(("bbox", "area", "segmentation", "rough_segmentation", "score", "level"))


def split_supervision(dataset: Dataset, labeled_fraction: float = 0.1, seed: int = 1) -> DatasetDict:
    """Splits images into those that keep their masks and those that keep only points (paper section 4.1).

    The full images are the first n of `numpy.random.default_rng(seed).permutation(sorted image ids)` that have a mask
    for every object, n = `labeled_fraction` · images rounded half up and at least one (10% of 532 are 53). The hidden
    truth of the others, for measuring pseudo labels, is simply `dataset`.

    Args:
        dataset: rows of the schema.
        labeled_fraction: 0 … 1, of all images.
        seed: of the permutation.

    Returns:
        `full` and `point`, both in the order of `dataset`; either may be empty.

    Raises:
        ValueError: the fraction is outside of 0 … 1, or full images are wanted and no image has masks.
    """
    if not 0 <= labeled_fraction <= 1:
        raise ValueError(f"labeled_fraction is {labeled_fraction}; it is a part of the images, from 0 to 1")
    rows = dataset.with_format(None)
    kinds = {row["image_id"]: supervision(row) for row in rows}
    eligible = [int(i) for i in np.random.default_rng(seed).permutation(sorted(kinds)) if kinds[int(i)] == "full"]
    wanted = max(1, int(labeled_fraction * len(kinds) + 0.5)) if labeled_fraction else 0
    if wanted and not eligible:
        raise ValueError(f"labeled_fraction is {labeled_fraction} but no image has a mask for every object; use 0")
    if wanted > len(eligible):
        logger.warning("%d of %d images shall be fully labelled, only %d have masks", wanted, len(kinds), len(eligible))
    full = set(eligible[:wanted])
    positions = {True: [], False: []}
    for position, image_id in enumerate(rows["image_id"]):
        positions[image_id in full].append(position)
    return DatasetDict(full=rows.select(positions[True]), point=hide_masks(rows.select(positions[False])))


def hide_masks(dataset: Dataset) -> Dataset:
    """The same images with points only: masks, boxes and areas are gone, ids, classes and points stay.

    Crowds, which have no point, are gone altogether. Every other object needs a point.
    """
    return dataset.with_format(None).map(_hide_masks_of_row, features=dataset.features, desc="Hiding masks")


def _hide_masks_of_row(row: dict[str, Any]) -> dict[str, Any]:
    objects = [{**item, **_HIDDEN} for item in row["objects"] if not item["iscrowd"]]
    for item in objects:
        if item["point"] is None:
            raise ValueError(f"image {row['image_id']}: object {item['id']} has no point to keep; load it with one")
    return {"objects": objects}
