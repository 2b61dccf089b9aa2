# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Point NMS, Matrix NMS, and mask NMS against their plain definitions."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.drawn_masks import SEEDS, stacks
from pointwssis.ops import mask_nms, matrix_nms, point_nms


def plain_iou(one: np.ndarray, other: np.ndarray) -> float:
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 0.0


@st.composite
def ranked_masks(draw: st.DrawFn) -> tuple[np.ndarray, list[int], list[float]]:
    """Return masks of one image with their classes and descending scores, some of them equal."""
    masks = draw(stacks())
    labels = draw(st.lists(st.integers(0, 1), min_size=len(masks), max_size=len(masks)))
    scores = draw(st.lists(st.sampled_from([0.1, 0.25, 0.5, 0.9]), min_size=len(masks), max_size=len(masks)))
    return masks, labels, sorted(scores, reverse=True)


@given(SEEDS, st.integers(1, 3), st.integers(1, 6))
def test_point_nms_keeps_the_largest_of_four_cells(seed, classes, grid):
    # Few distinct values, so that cells are often equal
    scores = torch.from_numpy(np.random.default_rng(seed).integers(0, 4, (classes, grid, grid)) / 4)
    kept = point_nms(scores)
    for c, row, column in np.ndindex(classes, grid, grid):
        cells = scores[c, max(row - 1, 0) : row + 1, max(column - 1, 0) : column + 1]
        value = scores[c, row, column]
        assert kept[c, row, column] == (value if value == cells.max() else 0)


@given(ranked_masks(), st.sampled_from([0.0, 0.3, 0.5, 0.75, 1.0]))
def test_mask_nms_keeps_what_no_better_kept_mask_of_its_class_covers(ranked, threshold):
    masks, labels, scores = ranked
    kept: list[int] = []
    for index, mask in enumerate(masks):
        rivals = [other for other in kept if labels[other] == labels[index]]
        if not any(plain_iou(mask, masks[other]) > threshold for other in rivals):
            kept.append(index)
    found = mask_nms(torch.from_numpy(masks), torch.tensor(labels), torch.tensor(scores), threshold)
    assert found.nonzero().flatten().tolist() == kept


def plain_decay(masks: np.ndarray, labels: list[int], index: int, kernel: str, sigma: float) -> float:
    """Return the factor of one score: the least over all better masks of f(IoU) / f(IoU of that mask)."""
    factors = [1.0]
    for other in range(index):
        iou = plain_iou(masks[other], masks[index]) if labels[other] == labels[index] else 0.0
        rivals = [third for third in range(other) if labels[third] == labels[other]]
        own = max([plain_iou(masks[third], masks[other]) for third in rivals], default=0.0)
        if kernel == "gaussian":
            factors.append(math.exp(-sigma * iou**2) / math.exp(-sigma * own**2))
        elif own < 1:  # a fully suppressed mask suppresses no other
            factors.append((1 - iou) / (1 - own))
    return min(factors)


@given(ranked_masks(), st.sampled_from(["gaussian", "linear"]), st.sampled_from([0.5, 2.0]))
def test_matrix_nms_equals_its_definition(ranked, kernel, sigma):
    masks, labels, scores = ranked
    found = matrix_nms(torch.from_numpy(masks).float(), torch.tensor(labels), torch.tensor(scores), kernel, sigma)
    expected = []
    for index, score in enumerate(scores):
        expected.append(score * plain_decay(masks, labels, index, kernel, sigma))
    assert found.tolist() == pytest.approx(expected, rel=1e-5, abs=1e-6)
