# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Negative clicks."""

import numpy as np
import pytest

from pointwssis.app.erasing import without_part


def box(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((20, 30), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_another_object_is_taken_away():
    # Two nuclei in one mask; the model sees the right one at the click.
    left = without_part(box(0, 0, 20, 10), (15, 5), (4, 5), box(10, 0, 20, 10))
    assert np.array_equal(left, box(0, 0, 10, 10))


@pytest.mark.parametrize("other", [box(0, 0, 20, 10), box(25, 15, 30, 20)], ids=["the same object", "elsewhere"])
def test_otherwise_the_nearer_half_is_taken_away(other):
    left = without_part(box(0, 0, 20, 10), (15, 5), (4, 5), other)
    assert np.array_equal(left, box(0, 0, 10, 10))  # the middle between 4 and 15 is 9.5


def test_the_own_point_stays():
    mask = box(0, 0, 30, 20)
    for clicked in [(29, 19), (5, 4), (4, 5), (4.4, 5)]:
        assert without_part(mask, clicked, (4, 5), mask)[5, 4]
