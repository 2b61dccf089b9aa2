# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Points of masks: the edges, and the official points."""

import numpy as np
import pytest

from helpers.golden_refiner import GOLDEN, HEIGHT, WIDTH, box_mask, golden_masks
from pointwssis.ops.points import point_from_mask


class TestPointFromMask:
    def test_center_is_over_pixel_indices(self):
        assert point_from_mask(box_mask(3, 5, 4, 6)) == (3.0, 5.0)
        assert point_from_mask(box_mask(2, 7, 6, 9)) == (3.5, 7.5)

    def test_center_follows_the_mass_and_box_center_the_extent(self):
        mask = box_mask(0, 0, 10, 10) | box_mask(19, 0, 20, 1)
        x, y = point_from_mask(mask)
        assert x == pytest.approx((4.5 * 100 + 19) / 101) and y < 4.5
        assert point_from_mask(mask, "box_center") == (9.5, 4.5)

    def test_center_may_lie_outside_but_random_never_does(self):
        ring = box_mask(10, 10, 31, 31) & ~box_mask(12, 12, 29, 29)
        x, y = point_from_mask(ring)
        assert not ring[int(y), int(x)]
        generator = np.random.default_rng(0)
        points = {point_from_mask(ring, "random", generator) for _ in range(50)}
        assert len(points) > 20
        assert all(ring[int(y), int(x)] for x, y in points)

    def test_random_is_reproducible(self):
        mask = box_mask(0, 0, 50, 50)
        first, second = (point_from_mask(mask, "random", np.random.default_rng(7)) for _ in range(2))
        assert first == second
        point_from_mask(mask, "random")  # without a generator it works too

    @pytest.mark.parametrize("index", [0, 8])  # the rough masks that equal their true mask
    def test_official_points(self, index):
        x, y = point_from_mask(golden_masks()[index])
        assert [int(y / HEIGHT * 1e4), int(x / WIDTH * 1e4)] == GOLDEN["valid/points_cycx_encoded"][index].tolist()

    @pytest.mark.parametrize("kind", ["center", "box_center", "random"])
    def test_empty_mask_is_an_error(self, kind):
        with pytest.raises(ValueError, match="an empty mask has no point"):
            point_from_mask(np.zeros((4, 4), bool), kind)

    def test_unknown_kind_is_an_error(self):
        with pytest.raises(ValueError, match="'middle'"):
            point_from_mask(box_mask(0, 0, 2, 2), "middle")
