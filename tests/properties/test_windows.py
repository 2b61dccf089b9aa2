# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Tiles of images, crops of objects, and overlaps that points settle."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.drawn_masks import masks, points
from pointwssis.models.solov2.frames_solov2 import Frame
from pointwssis.models.solov2.merging_solov2 import TileInstances, merge_tiles
from pointwssis.ops import decode_rle, encode_mask, settle_overlaps
from pointwssis.ops.crop_boxes import crop_box_around, points_to_crops
from pointwssis.ops.points import pixel_of
from pointwssis.ops.tiles import most_central_windows, tile_windows
from pointwssis.ops.windowed_masks import WindowedMask

SIDES = st.integers(1, 60)


@given(SIDES, SIDES, st.integers(1, 24), st.floats(0, 0.9))
def test_tiles_cover_the_image_with_the_fewest_windows(height, width, side, overlap):
    windows = tile_windows(height, width, side, overlap)
    count = np.zeros((height, width), int)
    for window in windows:
        assert window.size == (min(side, height), min(side, width))
        assert window.left >= 0 and window.top >= 0 and window.right <= width and window.bottom <= height
        count[window.slices] += 1
    assert count.min() >= 1
    for axis, length in ((0, width), (1, height)):
        starts = sorted({window[axis] for window in windows})
        assert all(one + side - other >= int(side * overlap) for one, other in zip(starts, starts[1:], strict=False))
        # One window fewer could not overlap as much, or not cover the image.
        steps = len(starts) - 2
        assert steps < 0 or steps * max(1, int(side * (1 - overlap))) < length - side
    assert len(windows) == len({window[0] for window in windows}) * len({window[1] for window in windows})


@given(SIDES, SIDES, st.integers(4, 24), st.data())
def test_a_point_belongs_to_the_tile_whose_inner_borders_are_farthest(height, width, side, data):
    windows = tile_windows(height, width, side)
    drawn = data.draw(st.lists(points(height, width), min_size=1, max_size=5))
    for (x, y), owner in zip(drawn, most_central_windows(np.array(drawn), windows, height, width), strict=True):
        margins = []
        for left, top, right, bottom in windows:
            inner = [x - left] * (left > 0) + [y - top] * (top > 0)
            inner += [right - x] * (right < width) + [bottom - y] * (bottom < height)
            margins.append(min(inner, default=np.inf))
        assert margins[owner] == max(margins) and margins[owner] >= 0


@st.composite
def shapes(draw: st.DrawFn, height: int, width: int) -> np.ndarray:
    """Return a connected mask: two rectangles that share a pixel."""
    row, column = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    mask = np.zeros((height, width), bool)
    for _ in range(2):
        top, left = draw(st.integers(0, row)), draw(st.integers(0, column))
        mask[top : draw(st.integers(row + 1, height)), left : draw(st.integers(column + 1, width))] = True
    return mask


@given(SIDES, SIDES, st.integers(12, 24), st.data())
def test_the_parts_of_an_object_in_all_tiles_are_merged_to_it(height, width, side, data):
    windows = tile_windows(height, width, side)
    objects = data.draw(st.lists(shapes(height, width), min_size=1, max_size=3))
    parts = []
    for number, window in enumerate(windows):
        # What a perfect network finds in a tile, with any scores; every object has its own class.
        visible = [label for label, mask in enumerate(objects) if mask[window.slices].any()]
        scores = [data.draw(st.sampled_from([0.1, 0.5, 0.9])) for _ in visible]
        found = [
            WindowedMask(torch.from_numpy(objects[label][window.slices]), window, (height, width)) for label in visible
        ]
        frame = Frame(number, window.size, window, (height, width))
        parts.append(TileInstances(frame, found, torch.tensor(visible), torch.tensor(scores)))
    merged, labels, scores = merge_tiles(parts, (height, width), torch.device("cpu"), max_detections=100)
    assert sorted(labels.tolist()) == list(range(len(objects)))
    for mask, label in zip(merged, labels.tolist(), strict=True):
        assert np.array_equal(mask.dense().numpy(), objects[label])
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)


