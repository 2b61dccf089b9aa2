# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Compare pseudo labels with the hidden masks (paper, section 4.3)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from datasets import Dataset

from ..data.schema import objects_with_mask, objects_with_point
from ..ops.coco_masks import rle_area, rle_iou
from .coco_evaluator import CocoEvaluator


def evaluate_pseudo_labels(
    pseudo_dataset: Dataset,
    truth_dataset: Dataset,
    max_detections: int = 100,
    field: str = "segmentation",
) -> dict[str, float | int | None]:
    """How good the masks made from points are, against the masks that were hidden (paper tables 2 to 5).

    Args:
        pseudo_dataset: rows whose objects carry masks in `field` and a `score` (1 where it is None).
        truth_dataset: the same images and object ids with true masks; more images do no harm.
        max_detections: per image and class.
        field: "segmentation", or "rough_segmentation" for the masks before refinement.

    Returns:
        `AP`, `AP50`, `AR100`, `AR{max_detections}` as fractions; `mean_iou` of each point's mask with the truth of
        the same object id, 0 where the mask is missing or empty; `points`; `labels` (masks that are not empty). What
        has no truth is None.
    """
    truth_positions = {image_id: i for i, image_id in enumerate(truth_dataset["image_id"])}
    wanted = [truth_positions[i] for i in pseudo_dataset["image_id"] if i in truth_positions]
    truth = truth_dataset.with_format(None).select(wanted)
    evaluator = CocoEvaluator(truth, max_detections)
    truths = {item["id"]: item["segmentation"] for row in truth for item in objects_with_mask(row)}
    points = labels = 0
    overlaps: list[float] = []
    for row in pseudo_dataset.with_format(None):
        masks = [item for item in objects_with_mask(row, field) if rle_area(item[field])]
        pointed = objects_with_point(row)
        points, labels = points + len(pointed), labels + len(masks)
        own = {item["id"]: item[field] for item in masks}
        for item in pointed:
            if item["id"] in truths:
                overlaps.append(rle_iou(own[item["id"]], truths[item["id"]]) if item["id"] in own else 0.0)
        if row["image_id"] in truth_positions:
            evaluator.update(row["image_id"], [_as_prediction(item, field) for item in masks])
    metrics = evaluator.compute()
    mean_iou = float(np.mean(overlaps)) if overlaps else None
    wanted = ("AP", "AP50", *(f"AR{cap}" for cap in sorted({min(100, max_detections), max_detections})))
    return {**{name: metrics[name] for name in wanted}, "mean_iou": mean_iou, "points": points, "labels": labels}


def _as_prediction(item: Mapping[str, Any], field: str) -> dict[str, Any]:
    score = 1.0 if item["score"] is None else item["score"]
    return {"label": item["category"], "score": score, "rle": item[field]}
