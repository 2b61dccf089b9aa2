# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Masks computed in their window, beside the plain way: whole images as two matrix products."""

import numpy as np
import pytest
import torch

from helpers.resized_masks import masks_in_image, official_probabilities, plain_probabilities, windowed_masks
from pointwssis.models.solov2 import mask_resizing_solov2
from pointwssis.ops.rle import encode_mask

GEOMETRIES = 40  # random sizes of image, canvas and padding


def geometry(generator: np.random.Generator):
    """Return random sizes: a quarter of the canvas, the image inside the canvas, the original image."""
    source = tuple(int(side) for side in generator.integers(1, 40, size=2))
    valid = tuple(int(generator.integers(1, 4 * side + 1)) for side in source)
    # From much smaller than the canvas, where pixels are skipped, to much larger
    target = tuple(max(1, int(side * 4 ** generator.uniform(-1.5, 1))) for side in valid)
    return source, valid, target


def blobs(generator: np.random.Generator, size) -> torch.Tensor:
    """Return probabilities of discs inside and across the border, single pixels, a full mask, and empty ones."""
    height, width = size
    y, x = np.mgrid[:height, :width]
    found = [np.zeros(size), np.full(size, 0.5), np.full(size, 0.9)]
    for _ in range(6):
        row, column = generator.uniform(-2, height + 2), generator.uniform(-2, width + 2)
        radius = generator.uniform(0.3, 1 + max(size) / 3)
        found.append(1 / (1 + np.exp(np.hypot(y - row, x - column) - radius)))
    for row, column in ((0, 0), (height - 1, width - 1), (height // 2, 0)):
        found.append(np.zeros(size))
        found[-1][row, column] = 1
    return torch.tensor(np.stack(found), dtype=torch.float32)


@pytest.mark.parametrize("strip", [mask_resizing_solov2.PIXELS_PER_STRIP, 50])
def test_no_pixel_differs_from_the_plain_way(strip, monkeypatch):
    monkeypatch.setattr(mask_resizing_solov2, "PIXELS_PER_STRIP", strip)
    generator = np.random.default_rng(0)
    for _ in range(GEOMETRIES):
        source, valid, target = geometry(generator)
        for threshold in (0.5, 0.3, 0.8):
            probabilities = torch.cat([blobs(generator, source), torch.rand(2, *source)])
            found = windowed_masks(probabilities, valid, target, threshold)
            values = plain_probabilities(probabilities, valid, target)
            for mask, own in zip(found, values, strict=True):
                # A value at the threshold itself is rounded either way.
                decided = (own - threshold).abs() > 1e-6
                assert torch.equal(mask.dense()[decided], (own > threshold)[decided])
                assert mask.rle() == encode_mask(mask.dense())


def test_the_steps_of_the_official_code_give_the_same():
    generator = np.random.default_rng(1)
    for _ in range(GEOMETRIES):
        source, valid, target = geometry(generator)
        probabilities = blobs(generator, source)
        official = official_probabilities(probabilities, valid, target)
        decided = (official - 0.5).abs() > 1e-5
        assert torch.equal(masks_in_image(probabilities, valid, target)[decided], (official > 0.5)[decided])


def test_a_small_mask_is_computed_in_a_small_window():
    probabilities = torch.zeros(3, 100, 100)
    probabilities[0, 50, 60] = probabilities[1, :2, 98:] = 1
    dot, corner, nothing = windowed_masks(probabilities, (400, 400), (1200, 1600))
    assert dot.pixels.numel() < 50 * 50 and dot.contains(606, 968) and not dot.contains(0, 0)
    assert corner.window.top == 0 and corner.window.right == 1600 and corner.contains(0, 1599)
    assert nothing.pixels.numel() == 0 and not nothing.dense().any() and nothing.dense().shape == (1200, 1600)
    assert nothing.rle() == encode_mask(np.zeros((1200, 1600)))


def test_foreground_in_the_padding_is_no_mask():
    probabilities = torch.zeros(1, 20, 20)
    probabilities[0, 15:, 15:] = 1
    (mask,) = windowed_masks(probabilities, (48, 52), (96, 104))
    assert not mask.dense().any() and mask.rle() == encode_mask(np.zeros((96, 104)))


def test_bfloat16_of_the_network_does_not_round_the_resizing():
    probabilities = blobs(np.random.default_rng(2), (20, 30))
    expected = masks_in_image(probabilities, (80, 120), (200, 300))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(masks_in_image(probabilities, (80, 120), (200, 300)), expected)
