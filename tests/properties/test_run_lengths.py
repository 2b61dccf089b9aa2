# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Run lengths and polygons of masks against pixels and against pycocotools."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from helpers.drawn_masks import masks, stacks
from pointwssis.ops import (
    decode_rle,
    encode_mask,
    join_polygons,
    mask_to_polygons,
    rasterizing,
    rle_area,
    rle_box,
    rle_coverage,
    rle_iou,
    segmentation_to_rle,
)
from pointwssis.ops.rle import decode_pixels, encode_pixels, read_runs


def plain_box(mask: np.ndarray) -> list[int]:
    """Return COCO's [x, y, width, height] of a mask, zeros if it is empty."""
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return [0, 0, 0, 0]
    return [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]


def plain_runs(mask: np.ndarray) -> list[int]:
    """Return the lengths of the runs of equal pixels, column by column, the first of background."""
    runs, value = [0], False
    for pixel in mask.T.ravel().tolist():
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    return runs


@given(masks())
def test_masks_come_back_and_equal_those_of_pycocotools(mask):
    rle = encode_mask(mask)
    theirs = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert rle == {"size": list(mask.shape), "counts": theirs["counts"].decode()}
    assert np.array_equal(decode_rle(rle), mask)
    assert read_runs(rle["counts"]).tolist() == plain_runs(mask)
    assert rle_area(rle) == mask.sum()
    assert rle_box(rle) == plain_box(mask)


@given(masks())
def test_pixels_come_back(mask):
    rle = encode_mask(mask)
    pixels = decode_pixels(rle)
    assert pixels.tolist() == np.flatnonzero(mask.T).tolist()
    assert encode_pixels(pixels, mask.shape) == rle


@given(masks(), st.data())
def test_uncompressed_run_lengths_become_the_same_mask(mask, data):
    height, width = mask.shape
    runs = plain_runs(mask)
    # A run may be cut by one of no length, which some programs write.
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(runs) - 1))
        first = data.draw(st.integers(0, runs[place]))
        runs[place : place + 1] = [first, 0, runs[place] - first]
    rle = segmentation_to_rle({"size": [height, width], "counts": runs}, height, width)
    assert np.array_equal(decode_rle(rle), mask)
    assert decode_pixels(rle).tolist() == np.flatnonzero(mask.T).tolist()
    assert rle_area(rle) == mask.sum()
    assert rle_box(rle) == plain_box(mask)


@given(stacks())
def test_overlaps_equal_those_of_pixels(stack):
    rles = [encode_mask(mask) for mask in stack]
    for mask, rle in zip(stack, rles, strict=True):
        shared = (stack & mask).sum(axis=(1, 2))
        union = (stack | mask).sum(axis=(1, 2))
        expected = [one / max(all_, 1) for one, all_ in zip(shared, union, strict=True)]
        assert [rle_iou(rle, other) for other in rles] == pytest.approx(expected)
        assert rle_coverage(rle, rles) == pytest.approx([one / max(mask.sum(), 1) for one in shared])


@given(masks())
def test_polygons_come_back_pixel_by_pixel(mask):
    height, width = mask.shape
    polygons = mask_to_polygons(mask)
    assert bool(polygons) == mask.any()
    if polygons:
        assert segmentation_to_rle(polygons, height, width) == encode_mask(mask)
        assert segmentation_to_rle([join_polygons(polygons)], height, width) == encode_mask(mask)


@given(st.integers(1, 24), st.integers(1, 24), st.data())
def test_polygons_with_fractions_are_filled_as_by_pycocotools(height, width, data):
    corner = st.tuples(st.floats(0, width, width=16), st.floats(0, height, width=16))
    rings = data.draw(st.lists(st.lists(corner, min_size=3, max_size=8), min_size=1, max_size=3))
    polygons = [[value for point in ring for value in point] for ring in rings]
    theirs = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, height, width)))
    ours = segmentation_to_rle(polygons, height, width)
    assert np.array_equal(decode_rle(ours), theirs.astype(bool))
    assert rle_area(ours) == theirs.sum() and rle_box(ours) == plain_box(theirs)
    # Long outlines are cut into parts, which fill the same pixels.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rasterizing, "_MAX_PART", data.draw(st.integers(1, 40)))
        assert segmentation_to_rle(polygons, height, width) == ours
