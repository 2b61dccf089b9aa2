# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Adaptive Pyramid-Level Selection: one instance per point (paper, section 3.2)."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .decoding_solov2 import MASK_PIXELS_TO_KEEP, DecodingSettings, ImageOutputs
from .grid_solov2 import cells_of_points

LEVEL_STRATEGIES = ("adaptive", "finest", "size")


class PointInstances(NamedTuple):
    """Instances of points: one per point in their order, or one per point and level (`decode_every_level`)."""

    kernels: Tensor  # (N, E) mask kernels; `mask_probabilities` makes the masks
    labels: Tensor  # (N,)
    scores: Tensor  # (N,) class confidence × maskness at the chosen level, whatever the selection maximized
    levels: Tensor  # (N,) chosen level, 0 … 4 for P2 … P6
    level_scores: Tensor  # (N, 5) scores that the selection compared
    class_scores: Tensor  # (N, C) best confidence × maskness of each class over the levels
    background: Tensor  # (N,) evidence against an object at the point, see `background_scores`
    points: Tensor  # (N,) index of the point that each row belongs to
    probabilities: Tensor | None  # (N, h, w) of the masks where they are known already

    def mask_probabilities(self, outputs: ImageOutputs) -> Iterator[Tensor]:
        """Yield the (n, h, w) foreground probabilities of the masks, a few masks at a time.

        Args:
            outputs: outputs that the points were decoded from.
        """
        return outputs.probability_chunks(self.kernels) if self.probabilities is None else iter([self.probabilities])


class CellReadings(NamedTuple):
    """Values at the cells in which N points lie, one cell per level, in one view of the image."""

    kernels: Tensor  # (N, L, E) mask kernels
    confidence: Tensor  # (N, L, C) class probabilities
    maskness: Tensor  # (N, L) mean foreground probability of each kernel's mask, 0 if it is empty
    background: Tensor  # (N,) see `background_scores`
    masks: Tensor  # (N, L) index of each cell in `probabilities`
    probabilities: Tensor | None  # (cells, h, w) of the masks if they are few


class LevelScores(NamedTuple):
    """Scores of N points on every level, averaged over the views of the image."""

    labels: Tensor  # (N,) class of each point, given or predicted
    scores: Tensor  # (N, L) class confidence × maskness, of the point's class
    compared: Tensor  # (N, L) the score that the selection maximizes; 0 where the mask is empty
    class_scores: Tensor  # (N, C) best confidence × maskness of each class over the levels
    background: Tensor  # (N,) see `background_scores`


def decode_points(
    outputs: ImageOutputs,
    points: Tensor,
    class_labels: Tensor | None,
    settings: DecodingSettings,
    level_strategy: str = "adaptive",
    sizes: Tensor | None = None,
) -> PointInstances:
    """Decode one instance per point: Adaptive Pyramid-Level Selection (paper, section 3.2).

    Each point reads one cell per level, and the level with the highest score makes the mask. Points that share a cell
    each get their mask, and no filter drops any (the official code loses both). A point whose mask is empty at every
    level gets an empty mask and score 0.

    Args:
        outputs: outputs of one image.
        points: (N, 2), (x, y) in pixels of the padded canvas.
        class_labels: (N,) classes, −1 for an unknown class; None if all are unknown. A point of unknown class gets the
            class with the best score at its cells.
        settings: `level_score` is the score that the selection maximizes.
        level_strategy: "adaptive" compares all levels (paper), "finest" takes P2, "size" compares the levels whose
            scale range contains `sizes`.
        sizes: (N,) square root of the box area of each object in pixels of the canvas, for "size".

    Returns:
        N instances, one per point in their order.

    Raises:
        ValueError: unknown strategy, or "size" without one size per point.
    """
    readings = read_cells(outputs, points, settings)
    scores = level_scores([readings], class_labels, settings)
    eligible = eligible_levels(level_strategy, len(points), sizes, settings).to(points.device)
    levels = best_levels(scores.compared.masked_fill(~eligible, -1))
    return _instances(readings, scores, torch.arange(len(points), device=points.device), levels)


def decode_every_level(
    outputs: ImageOutputs, points: Tensor, class_labels: Tensor | None, settings: DecodingSettings
) -> PointInstances:
    """Decode one instance per point and level, without a selection (the baseline of the paper's table 2).

    Args:
        outputs: outputs of one image.
        points: (N, 2), (x, y) in pixels of the padded canvas.
        class_labels: as in `decode_points`.
        settings: as in `decode_points`.

    Returns:
        N × 5 instances: those of the first point from P2 to P6, then those of the second point, and so on.
    """
    readings = read_cells(outputs, points, settings)
    scores = level_scores([readings], class_labels, settings)
    num_points, num_levels = scores.scores.shape
    rows = torch.arange(num_points, device=points.device).repeat_interleave(num_levels)
    levels = torch.arange(num_levels, device=points.device).repeat(num_points)
    return _instances(readings, scores, rows, levels)


def _instances(readings: CellReadings, scores: LevelScores, rows: Tensor, levels: Tensor) -> PointInstances:
    """Return the instances of points `rows` (M,) at `levels` (M,)."""
    return PointInstances(
        kernels=readings.kernels[rows, levels],
        labels=scores.labels[rows],
        scores=scores.scores[rows, levels],
        levels=levels,
        level_scores=scores.compared[rows],
        class_scores=scores.class_scores[rows],
        background=scores.background[rows],
        points=rows,
        probabilities=None if readings.probabilities is None else readings.probabilities[readings.masks[rows, levels]],
    )


