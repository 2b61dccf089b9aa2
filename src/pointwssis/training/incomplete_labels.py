# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Training targets of images that are not fully labeled: points to ignore, classes without background, mask weights."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from datasets import Dataset

from ..data.schema import objects_with_point
from ..ops.coco_masks import rle_area, rle_iou

logger = logging.getLogger(__name__)

MIN_COMPLETE_FRACTION = 0.05  # with at least this fraction of complete images, they alone teach background
BACKGROUND_PROBABILITY = 0.1  # with fewer, unlabeled cells below this class probability count as background


def ignore_points(row: Mapping[str, Any]) -> np.ndarray:
    """Return the points of a row around which there is no background loss.

    They are the points of objects that have no usable mask: no mask, an empty one, or one without a class.

    Returns:
        (M, 2) float32, (x, y) in pixels of the image.
    """
    points = []
    for item in objects_with_point(row):
        has_mask = item["segmentation"] is not None and item["category"] is not None
        if not has_mask or not rle_area(item["segmentation"]):
            points.append(item["point"])
    return np.array(points, dtype=np.float32).reshape(-1, 2)


def mask_weight(item: Mapping[str, Any]) -> float:
    """Return the weight of an object in the mask loss: 1 for an annotated mask.

    The weight of a pseudo label is its score times the IoU of its rough and its refined mask, which is high where
    teacher and MaskRefineNet agree. `ExpectedIou` gives weights that were fitted to known masks instead.
    """
    return 1.0 if item["score"] is None else item["score"] * label_agreement(item)


def label_agreement(item: Mapping[str, Any]) -> float:
    """Return the IoU of the rough mask of a pseudo label and the label; 1 for a label without a rough mask."""
    if item["rough_segmentation"] is None:
        return 1.0
    return rle_iou(item["segmentation"], item["rough_segmentation"])


def incomplete_classes(row: Mapping[str, Any], num_labels: int) -> np.ndarray:
    """Return the classes of which a row may show objects without a label.

    Args:
        row: row of the schema.
        num_labels: number of classes C.

    Returns:
        (C,) bool: all False for a complete image; the named classes for an image with image-level labels; else all
        True.
    """
    if row["complete"]:
        return np.zeros(num_labels, dtype=bool)
    if row["image_labels"] is None:
        return np.ones(num_labels, dtype=bool)
    # Image-level labels rule out the classes that they do not name.
    return np.isin(np.arange(num_labels), row["image_labels"])


def background_threshold(rows: Dataset) -> float:
    """Return the `background_threshold` of `SOLOv2Config` that suits these training rows.

    Background is learned from complete images. Without enough of them nothing would stop the network from predicting
    objects everywhere, so unlabeled cells with a low class probability then count as background too.

    Returns:
        Class probability from 0 to 1 below which an unlabeled cell counts as background; 0 disables the rule.
    """
    complete = sum(rows["complete"])
    # With enough complete images, unlabeled regions of the others need not count as background.
    if complete >= MIN_COMPLETE_FRACTION * len(rows):
        return 0.0
    logger.warning(
        "%d of %d images are complete, too few to learn background from; in the other images, unlabeled regions count "
        "as background where the network predicts a class with a probability below %g (background_threshold of the "
        "model)",
        complete,
        len(rows),
        BACKGROUND_PROBABILITY,
    )
    return BACKGROUND_PROBABILITY
