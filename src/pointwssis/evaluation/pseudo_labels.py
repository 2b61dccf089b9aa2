# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Compare pseudo labels with the hidden masks (paper, section 4.3)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from datasets import Dataset

from ..data.schema import masks_by_id, objects_with_mask, objects_with_point, refuse_stream
from ..ops.coco_masks import rle_area, rle_iou
from .hotcoco_evaluator import coco_evaluator


def evaluate_pseudo_labels(
    pseudo_dataset: Dataset,
    ground_truth: Dataset,
    max_detections: int = 100,
    field: str = "segmentation",
) -> dict[str, float | int | None]:
    """Measure masks made from points against the masks that were hidden (paper, tables 2 to 5).

    Args:
        pseudo_dataset: rows whose objects carry masks in `field` and a `score` (1 where it is None).
        ground_truth: rows of the same images and object ids with annotated masks; other images are ignored.
        max_detections: limit of detections per image and class.
        field: "segmentation", or "rough_segmentation" for the masks before refinement.

    Returns:
        `AP`, `AP50`, `AR100`, `AR{max_detections}` as fractions; `mean_iou` of each point's mask with the annotated
        mask of the same object id, 0 where the mask is missing or empty; `points`; `labels` (masks that are not
        empty). A value without ground truth is None.
    """
    refuse_stream("ground_truth", ground_truth)
    # Only the images of the pseudo labels count.
    positions = {image_id: position for position, image_id in enumerate(ground_truth["image_id"])}
    common = [positions[image_id] for image_id in pseudo_dataset["image_id"] if image_id in positions]
    ground_truth = ground_truth.with_format(None).select(common)
    # The evaluator measures AP, and masks by object id give the IoU of each point.
    evaluator = coco_evaluator(ground_truth, max_detections)
    hidden_masks = masks_by_id(ground_truth)

    points = labels = 0
    overlaps: list[float] = []
    for row in pseudo_dataset.with_format(None):
        # An empty mask is no label, and no detection either.
        masks = [item for item in objects_with_mask(row, field) if rle_area(item[field])]
        pointed = objects_with_point(row)
        points, labels = points + len(pointed), labels + len(masks)
        # A point without a mask has an overlap of 0; objects without a true mask cannot be compared.
        own = {item["id"]: item[field] for item in masks}
        for item in pointed:
            if item["id"] in hidden_masks:
                overlaps.append(rle_iou(own[item["id"]], hidden_masks[item["id"]]) if item["id"] in own else 0.0)
        if row["image_id"] in positions:
            evaluator.update(row["image_id"], [_as_prediction(item, field) for item in masks])

    # With a larger limit, AR100 is reported as well.
    metrics = evaluator.compute()
    mean_iou = float(np.mean(overlaps)) if overlaps else None
    recalls = [f"AR{cap}" for cap in sorted({min(100, max_detections), max_detections})]
    chosen = {name: metrics[name] for name in ("AP", "AP50", *recalls)}
    return {**chosen, "mean_iou": mean_iou, "points": points, "labels": labels}


def _as_prediction(item: Mapping[str, Any], field: str) -> dict[str, Any]:
    score = 1.0 if item["score"] is None else item["score"]
    return {"label": item["category"], "score": score, "rle": item[field]}