@given(masks(), st.data())
def test_crops_contain_the_mask_and_the_point(mask, data):
    height, width = mask.shape
    point = data.draw(points(height, width))
    scale = data.draw(st.floats(1, 3))
    x0, y0, x1, y1 = crop_box_around(mask, point, scale)
    assert 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
    assert mask[y0:y1, x0:x1].sum() == mask.sum()
    assert x0 <= point[0] < x1 and y0 <= point[1] < y1
    # The point of the resized crop lies in it as well.
    crop_height, crop_width = data.draw(st.tuples(st.integers(1, 64), st.integers(1, 64)))
    [(x, y)] = points_to_crops(np.array([point]), np.array([(x0, y0, x1, y1)]), (crop_height, crop_width))
    assert 0 <= x < crop_width and 0 <= y < crop_height


@st.composite
def clicked_masks(draw: st.DrawFn) -> tuple[np.ndarray, list[tuple[float, float]], np.ndarray]:
    """Return (N, H, W) masks, a point per mask, and (M, H, W) annotated masks that do not overlap each other."""
    height, width = draw(st.integers(1, 16)), draw(st.integers(1, 16))
    stack = np.array(draw(st.lists(masks(height, width), min_size=1, max_size=5)))
    clicks = []
    for mask in stack:
        # Most points lie in their masks.
        places = np.argwhere(mask)
        if len(places) and draw(st.integers(0, 3)):
            row, column = places[draw(st.integers(0, len(places) - 1))]
            clicks.append((float(column), float(row)))
        else:
            clicks.append(draw(points(height, width)))
    annotated = np.array(draw(st.lists(masks(height, width), max_size=2)), dtype=bool).reshape(-1, height, width)
    if len(annotated) == 2:
        annotated[1] &= ~annotated[0]
    return stack, clicks, annotated


@given(clicked_masks())
def test_settled_masks_are_disjoint_and_keep_their_points(drawn):
    stack, clicks, annotated = drawn
    settled = settle_overlaps([encode_mask(mask) for mask in stack], clicks, [encode_mask(mask) for mask in annotated])
    found = np.array([decode_rle(mask) for mask in settled])
    pixels = [pixel_of(point, *stack.shape[1:]) for point in clicks]
    # Every pixel is in one mask at most, unless it is the pixel of several points.
    count = found.sum(axis=0)
    for row, column in np.argwhere(count > 1):
        assert pixels.count((row, column)) > 1
    for mask, result, pixel in zip(stack, found, pixels, strict=True):
        assert mask.any() == result.any()
        # Nothing is added except around the point of a mask that lost everything.
        near = np.zeros_like(mask)
        near[max(pixel[0] - 1, 0) : pixel[0] + 2, max(pixel[1] - 1, 0) : pixel[1] + 2] = True
        assert not (result & ~mask & ~near).any()
        if (result & ~mask).any():
            assert not (result & ~near).any()
        # A mask that held its point still does, also against annotated masks; nobody else does.
        others = [other for other in pixels if other != pixel]
        assert not any(result[other] for other in others)
        if mask[pixel] and pixels.count(pixel) == 1 and not annotated[:, pixel[0], pixel[1]].any():
            assert result[pixel]


@given(clicked_masks())
def test_masks_that_do_not_overlap_do_not_change(drawn):
    stack, clicks, _ = drawn
    disjoint = stack & (np.cumsum(stack, axis=0) == 1)
    pixels = [pixel_of(point, *stack.shape[1:]) for point in clicks]
    masks_given = [encode_mask(mask) for mask in disjoint]
    for index, (mask, result) in enumerate(zip(disjoint, settle_overlaps(masks_given, clicks), strict=True)):
        # Only the pixels of other points leave a mask.
        expected = mask.copy()
        for other, pixel in enumerate(pixels):
            if other != index and pixel != pixels[index]:
                expected[pixel] = False
        assert np.array_equal(decode_rle(result), expected) or not expected.any()
