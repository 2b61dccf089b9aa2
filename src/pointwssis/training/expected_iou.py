# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""An estimate of how well a pseudo label fits its object, learned from labels of objects whose masks are known."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import Dataset as HFDataset

from ..data.schema import masks_by_id, objects_with_mask
from ..ops.coco_masks import rle_iou
from ..ops.user_error import UserError
from .incomplete_labels import label_agreement

PRIOR_OBJECTS = 10  # strength of the prior that score and agreement say nothing, in objects
PRIOR_VARIANCE = 0.04  # typical variance of a score or an agreement


@dataclass(frozen=True)
class ExpectedIou:
    """A linear estimate of the IoU of a pseudo label with the true mask, for the weights of the mask loss.

    Args:
        mean_iou: mean IoU of the labels that the estimate was fitted to, including empty ones (0).
        mean_score: their mean score.
        mean_agreement: their mean IoU of rough and refined mask.
        score_slope: change of the IoU per unit of score.
        agreement_slope: change of the IoU per unit of agreement.

    Example:
        ```python
        labels = generate_pseudo_labels(hide_masks(held_back), teacher, refiner)
        dataset = InstanceDataset(rows, weigh_pseudo_labels=ExpectedIou.fit(labels, held_back))
        ```
    """

    mean_iou: float
    mean_score: float
    mean_agreement: float
    score_slope: float
    agreement_slope: float

    def __call__(self, item: Mapping[str, Any]) -> float:
        """Return the expected IoU, 0 … 1, of an object with a pseudo label."""
        score = self.score_slope * (item["score"] - self.mean_score)
        agreement = self.agreement_slope * (label_agreement(item) - self.mean_agreement)
        return float(np.clip(self.mean_iou + score + agreement, 0, 1))

    @classmethod
    def fit(cls, labels: HFDataset, ground_truth: HFDataset) -> "ExpectedIou":
        """Fit the estimate by least squares, with a ridge that keeps the slopes of few objects small.

        Args:
            labels: rows with pseudo labels of images that teacher and refiner were not trained on.
            ground_truth: rows with annotated masks of the same object ids.

        Raises:
            UserError: no object has both a pseudo label and an annotated mask.
        """
        # One line per pseudo label: score, agreement, and the IoU to explain
        true_masks, lines = masks_by_id(ground_truth), []
        for row in labels.with_format(None):
            for item in objects_with_mask(row):
                if item["score"] is not None and item["id"] in true_masks:
                    iou = rle_iou(item["segmentation"], true_masks[item["id"]])
                    lines.append((item["score"], label_agreement(item), iou))
        if not lines:
            raise UserError(
                "no object has both a pseudo label and an annotated mask; label images whose masks are known "
                "(generate_pseudo_labels), with the same object ids"
            )

        values = np.array(lines)
        means = values.mean(axis=0)
        features, ious = (values - means)[:, :2], (values - means)[:, 2]
        ridge = PRIOR_OBJECTS * PRIOR_VARIANCE * np.eye(2)
        slopes = np.linalg.solve(features.T @ features + ridge, features.T @ ious)
        return cls(
            mean_iou=float(means[2]),
            mean_score=float(means[0]),
            mean_agreement=float(means[1]),
            score_slope=float(slopes[0]),
            agreement_slope=float(slopes[1]),
        )
