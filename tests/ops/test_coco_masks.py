# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask

from helpers.paths import PARITY
from pointwssis.ops.coco_masks import decode_rle, encode_mask, rle_area, rle_box, rle_coverage, segmentation_to_rle
from pointwssis.ops.mask_ops import (
    centers_of_mass,
    downscale_masks,
    mask_extents,
    mask_iou,
    masks_to_boxes,
    projections,
)
from pointwssis.ops.nms import mask_nms, matrix_nms, point_nms

UNITS = np.load(PARITY / "e_units.npz")


def unpacked(name: str, shape: tuple[int, ...]) -> np.ndarray:
    packed = UNITS[name]
    if packed.ndim == 1:
        return np.unpackbits(packed)[: int(np.prod(shape))].reshape(shape)
    return np.stack([np.unpackbits(row)[: shape[0] * shape[1]].reshape(shape) for row in packed])


@pytest.mark.parametrize("case", range(6))
def test_official_nms_is_reproduced(case):
    masks = torch.as_tensor(unpacked(f"nms{case}/masks", tuple(UNITS[f"nms{case}/hw"]))).float()
    labels, scores = torch.as_tensor(UNITS[f"nms{case}/labels"]), torch.as_tensor(UNITS[f"nms{case}/scores"])
    for kernel, sigma in (("gaussian", 2.0), ("gaussian", 0.5), ("linear", 2.0)):
        expected = UNITS[f"nms{case}/matrix_{kernel}_{sigma}"]
        got = matrix_nms(masks, labels, scores, kernel, sigma).numpy()
        finite = np.isfinite(expected)  # the official linear kernel divides 0 by 0 on triplicates; ours stays finite
        assert finite.any() and np.isfinite(got).all()
        np.testing.assert_allclose(got[finite], expected[finite], rtol=1e-4, atol=1e-4)
    for threshold in (0.3, 0.5, 0.7):
        expected = UNITS[f"nms{case}/mask_nms_{threshold}"]
        assert mask_nms(masks, labels, scores, threshold).tolist() == expected.tolist()


