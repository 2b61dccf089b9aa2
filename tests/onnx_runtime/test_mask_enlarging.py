# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Masks at the size of the image are those of the library."""

import numpy as np
import pytest
import torch

from pointwssis.models.solov2.mask_resizing_solov2 import MaskResizing
from pointwssis.onnx_runtime.mask_enlarging import enlarged_mask, linear_weights


@pytest.mark.parametrize(("valid", "target"), [((61, 90), (122, 181)), ((64, 96), (33, 40)), ((1, 96), (1, 500))])
def test_masks_equal_those_of_the_library(valid, target):
    probabilities = torch.rand(8, 16, 24, generator=torch.Generator().manual_seed(0)).pow(3)
    resizing = MaskResizing.between((16, 24), valid, target, torch.device("cpu"))
    for one, (window, mask) in zip(probabilities, resizing.masks(probabilities, 0.5), strict=True):
        pixels, place = enlarged_mask(one.numpy(), valid, target, 0.5)
        assert place == window
        assert (pixels != mask.numpy()).sum() <= 1  # a pixel at the threshold


def test_an_empty_mask_has_an_empty_window():
    pixels, window = enlarged_mask(np.zeros((4, 4), np.float32), (16, 16), (32, 32), 0.5)
    assert pixels.shape == window.size == (0, 0)


@pytest.mark.parametrize(("source", "target"), [(7, 13), (13, 7), (1, 5), (5, 1), (6, 6)])
def test_weights_are_those_of_torch(source, target):
    values = torch.rand(1, 1, source, generator=torch.Generator().manual_seed(1))
    expected = torch.nn.functional.interpolate(values, size=target, mode="linear", align_corners=False)
    np.testing.assert_allclose(linear_weights(source, target) @ values[0, 0].numpy(), expected[0, 0], atol=1e-6)
