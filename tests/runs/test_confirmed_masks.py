# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Confirmed masks of a file, and the objects of an image that they replace."""

import numpy as np

from pointwssis.data import make_object
from pointwssis.ops.rle import encode_mask
from pointwssis.runs.confirmed_masks import confirmed_masks, unconfirmed_objects


def square(id: int, left: int, point: list[float], score: float | None) -> dict:
    """Return an object whose mask is a square of ten pixels."""
    mask = np.zeros((20, 60), bool)
    mask[5:15, left : left + 10] = True
    return make_object(id, 0, point=point, segmentation=encode_mask(mask), score=score)


CLICKS = [make_object(id, 0, point=[x, 9.0]) for id, x in ((7, 4.0), (8, 25.0), (9, 45.0))]
OTHERS = [square(2, 20, [25.0, 9.0], 0.5), square(3, 40, [45.0, 9.0], 0.5)]


def left_of(*objects: dict) -> list[int]:
    return [item["id"] for item in unconfirmed_objects(CLICKS, {"objects": objects})]


def test_a_confirmed_mask_takes_the_place_of_its_click():
    confirmed = square(1, 0, [4.0, 9.0], None)
    assert confirmed_masks({"objects": [confirmed, *OTHERS, make_object(4, 0, point=[1.0, 1.0])]}) == [confirmed]
    assert left_of(confirmed, *OTHERS) == [8, 9] and left_of(*OTHERS) == [7, 8, 9]
    # The click of another object inside it is that of an object of the file, and stays.
    assert left_of(square(1, 20, [4.0, 9.0], None), *OTHERS) == [8, 9]


def test_the_former_click_of_a_moved_point_goes():
    assert left_of(square(1, 0, [6.0, 9.0], None), *OTHERS) == [8, 9]
    # Clicks that are gone stay where no confirmed mask holds them: only a finished image says what is no object.
    assert left_of(square(1, 20, [25.0, 9.0], None)) == [7, 9]


def test_a_confirmed_mask_may_be_that_of_no_click():
    assert left_of(square(1, 0, [4.0, 9.0], 0.5), *OTHERS, square(4, 50, [52.0, 9.0], None)) == [7, 8, 9]


def test_masks_that_were_confirmed_before_are_not_doubled():
    again = square(9, 0, [4.0, 9.0], None)
    assert unconfirmed_objects([again, *CLICKS[1:]], {"objects": [square(1, 0, [4.0, 9.0], None)]}) == CLICKS[1:]
