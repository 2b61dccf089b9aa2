# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Crops around masks and points, and heat maps: the edges, and the official crops and heat maps."""

import numpy as np
import pytest
import torch

from helpers.golden_refiner import GOLDEN, box_mask, golden_masks, golden_points
from pointwssis.models.mask_refine_net.heatmaps_mask_refine_net import draw_point_heatmaps
from pointwssis.ops.crop_boxes import crop_box_around, points_to_crops


class TestCropBoxAround:
    @pytest.mark.parametrize("index", range(12))
    def test_official_crops(self, index):
        box = crop_box_around(golden_masks()[index], golden_points()[index])
        expected = GOLDEN[f"valid256/{index}/crop_bbox_xyxy_inclusive"] + [0, 0, 1, 1]
        assert box == tuple(expected.tolist())

    @pytest.mark.parametrize("index", range(12))
    @pytest.mark.parametrize("size", [64, 256])
    def test_official_points_in_crops(self, index, size):
        box = GOLDEN[f"valid256/{index}/crop_bbox_xyxy_inclusive"] + [0, 0, 1, 1]
        point = points_to_crops(golden_points()[index], box, (size, size))[0]
        assert point[::-1].tolist() == GOLDEN[f"valid{size}/{index}/center_argmax_yx"].tolist()

    def test_scale_one_is_the_extent(self):
        assert crop_box_around(box_mask(30, 40, 51, 61), (40, 50), scale=1) == (30, 40, 51, 61)

    def test_scale_keeps_the_center(self):
        assert crop_box_around(box_mask(30, 40, 51, 61), (40, 50), scale=1.5) == (25, 35, 56, 66)

    def test_only_the_side_beyond_which_the_point_lies_moves(self):
        mask = box_mask(50, 40, 61, 51)  # the crop without a point outside: 45..65 and 35..55
        assert crop_box_around(mask, (55, 45)) == (45, 35, 66, 56)
        assert crop_box_around(mask, (80, 45)) == (45, 35, 91, 56)
        assert crop_box_around(mask, (30, 45)) == (20, 35, 66, 56)
        assert crop_box_around(mask, (55, 10)) == (45, 0, 66, 56)
        assert crop_box_around(mask, (55, 90)) == (45, 35, 66, 100)

    def test_one_pixel(self):
        assert crop_box_around(box_mask(7, 8, 8, 9), (7, 8)) == (7, 8, 8, 9)
        assert crop_box_around(box_mask(7, 8, 8, 9), (9, 8)) == (7, 8, 10, 9)

    def test_one_row_keeps_a_row(self):
        assert crop_box_around(box_mask(0, 99, 120, 100), (5, 99)) == (0, 99, 120, 100)

    @pytest.mark.parametrize("point", [(0, 0), (119, 99), (119.5, 99.5), (0, 99)])
    def test_point_at_the_border(self, point):
        x0, y0, x1, y1 = crop_box_around(box_mask(50, 40, 61, 51), point)
        assert 0 <= x0 <= point[0] < x1 <= 120 and 0 <= y0 <= point[1] < y1 <= 100

    def test_empty_mask_gives_a_box_around_the_point(self):
        empty = np.zeros((80, 160), bool)
        assert crop_box_around(empty, (100, 40), scale=2) == (90, 30, 111, 51)
        assert crop_box_around(empty, (0, 79), scale=2) == (0, 69, 11, 80)
        assert crop_box_around(np.zeros((1, 1), bool), (0, 0)) == (0, 0, 1, 1)

    def test_every_crop_holds_mask_and_point(self):
        generator = np.random.default_rng(3)
        for _ in range(300):
            height, width = generator.integers(1, 60, 2)
            mask = generator.random((height, width)) > generator.choice([0.5, 0.99])
            point = generator.random(2) * [width, height]
            scale = generator.uniform(1, 2)
            x0, y0, x1, y1 = crop_box_around(mask, tuple(point), scale)
            assert 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
            assert mask[y0:y1, x0:x1].sum() == mask.sum()
            assert x0 <= point[0] < x1 and y0 <= point[1] < y1

    @pytest.mark.parametrize("point", [(-1, 5), (120, 5), (5, 100), (float("nan"), 5)])
    def test_point_outside_of_the_image_is_an_error(self, point):
        with pytest.raises(ValueError, match="outside the image of 120 × 100"):
            crop_box_around(box_mask(1, 1, 5, 5), point)


class TestPointsToCrops:
    def test_stays_inside_up_to_the_last_pixel(self):
        boxes = np.array([[10, 20, 13, 21], [0, 0, 1, 1]])
        points = np.array([[12.99, 20.99], [0.5, 0.0]])
        assert points_to_crops(points, boxes, (64, 96)).tolist() == [[95, 63], [48, 0]]

    def test_no_points(self):
        assert points_to_crops(np.zeros((0, 2)), np.zeros((0, 4)), (64, 64)).shape == (0, 2)


class TestHeatmaps:
    @pytest.mark.parametrize("index", range(7))
    def test_official_heatmaps(self, index):
        x, y, height, width = GOLDEN[f"center{index}/xyhw"].tolist()
        heatmap = draw_point_heatmaps(torch.tensor([[x, y]]), (height, width))[0]
        np.testing.assert_allclose(heatmap.numpy(), GOLDEN[f"center{index}/map"], rtol=1e-5, atol=1e-7)

    def test_official_kernel(self):
        kernel = draw_point_heatmaps(torch.tensor([[19, 19]]), (39, 39))[0]
        np.testing.assert_allclose(kernel.numpy(), GOLDEN["gaussian6"], rtol=1e-5, atol=1e-7)

    def test_support_ends_after_19_pixels(self):
        heatmap = draw_point_heatmaps(torch.tensor([[50, 50]]), (101, 101))[0]
        assert heatmap[50, 31] > 0 and heatmap[50, 30] == 0 and heatmap[69, 50] > 0 and heatmap[70, 50] == 0

    def test_batch_equals_singles_and_fractions_are_dropped(self):
        points = torch.tensor([[3.9, 5.2], [63.0, 0.0], [-0.1, 5.0]])
        heatmaps = draw_point_heatmaps(points, (48, 64))
        assert heatmaps.shape == (3, 48, 64) and heatmaps.dtype == torch.float32
        for point, heatmap in zip(points, heatmaps, strict=True):
            torch.testing.assert_close(draw_point_heatmaps(point[None], (48, 64))[0], heatmap, rtol=0, atol=0)
        assert heatmaps[0, 5, 3] == 1 and heatmaps[1, 0, 63] == 1
        assert heatmaps[2].count_nonzero() == 0  # -0.1 lies in column -1

    def test_no_points(self):
        assert draw_point_heatmaps(torch.zeros(0, 2), (8, 8)).shape == (0, 8, 8)

    def test_other_sigma(self):
        heatmap = draw_point_heatmaps(torch.tensor([[20, 20]]), (41, 41), sigma=2)[0]
        assert heatmap[20, 13] > 0 and heatmap[20, 12] == 0
        assert heatmap[20, 18].item() == pytest.approx(np.exp(-0.5))
