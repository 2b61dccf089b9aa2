# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Masks of few points are kept from the level selection; masks of many are computed again."""

import pytest
import torch

from helpers import tiny
from pointwssis.models.solov2 import level_selection_solov2
from pointwssis.models.solov2.mask_resizing_solov2 import MaskResizing


@pytest.mark.parametrize("num_kept", [0, 1, 3])
def test_few_and_many_points_give_the_same_instances(monkeypatch, num_kept):
    model, processor = tiny.segmenter()
    encoded = processor([tiny.picture(64, 96)], return_tensors="pt")
    outputs = model.encode(encoded["pixel_values"], encoded.get("pixel_mask"))
    points = [[(3, 4), (3, 4), (90, 60), (50, 20)]]
    options = {"target_sizes": [(64, 96)]}
    expected = processor.post_process_point_instance_segmentation(outputs, points, **options)
    every_level = processor.post_process_every_level(outputs, points, **options)
    # Enough for the masks of none, of one or of three of the points.
    pixels = outputs["mask_features"].shape[-2:].numel() * 5 * num_kept
    monkeypatch.setattr(level_selection_solov2, "MASK_PIXELS_TO_KEEP", pixels)
    found = processor.post_process_point_instance_segmentation(outputs, points, **options)
    again = processor.post_process_every_level(outputs, points, **options)
    for one, other in zip(expected[0] + every_level[0], found[0] + again[0], strict=True):
        assert torch.equal(one.pop("mask"), other.pop("mask")) and one == other


def test_resizing_serves_both_inference_and_training():
    with torch.inference_mode():
        MaskResizing.between((8, 12), (32, 48), (50, 75), torch.device("cpu"))
    resizing = MaskResizing.between((8, 12), (32, 48), (50, 75), torch.device("cpu"))
    source = torch.rand(1, 8, 12, requires_grad=True)
    window = resizing.windows(source.detach(), 0.0)[0]
    resizing.probabilities(source[0], window).sum().backward()
    assert source.grad.sum() == pytest.approx(50 * 75, rel=1e-4)
