# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Adaptive Pyramid-Level Selection: one instance per point (paper, section 3.2)."""

from typing import NamedTuple

import torch
from torch import Tensor

from .decoding_solov2 import DecodingSettings, ImageOutputs
from .grid_solov2 import cells_of_points


class PointInstances(NamedTuple):
    """One instance a point, in the order of the points (with "all" levels five a point, one after the other)."""

    probabilities: Tensor  # (N, h, w)
    labels: Tensor  # (N,)
    scores: Tensor  # (N,) class confidence × maskness at the chosen level, whatever the selection maximized
    levels: Tensor  # (N,) chosen level, 0 … 4 for P2 … P6
    level_scores: Tensor  # (N, 5) what the selection compared
    class_scores: Tensor  # (N, C) best confidence × maskness of each class over the levels
    background: Tensor  # (N,) how little speaks for an object at the point, see `background_scores`
    points: Tensor  # (N,) which point each row answers


LEVEL_STRATEGIES = ("adaptive", "finest", "size", "all")


def decode_points(
    outputs: ImageOutputs,
    points: Tensor,
    class_labels: Tensor | None,
    settings: DecodingSettings,
    level_strategy: str = "adaptive",
    sizes: Tensor | None = None,
) -> PointInstances:
    """One instance a point: Adaptive Pyramid-Level Selection (paper, section 3.2).

    Each point reads one cell a level; the level with the highest score makes the mask. No point is lost or
    re-matched: points that share a cell both get their mask, and nothing is filtered. A point whose mask is empty at
    every level answers with an empty mask and score 0. (The official code loses the former, and drops the latter.)

    Args:
        outputs: of one image.
        points: (N, 2), (x, y) in pixels of the padded canvas.
        class_labels: (N,) classes, −1 where a point has none; None if no point has one. Then the class with the best
            score at the point's cells is taken.
        settings: `level_score` says what the selection maximizes.
        level_strategy: "adaptive"; "finest" (P2 alone); "size" (the levels whose scale range holds `sizes`, the best
            of them); or "all" (no selection, five instances a point, for the ablation of table 2 only).
        sizes: (N,) square root of the object's box area in pixels of the canvas, for "size".
    """
    if level_strategy not in LEVEL_STRATEGIES:
        raise ValueError(f"level_strategy is {level_strategy!r}; it takes one of {LEVEL_STRATEGIES}")
    kernels = outputs.kernel_table()
    cells = cells_of_points(points, settings.num_grids, outputs.canvas)  # (N, L)
    confidence = torch.cat([logits.sigmoid().flatten(1).T for logits in outputs.class_logits])[cells]  # (N, L, C)
    maskness, _ = outputs.masknesses(kernels[cells.flatten()], settings.mask_threshold)
    maskness = maskness.view(cells.shape)  # (N, L)

    scores = confidence * maskness[..., None]  # (N, L, C)
    class_scores = scores.amax(dim=1)  # (N, C)
    labels = class_scores.argmax(dim=1)
    if class_labels is not None:
        labels = torch.where(class_labels >= 0, class_labels, labels)
    own = labels[:, None, None].expand(-1, cells.shape[1], 1)
    scores = scores.gather(2, own)[..., 0]  # (N, L) of the point's class
    compared = scores if settings.level_score == "confidence_times_maskness" else confidence.gather(2, own)[..., 0]
    compared = compared * (maskness > 0)  # an empty mask never wins

    rows = torch.arange(len(points), device=points.device)
    if level_strategy == "all":
        rows, levels = (
            index.flatten()
            for index in torch.meshgrid(rows, torch.arange(cells.shape[1], device=points.device), indexing="ij")
        )
    else:
        eligible = eligible_levels(level_strategy, len(points), sizes, settings).to(points.device)
        levels = compared.masked_fill(~eligible, -1).argmax(dim=1)  # the finest of equals, as in the official code
    return PointInstances(
        probabilities=outputs.mask_probabilities(kernels[cells[rows, levels]]),
        labels=labels[rows],
        scores=scores[rows, levels],
        levels=levels,
        level_scores=compared[rows],
        class_scores=class_scores[rows],
        background=background_scores(outputs, points, confidence, kernels[cells])[rows],
        points=rows,
    )


def background_scores(outputs: ImageOutputs, points: Tensor, confidence: Tensor, kernels: Tensor) -> Tensor:
    """(N,) 1 − the best proposal of each point: class confidence × probability of its mask at the point itself.

    The confidence alone speaks for a whole cell, which on coarse levels may belong to an object beside the point;
    whether the object reaches to the point, its mask knows. The score ranks clicks and is no probability: confidences
    learned with the focal loss are low, so that a threshold to reject clicks by is far above 1/2; `evaluate_clicks`
    finds it.

    Args:
        outputs: of one image.
        points: (N, 2), (x, y) in pixels of the padded canvas.
        confidence: (N, L, C) class probabilities of each point's cells.
        kernels: (N, L, E) of each point's cells.
    """
    height, width = outputs.mask_features.shape[-2:]
    column, row = (points / 4).long().unbind(dim=1)
    features = outputs.mask_features[:, row.clamp(0, height - 1), column.clamp(0, width - 1)]  # (E, N)
    inside = (kernels * features.T[:, None]).sum(dim=-1).sigmoid()  # (N, L)
    return 1 - (confidence.amax(dim=-1) * inside).amax(dim=1)


def eligible_levels(level_strategy: str, num_points: int, sizes: Tensor | None, settings: DecodingSettings) -> Tensor:
    """(N, L) bool: the levels among which each point may choose."""
    num_levels = len(settings.num_grids)
    if level_strategy == "adaptive":
        return torch.ones(num_points, num_levels, dtype=torch.bool)
    if level_strategy == "finest":
        return (torch.arange(num_levels) == 0).expand(num_points, -1)
    if sizes is None or len(sizes) != num_points:
        raise ValueError("level_strategy 'size' needs `sizes`, the square root of the box area of each point's object")
    lower, upper = torch.tensor(settings.scale_ranges, dtype=torch.float32).unbind(dim=1)
    # Objects beyond every range belong to the smallest or largest level; the official code loses them.
    sizes = sizes.float().cpu().clamp(lower.min(), upper.max() - 1e-3)[:, None]
    return (sizes >= lower) & (sizes < upper)
