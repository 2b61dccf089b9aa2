# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Non-maximum suppression of the detector's masks: Matrix NMS (SOLOv2, section 3.3) and mask NMS."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def kept_detections(
    masks: np.ndarray, labels: np.ndarray, scores: np.ndarray, settings: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the detections that remain, best first, and their scores.

    Args:
        masks: (N, h, w) probabilities, in descending order of score.
        labels: (N,) class ids.
        scores: (N,) descending.
        settings: decoding settings of the model.
    """
    if len(masks) == 0:
        return np.zeros(0, np.int64), scores
    # Overlap of each mask with better ones of its class.
    flat = (masks > settings["mask_threshold"]).reshape(len(masks), -1).astype(np.float32)
    intersection, areas = flat @ flat.T, flat.sum(axis=1)
    iou = intersection / np.maximum(areas[:, None] + areas[None] - intersection, 1)
    iou = np.triu(iou, 1) * (labels[:, None] == labels[None])
    if settings["nms_type"] == "matrix":
        scores = scores * matrix_decay(iou, settings["nms_kernel"], settings["nms_sigma"])
        kept = np.flatnonzero(scores >= settings["update_threshold"])
    else:  # the mask threshold is the IoU threshold, too
        kept = np.flatnonzero(greedily_kept(iou > settings["mask_threshold"]))
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    return kept, scores[kept]


def matrix_decay(iou: np.ndarray, kernel: str, sigma: float) -> np.ndarray:
    """Return the (N,) factors of Matrix NMS from the (N, N) overlaps with better masks of the same class."""
    compensation = iou.max(axis=0)[:, None]
    if kernel == "gaussian":
        return np.exp(-sigma * (iou**2 - compensation**2)).min(axis=0)
    # A fully suppressed mask suppresses no other.
    rest = np.broadcast_to(1 - compensation, iou.shape)
    return np.divide(1 - iou, rest, out=np.full_like(iou, np.inf), where=rest > 0).min(axis=0)


def greedily_kept(overlaps: np.ndarray) -> np.ndarray:
    """Return (N,) bool: the masks that no better kept one overlaps; `overlaps` is (N, N) bool, better ones in rows."""
    keep = np.ones(len(overlaps), bool)
    for index in range(len(overlaps)):
        if keep[index]:
            keep &= ~overlaps[index]
    return keep