def read_cells(outputs: ImageOutputs, points: Tensor, settings: DecodingSettings) -> CellReadings:
    """Read confidences and kernels at the cell of each point on every level; arguments as in `decode_points`."""
    cells = cells_of_points(points, settings.num_grids, outputs.canvas)  # (N, L)
    kernels, logits = outputs.at_cells(cells)  # (N, L, E), (N, L, C)
    confidence = logits.sigmoid()
    # Points that share a cell share its mask, so each is measured once.
    unique, place = cells.unique(return_inverse=True)
    one_each = kernels.new_empty(len(unique), kernels.shape[-1])
    one_each[place] = kernels
    # The masks of few points are kept, because one of every five is needed again.
    size, probabilities = outputs.mask_features.shape[-2:], None
    if len(unique) * size.numel() <= MASK_PIXELS_TO_KEEP:
        probabilities = outputs.mask_features.new_empty(len(unique), size.numel(), dtype=torch.float32)
    maskness, _ = outputs.masknesses(one_each, settings.mask_threshold, probabilities)
    background = background_scores(outputs, points, confidence, kernels)
    kept = None if probabilities is None else probabilities.unflatten(1, size)
    return CellReadings(kernels, confidence, maskness[place], background, place, kept)


def level_scores(views: Sequence[CellReadings], class_labels: Tensor | None, settings: DecodingSettings) -> LevelScores:
    """Return the scores of N points on every level, averaged over the views of an image.

    Args:
        views: readings of the same points in each view.
        class_labels: (N,) classes, −1 for an unknown class; None if all are unknown.
        settings: `level_score` is the score that the selection maximizes.
    """
    # Class of each point: the given one, else the best at any level.
    scores = _mean([view.confidence * view.maskness[..., None] for view in views])  # (N, L, C)
    class_scores = scores.amax(dim=1)  # (N, C)
    labels = class_scores.argmax(dim=1)
    if class_labels is not None:
        labels = torch.where(class_labels >= 0, class_labels, labels)

    # Scores of that class, and the one that the selection maximizes.
    own = labels[:, None, None].expand(-1, scores.shape[1], 1)
    scores = scores.gather(2, own)[..., 0]  # (N, L)
    compared = scores
    if settings.level_score != "confidence_times_maskness":
        compared = _mean([view.confidence for view in views]).gather(2, own)[..., 0]
    compared = compared * (_mean([view.maskness for view in views]) > 0)  # an empty mask never wins
    background = _mean([view.background for view in views])
    return LevelScores(labels, scores, compared, class_scores, background)


def best_levels(compared: Tensor) -> Tensor:
    """Return the (N,) level with the highest of (N, L) scores; of equal scores the finest wins (official code)."""
    return compared.argmax(dim=1)


def _mean(values: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(values)).mean(dim=0)


def background_scores(outputs: ImageOutputs, points: Tensor, confidence: Tensor, kernels: Tensor) -> Tensor:
    """Return (N,) background scores: 1 − the best class confidence × mask probability at the point itself.

    The confidence alone describes a whole cell, which on coarse levels may belong to an object beside the point; the
    mask shows whether the object extends to the point. The score ranks clicks and is no probability: confidences
    learned with the focal loss are low, so a threshold that rejects clicks lies far above 1/2; `evaluate_clicks` finds
    it.

    Args:
        outputs: outputs of one image.
        points: (N, 2), (x, y) in pixels of the padded canvas.
        confidence: (N, L, C) class probabilities of each point's cells.
        kernels: (N, L, E) mask kernels of each point's cells.
    """
    # Mask features have a quarter of the canvas' resolution.
    height, width = outputs.mask_features.shape[-2:]
    column, row = (points / 4).long().unbind(dim=1)
    features = outputs.mask_features[:, row.clamp(0, height - 1), column.clamp(0, width - 1)]  # (E, N)
    inside = (kernels * features.T[:, None]).sum(dim=-1).sigmoid()  # (N, L)
    return 1 - (confidence.amax(dim=-1) * inside).amax(dim=1)


def eligible_levels(level_strategy: str, num_points: int, sizes: Tensor | None, settings: DecodingSettings) -> Tensor:
    """Return (N, L) bool: the levels that each point may choose.

    Raises:
        ValueError: unknown strategy, or "size" without one size per point.
    """
    num_levels = len(settings.num_grids)
    if level_strategy == "adaptive":
        return torch.ones(num_points, num_levels, dtype=torch.bool)
    if level_strategy == "finest":
        return (torch.arange(num_levels) == 0).expand(num_points, -1)
    if level_strategy != "size":
        raise ValueError(f"level_strategy must be one of {LEVEL_STRATEGIES}, got {level_strategy!r}")
    if sizes is None or len(sizes) != num_points:
        raise ValueError("level_strategy 'size' needs `sizes`, the square root of the box area of each point's object")
    lower, upper = torch.tensor(settings.scale_ranges, dtype=torch.float32).unbind(dim=1)
    # Objects beyond every range belong to the smallest or largest level; the official code loses them.
    sizes = sizes.float().cpu().clamp(lower.min(), upper.max() - 1e-3)[:, None]
    return (sizes >= lower) & (sizes < upper)
