# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Target assignment of SOLOv2 against its definition, cell by cell, in the order of the official code."""

from types import SimpleNamespace

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.drawn_masks import masks
from pointwssis.models.solov2.loss_solov2 import image_targets

RANGES = [[1, 12], [6, 24], [12, 2048]]  # overlapping, as by default
DISJOINT = [[1, 8], [8, 16], [16, 2048]]  # of the teacher


def cell(coordinate: np.float32, side: int, grid: int) -> int:
    """Return the cell of a coordinate along one axis, by floor division in float32 as in the official code."""
    return int(np.floor_divide(np.float32(coordinate) / np.float32(side), np.float32(1 / grid)))


def plain_targets(
    stack: np.ndarray, boxes: np.ndarray, canvas: tuple[int, int], grid: int, scale_range: list[int], sigma: float
) -> tuple[list[int], list[int], list[int]]:
    """Return positive cells, the object of each, and the owner of every cell of one level."""
    cells, objects, owners = [], [], [-1] * grid**2
    height, width = canvas
    for index, (mask, box) in enumerate(zip(stack, boxes.astype(np.float32), strict=True)):
        # The level of an object: the square root of the area of its box.
        box_width, box_height = box[2] - box[0], box[3] - box[1]
        if not mask.any() or not scale_range[0] <= np.sqrt(box_width * box_height) < scale_range[1]:
            continue
        rows, columns = np.nonzero(mask)
        x = np.float32(columns.sum()) / np.float32(len(columns))
        y = np.float32(rows.sum()) / np.float32(len(rows))
        half_width, half_height = np.float32(0.5 * sigma) * box_width, np.float32(0.5 * sigma) * box_height
        # Cells of the central region, at most one beside the cell of the center.
        column, row = cell(x, width, grid), cell(y, height, grid)
        left = max(cell(x - half_width, width, grid), 0, column - 1)
        right = min(cell(x + half_width, width, grid), grid - 1, column + 1)
        top = max(cell(y - half_height, height, grid), 0, row - 1)
        bottom = min(cell(y + half_height, height, grid), grid - 1, row + 1)
        for i in range(top, bottom + 1):
            for j in range(left, right + 1):
                cells.append(i * grid + j)
                objects.append(index)
                owners[i * grid + j] = index
    return cells, objects, owners


@st.composite
def images(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray | None, tuple[int, int]]:
    """Return masks of objects, their annotated boxes or None, and the canvas, which may be larger than the image."""
    canvas = draw(st.sampled_from([(32, 32), (32, 64), (64, 32)]))
    height, width = draw(st.integers(1, canvas[0])), draw(st.integers(1, canvas[1]))
    stack = draw(st.lists(masks(height, width), min_size=1, max_size=6))
    boxes = None
    if draw(st.booleans()):
        x, y = st.integers(0, 4 * width), st.integers(0, 4 * height)
        corners = draw(st.lists(st.tuples(x, y, x, y), min_size=len(stack), max_size=len(stack)))
        # In quarters of pixels, as after resizing
        ordered = [(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in corners]
        boxes = np.array(ordered, dtype=float) / 4
    return np.array(stack), boxes, canvas


def extents(stack: np.ndarray) -> np.ndarray:
    """Return (N, 4) xyxy boxes of masks with exclusive maximum, zeros for empty ones."""
    boxes = np.zeros((len(stack), 4))
    for box, mask in zip(boxes, stack, strict=True):
        rows, columns = np.nonzero(mask)
        if len(rows):
            box[:] = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return boxes


@given(images(), st.sampled_from([RANGES, DISJOINT]), st.sampled_from([0.0, 0.2, 0.5, 1.0]))
def test_targets_equal_their_definition(image, ranges, sigma):
    stack, boxes, canvas = image
    config = SimpleNamespace(num_grids=[9, 5, 2], scale_ranges=ranges, center_sigma=sigma)
    given_boxes = None if boxes is None else torch.from_numpy(boxes)
    levels, _ = image_targets(torch.from_numpy(stack), given_boxes, canvas, config)
    boxes = extents(stack) if boxes is None else boxes
    for level, grid, scale_range in zip(levels, config.num_grids, ranges, strict=True):
        cells, objects, owners = plain_targets(stack, boxes, canvas, grid, scale_range, sigma)
        assert level.cells.tolist() == cells
        assert level.objects.tolist() == objects
        assert level.owners.tolist() == owners


@given(images())
def test_reduced_masks_are_votes_of_central_pixels(image):
    stack, _, canvas = image
    # Whole blocks of 4 × 4 pixels; other sizes are truncated by the fixed point of OpenCV.
    stack = stack[:, : stack.shape[1] // 4 * 4, : stack.shape[2] // 4 * 4]
    if not stack.size:
        return
    config = SimpleNamespace(num_grids=[4], scale_ranges=[[1, 2048]], center_sigma=0.2)
    _, reduced = image_targets(torch.from_numpy(stack), None, canvas, config)
    assert reduced.shape == (len(stack), canvas[0] // 4, canvas[1] // 4)
    for index, row, column in np.ndindex(*reduced.shape):
        block = stack[index, 4 * row + 1 : 4 * row + 3, 4 * column + 1 : 4 * column + 3]
        assert reduced[index, row, column] == (block.sum() >= 2)
