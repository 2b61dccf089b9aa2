# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Weakly semi-supervised splits of a labeled dataset: a few images keep their masks, the others only points."""

import logging
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict

from ..ops.user_error import UserError
from ..ops.wording import brief
from .schema import class_names, refuse_stream, supervision

logger = logging.getLogger(__name__)

HIDDEN = dict.fromkeys(("bbox", "area", "segmentation", "rough_segmentation", "score", "level"))


def split_supervision(
    dataset: Dataset,
    labeled_fraction: float = 0.1,
    seed: int = 1,
    image_level_fraction: float = 0.0,
    unlabeled_fraction: float = 0.0,
) -> DatasetDict:
    """Split images into those that keep their masks and those that keep only points (paper section 4.1), or less.

    Images are drawn in the order of `numpy.random.default_rng(seed).permutation(sorted image ids)`. The full images are
    the first n in this order that have a mask for every object, n = `labeled_fraction` · images rounded half up and at
    least one (10% of 532 are 53). Of the others the first keep only image-level labels, the next ones no label, and the
    rest points. The hidden ground truth of all, for evaluating pseudo labels, is `dataset` itself.

    Args:
        dataset: rows of the schema.
        labeled_fraction: fraction of all images with masks, 0 … 1.
        seed: seed of the permutation.
        image_level_fraction: fraction of all images with image-level labels, 0 … 1.
        unlabeled_fraction: fraction of all images without labels, 0 … 1.

    Returns:
        `full`, `point`, `image` (image-level labels) and `none`, each in the order of `dataset`; any may be empty.

    Raises:
        UserError: a fraction or their sum lies outside 0 … 1, or full images are requested and no image has masks.
    """
    fractions = {
        "labeled_fraction": labeled_fraction,
        "image_level_fraction": image_level_fraction,
        "unlabeled_fraction": unlabeled_fraction,
    }
    _check_fractions(fractions)
    if not isinstance(seed, numbers.Integral) or seed < 0:
        raise UserError(f"seed is {brief(seed)}; it must be a whole number of at least 0")
    refuse_stream("dataset", dataset)
    class_names(dataset)  # refuses what is no dataset
    # Sort the ids before the permutation, so that the draw does not depend on the order of the rows.
    rows = dataset.with_format(None)
    kinds = {row["image_id"]: supervision(row) for row in rows}
    order = [int(i) for i in np.random.default_rng(seed).permutation(sorted(kinds))]
    full = _with_masks([i for i in order if kinds[i] == "full"], labeled_fraction, len(kinds))

    # The other images are divided in the same order: first image-level labels, then no labels, then points.
    others = [i for i in order if i not in full]
    first, second = (int(part * len(kinds) + 0.5) for part in (image_level_fraction, unlabeled_fraction))
    image_level, unlabeled = set(others[:first]), set(others[first : first + second])

    # Images that were not drawn keep points. Selecting by position preserves the order of the dataset.
    kept = {**dict.fromkeys(full, "full"), **dict.fromkeys(image_level, "image"), **dict.fromkeys(unlabeled, "none")}
    positions: dict[str, list[int]] = {"full": [], "point": [], "image": [], "none": []}
    for position, image_id in enumerate(rows["image_id"]):
        positions[kept.get(image_id, "point")].append(position)
    parts = {name: rows.select(chosen) for name, chosen in positions.items()}
    # Remove from each part what it must not show; the full images stay as they are.
    return DatasetDict(
        full=parts["full"],
        point=hide_masks(parts["point"]),
        image=hide_objects(parts["image"], keep_classes=True),
        none=hide_objects(parts["none"], keep_classes=False),
    )


def _check_fractions(fractions: Mapping[str, float]) -> None:
    for name, fraction in fractions.items():
        if not isinstance(fraction, numbers.Real) or not 0 <= fraction <= 1:
            raise UserError(f"{name} is {brief(fraction)}; it must be a fraction of the images, from 0 to 1")
    # The tolerance accepts sums such as 0.7 + 0.2 + 0.1 that exceed 1 by rounding.
    if sum(fractions.values()) > 1 + 1e-9:
        raise UserError(
            f"{fractions} add up to more than 1; use smaller fractions, the rest of the images keeps points"
        )


def _with_masks(eligible: Sequence[int], fraction: float, num_images: int) -> set[int]:
    """Return the ids of the images that keep their masks."""
    # Round half up, and keep at least one image unless none was requested.
    wanted = max(1, int(fraction * num_images + 0.5)) if fraction else 0
    if wanted and not eligible:
        raise UserError(f"labeled_fraction is {fraction}, but no image has a mask for every object; use 0")
    if wanted > len(eligible):
        message = "%d of %d images should keep their masks, but only %d have masks"
        logger.warning(message, wanted, num_images, len(eligible))
    return set(eligible[:wanted])


def hide_objects(dataset: Dataset, keep_classes: bool) -> Dataset:
    """Return the same images without objects.

    Args:
        dataset: rows of the schema.
        keep_classes: keep the classes of an image as its image-level label.
    """

    def hidden(row: dict[str, Any]) -> dict[str, Any]:
        # A bare click has no class to keep. Without objects the image no longer counts as complete.
        classes = sorted({item["category"] for item in row["objects"] if item["category"] is not None})
        return {"objects": [], "complete": False, "image_labels": classes if keep_classes else None}

    return dataset.with_format(None).map(hidden, features=dataset.features, desc="Hiding objects")


def hide_masks(dataset: Dataset) -> Dataset:
    """Return the same images with points only: masks, boxes and areas are removed, ids, classes and points stay.

    Crowds, which have no point, are removed. Every other object must have a point.
    """
    class_names(dataset)  # refuses what is no dataset
    return dataset.with_format(None).map(_hide_masks_of_row, features=dataset.features, desc="Hiding masks")


def _hide_masks_of_row(row: dict[str, Any]) -> dict[str, Any]:
    objects = [{**item, **HIDDEN} for item in row["objects"] if not item["iscrowd"]]
    # Without its mask, an object needs a point.
    for item in objects:
        if item["point"] is None:
            raise UserError(f"image {row['image_id']}: object {item['id']} has no point to keep; load it with one")
    return {"objects": objects}
