# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest

from pointwssis.ops.tiles import MAX_TILES, Window, most_central_windows, tile_windows
from pointwssis.ops.user_error import UserError


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
def test_windows_cover_every_pixel_and_overlap_enough(overlap):
    random = np.random.default_rng(0)
    for _ in range(100):
        height, width, side = (int(value) for value in random.integers(1, 200, 3))
        windows = tile_windows(height, width, side, overlap)
        count = np.zeros((height, width), int)
        for window in windows:
            assert window.size == (min(side, height), min(side, width))
            count[window.slices] += 1
        assert count.min() >= 1
        # Neighbors of one row
        rows = [window for window in windows if window.top == 0]
        for one, other in zip(rows, rows[1:], strict=False):
            assert one.right - other.left >= int(side * overlap) and one.left < other.left
        assert rows[0].left == 0 and rows[-1].right == width and windows[-1].bottom == height


def test_an_image_that_fits_is_one_window():
    assert tile_windows(50, 64, 64) == [Window(0, 0, 64, 50)]
    assert len(tile_windows(64, 65, 64)) == 2


def test_tiles_so_small_that_they_never_end():
    with pytest.raises(UserError, match=r"tile_size is 1, which cuts an image of 640 × 480 pixels into 307,200 tiles"):
        tile_windows(480, 640, 1)
    assert len(tile_windows(9000, 12000, 256)) < MAX_TILES


def test_points_belong_to_the_window_in_which_they_are_most_central():
    windows = tile_windows(64, 160, 64)
    assert [window.left for window in windows] == [0, 48, 96]
    # Corners of the image belong to the only window that shows them; the middle of an overlap to the first.
    points = np.array([[0, 0], [160, 64], [55, 3], [56, 3], [57, 3], [80, 60]], dtype=float)
    assert most_central_windows(points, windows, 64, 160).tolist() == [0, 2, 0, 0, 1, 1]
    assert most_central_windows(points[:0], windows, 64, 160).shape == (0,)