@pytest.mark.parametrize("case", range(6))
def test_official_point_nms_and_centers_are_reproduced(case):
    np.testing.assert_array_equal(
        point_nms(torch.as_tensor(UNITS[f"point_nms{case}/in"])), UNITS[f"point_nms{case}/out"]
    )
    masks = torch.as_tensor(unpacked(f"nms{case}/masks", tuple(UNITS[f"nms{case}/hw"])))
    centers = centers_of_mass(masks).numpy()
    np.testing.assert_allclose(centers[:, 0], UNITS[f"com{case}/x"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(centers[:, 1], UNITS[f"com{case}/y"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", sorted(n[:-3] for n in UNITS.files if n.startswith("imrescale") and n.endswith("/in")))
def test_official_mask_reduction_is_reproduced(name):
    masks = unpacked(f"{name}/in", tuple(UNITS[f"{name}/in_shape"]))
    expected = UNITS[f"{name}/out"].transpose(2, 0, 1).astype(bool)
    got = downscale_masks(torch.as_tensor(masks.transpose(2, 0, 1).copy())).numpy()
    assert got.shape == expected.shape and (got != expected).sum() == 0


def test_votes_of_four_pixels_are_counted():
    """Every pattern of the four central pixels, among edges that do not vote, in masks of any memory layout."""
    patterns = torch.tensor([[number >> bit & 1 for bit in range(4)] for number in range(16)])
    for edge in (0, 1):
        masks = torch.full((16, 8, 12), edge)
        masks[:, 5:7, 5:7] = patterns.view(16, 2, 2)
        expected = (patterns.sum(1) >= 2).tolist()
        for same in (masks, masks.bool(), masks.bool().mT.contiguous().mT, torch.stack([masks, masks]).bool()[1]):
            assert downscale_masks(same)[:, 1, 1].tolist() == expected
        # The first pixel in memory is not that of a word of four.
        shifted = torch.full((16 * 8 * 12 + 1,), edge).bool()[1:].view(16, 8, 12).copy_(masks)
        assert downscale_masks(shifted)[:, 1, 1].tolist() == expected
    # Arrays without elements may have strides of 0.
    nothing = torch.from_numpy(np.zeros((0, 8, 16), bool).take(np.arange(12), axis=2))
    for none in (nothing, torch.zeros(0, 8, 12)):
        assert downscale_masks(none).shape == (0, 2, 3) and mask_extents(none).boxes.shape == (0, 4)


def test_a_side_of_one_pixel_is_not_reduced_to_nothing():
    """OpenCV refuses to make such an image; a long and narrow image in a training must not stop it."""
    assert downscale_masks(torch.ones(2, 1, 12)).tolist() == [[[True] * 3]] * 2
    assert downscale_masks(torch.ones(1, 1, 1)).tolist() == [[[True]]]


def test_triplicates_under_the_linear_kernel_stay_finite():
    scores = matrix_nms(torch.ones(3, 4, 4), torch.zeros(3), torch.tensor([0.9, 0.8, 0.7]), kernel="linear")
    assert scores.tolist() == [pytest.approx(0.9), 0.0, 0.0]


def test_nms_of_nothing_and_wrong_words():
    nothing = torch.zeros(0, 4, 4), torch.zeros(0), torch.zeros(0)
    assert len(matrix_nms(*nothing)) == 0 and len(mask_nms(*nothing)) == 0
    with pytest.raises(ValueError, match="'gaussian' or 'linear'"):
        matrix_nms(torch.ones(1, 2, 2), torch.zeros(1), torch.ones(1), kernel="round")


def test_boxes_centers_and_iou_of_edge_masks():
    masks = torch.zeros(3, 5, 7)
    masks[1, 4, 6] = 1  # one pixel in the corner
    masks[2] = 1
    assert masks_to_boxes(masks).tolist() == [[0, 0, 0, 0], [6, 4, 7, 5], [0, 0, 7, 5]]
    assert centers_of_mass(masks).tolist() == [[0, 0], [6, 4], [3, 2]]
    assert mask_iou(masks)[0].tolist() == [0, 0, 0] and mask_iou(masks)[1, 2].item() == pytest.approx(1 / 35)


def test_every_coco_form_becomes_the_same_rle():
    mask = np.zeros((9, 7), bool)
    mask[2:6, 1:5] = True
    compressed = encode_mask(mask)
    columns = np.flatnonzero(np.diff(np.concatenate([[0], mask.flatten("F").astype(int), [0]])))
    runs = np.diff(np.concatenate([[0], columns, [mask.size]])).tolist()
    assert segmentation_to_rle({"size": [9, 7], "counts": runs}, 9, 7) == compressed
    assert segmentation_to_rle(compressed, 9, 7) == compressed
    assert segmentation_to_rle([[1, 2, 5, 2, 5, 6, 1, 6]], 9, 7) == compressed
    assert (decode_rle(compressed) == mask).all() and rle_area(compressed) == 16 and rle_box(compressed) == [1, 2, 4, 4]
    assert rle_box(encode_mask(np.zeros((3, 3)))) == [0, 0, 0, 0]


def test_random_compressed_counts_are_read_as_pycocotools_does():
    generator = np.random.default_rng(0)
    for _ in range(50):
        height, width = generator.integers(1, 90, 2)
        mask = generator.random((height, width)) < generator.random()
        rle = segmentation_to_rle(encode_mask(mask), int(height), int(width))
        assert (coco_mask.decode({**rle, "counts": rle["counts"].encode()}) == mask).all()


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([[0, 0, 1, 1]], "at least 6"),
        ([[0, 0, 1, 1, 2]], "at least 6"),
        ([[0, 0, 1, 1, 2, float("nan")]], "NaN"),
        ([["a", 0, 1, 1, 2, 2]], "must contain only numbers"),
        ([3, 4], "must be a list of polygons"),
        ([], "list of polygons"),
        (None, "list of polygons"),
        ({"size": [4, 4]}, "counts"),
        ({"size": [4, 5], "counts": [20]}, "differs from the image"),
        ({"size": [4, 4], "counts": [3, 4]}, "sum to 7, not to height × width = 4 × 4 = 16"),
        ({"size": [4, 4], "counts": [18, -2]}, "-2"),
        ({"size": [4, 4], "counts": "~~"}, "compressed text"),
        ({"size": [4, 4], "counts": "12"}, "not to height × width"),
        ({"size": [4, 4], "counts": 5}, "int"),
    ],
)
def test_bad_segmentations_are_named(segmentation, message):
    with pytest.raises(ValueError, match=message):
        segmentation_to_rle(segmentation, 4, 4)


def test_coverage_is_the_part_of_the_first_mask():
    small, large, empty = np.zeros((3, 6, 6), dtype=bool)
    small[1:3, 1:3], large[1:6, 2:6] = True, True
    rles = [encode_mask(mask) for mask in (large, small, empty)]
    assert rle_coverage(encode_mask(small), rles) == [0.5, 1.0, 0.0]
    assert rle_coverage(encode_mask(large), rles[1:2]) == [2 / 20]
    assert rle_coverage(encode_mask(small), []) == []


def test_overlaps_are_exact_on_every_processor(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    for count, others, pixels in ((1, 1, 1), (3, 5, 7), (17, 2, 1000), (40, 40, 4097)):
        masks, second = (torch.rand(n, pixels, generator=generator) < 0.4 for n in (count, others))
        intersection = (masks[:, None] & second[None]).sum(2)
        expected = intersection / (masks[:, None] | second[None]).sum(2).clamp(min=1)
        for capability in ("AVX2", "DEFAULT"):
            monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda name=capability: name)
            for dtype in (torch.bool, torch.uint8, torch.float32):
                assert torch.equal(mask_iou(masks.to(dtype), second.to(dtype)), expected)
            assert torch.equal(mask_iou(masks), mask_iou(masks, masks))


def test_extents_are_those_of_plain_sums():
    torch.manual_seed(0)
    # More than 255 rows and 8 · 255 columns, which overflow a byte; rows of whole and of broken words of eight pixels
    for shape in ((2, 300, 2100), (3, 9, 16), (4, 7, 13), (0, 5, 5), (2, 600, 8)):
        for density in (0.0, 0.01, 1.0):
            masks = torch.rand(shape) < density
            for part in (masks, masks[:, 1:, 1:], masks[-1:, 1:, :-1], masks.to(torch.uint8)):
                columns, rows = projections(part)
                assert torch.equal(columns, part.bool().sum(1)) and torch.equal(rows, part.bool().sum(2))
                assert torch.equal(mask_extents(part).areas, part.float().sum((1, 2)))
