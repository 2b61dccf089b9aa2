# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Masks of several views, beside the plain way: the mean of whole images."""

import pytest
import torch

from helpers.raw_outputs import random_outputs, settings_of, with_settings
from helpers.resized_masks import plain_probabilities
from pointwssis.models.solov2.decoding_solov2 import ImageOutputs
from pointwssis.models.solov2.frames_solov2 import Frame
from pointwssis.models.solov2.level_selection_solov2 import read_cells
from pointwssis.models.solov2.views_solov2 import EncodedView, decode_views
from pointwssis.ops.tiles import Window

WINDOW, IMAGE = Window(30, 10, 150, 90), (100, 200)


@pytest.mark.parametrize("flips", [[False], [True], [False, True], [True, False, True]])
def test_the_masks_are_where_the_mean_exceeds_the_threshold(flips):
    views = []
    for number, is_flipped in enumerate(flips):
        raw = random_outputs(64 + 32 * number, 96 + 32 * number)
        size = (60 + 32 * number, 90 + 32 * number)  # the rest is padding
        # Kernels that see few features make small masks, too.
        image = ImageOutputs.of(raw, 0)
        image = image._replace(mask_features=image.mask_features - 0.5)
        views.append(EncodedView(Frame(0, size, WINDOW, IMAGE), image, is_flipped))
    settings = settings_of(raw)
    points = torch.tensor([[30.0, 10], [149, 89], [70, 50], [100, 20]], dtype=torch.float64)
    found = decode_views(views, points, torch.full((4,), -1), settings)
    masks = list(found.masks)

    total = torch.zeros(4, *WINDOW.size)
    for view in views:
        cells = read_cells(view.outputs, view.on_canvas(points, points.device), settings)
        kernels = cells.kernels[torch.arange(4), found.levels]
        values = plain_probabilities(view.outputs.mask_probabilities(kernels), view.frame.valid_size, WINDOW.size)
        total += values.flip(2) if view.is_flipped else values
    mean = total / len(views)
    assert 0 < (mean > settings.mask_threshold).float().mean() < 1
    for mask, own in zip(masks, mean, strict=True):
        decided = (own - settings.mask_threshold).abs() > 1e-6
        dense = mask.dense()
        assert torch.equal(dense[WINDOW.slices][decided], (own > settings.mask_threshold)[decided])
        assert dense.shape == IMAGE and dense.sum() == dense[WINDOW.slices].sum()


@pytest.mark.parametrize("flips", [[True], [False, True]])
def test_a_point_without_a_mask_in_any_view_gets_an_empty_one(flips):
    raw = with_settings(random_outputs(64, 96), mask_threshold=0.9)
    image = ImageOutputs.of(raw, 0)
    # Features of zero give probabilities of one half, below the threshold.
    image = image._replace(mask_features=torch.zeros_like(image.mask_features))
    views = [EncodedView(Frame(0, (64, 96), WINDOW, IMAGE), image, is_flipped) for is_flipped in flips]
    found = decode_views(views, torch.tensor([[40.0, 20]], dtype=torch.float64), torch.tensor([-1]), settings_of(raw))
    (mask,) = found.masks
    assert mask.dense().shape == IMAGE and not mask.dense().any() and found.scores.tolist() == [0]
