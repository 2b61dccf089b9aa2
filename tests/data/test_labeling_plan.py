# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Mixtures that hours of labeling buy: within the hours, within the images, and without unused time."""

import itertools

import pytest

from pointwssis.data.annotation_cost import COCO_SECONDS
from pointwssis.data.labeling_plan import LabelMix, mix_of_all, mix_with_fraction, mix_with_masks, trade_offs

SECONDS = {"full": 400.0, "point": 40.0}


@pytest.mark.parametrize(
    ("hours", "images", "seconds"),
    list(
        itertools.product([0.001, 1, 24, 5000], [None, 0, 1, 300], [SECONDS, COCO_SECONDS, {"full": 3.0, "point": 7.0}])
    ),
)
def test_no_mixture_breaks_its_limits(hours, images, seconds):
    mixes = trade_offs(hours, seconds, images)
    mixes += [mix_with_fraction(part, hours, seconds, images) for part in (0, 0.1, 1)]
    mixes += [mix for mix in [mix_with_masks(3, hours, seconds, images)] if mix is not None]
    if images is not None:
        mixes += [mix for mix in [mix_of_all(hours, seconds, images)] if mix is not None]
    for mix in mixes:
        assert mix.full >= 0 and mix.point >= 0
        assert mix.seconds == pytest.approx(mix.full * seconds["full"] + mix.point * seconds["point"])
        assert mix.seconds <= 3600 * hours + 1e-6
        assert mix.none is None if images is None else mix.full + mix.point + mix.none == images and mix.none >= 0


def test_what_masks_leave_goes_into_points():
    mixes = trade_offs(10, SECONDS)
    assert (mixes[0], mixes[-1]) == (LabelMix(0, 900, None, 36000), LabelMix(90, 0, None, 36000))
    assert [mix.full for mix in mixes] == [0, 9, 22, 45, 67, 90]
    assert all(36000 - mix.seconds < SECONDS["point"] for mix in mixes)
    plenty = trade_offs(10_000, SECONDS, images=50)
    assert plenty[-1] == LabelMix(50, 0, 0, 20_000) and len(plenty) == len(set(plenty))


def test_masks_first():
    assert mix_with_masks(20, 10, SECONDS, 100) == LabelMix(20, 80, 0, 20 * 400 + 80 * 40)
    assert mix_with_masks(90, 10, SECONDS) == LabelMix(90, 0, None, 36000)
    assert mix_with_masks(91, 10, SECONDS) is None
    assert mix_with_masks(91, 10, SECONDS, images=90) == LabelMix(90, 0, 0, 36000)


def test_a_part_of_the_images():
    mix = mix_with_fraction(0.1, 24 * 196.735, COCO_SECONDS, 118_287)  # the budget of F 10% + P 90% of COCO
    assert (mix.full, mix.point, mix.none) == (11_828, 106_459, 0)
    assert mix_with_fraction(0.25, 1, SECONDS) == LabelMix(6, 21, None, 6 * 400 + 21 * 40)


def test_every_image_labeled():
    mix = mix_of_all(24 * 196.7344, COCO_SECONDS, 118_287)
    assert abs(mix.full - 0.1 * 118_287) < 1.5 and mix.none == 0
    assert mix_of_all(1, SECONDS, 90) == LabelMix(0, 90, 0, 3600)
    assert mix_of_all(1, SECONDS, 91) is None
    assert mix_of_all(1000, SECONDS, 91).full == 91
    assert mix_of_all(1, {"full": 3, "point": 7}, 10) == LabelMix(10, 0, 0, 30)


@pytest.mark.parametrize("hours", [0, -1, float("inf"), float("nan")])
def test_impossible_hours(hours):
    with pytest.raises(ValueError, match="hours is"):
        trade_offs(hours, SECONDS)


def test_labels_that_take_no_time_have_no_limit():
    with pytest.raises(ValueError, match="an image with the label 'point' takes 0 seconds"):
        mix_with_fraction(0.5, 1, {"full": 3, "point": 0})
    with pytest.raises(ValueError, match="the fraction of images with masks is 1.5"):
        mix_with_fraction(1.5, 1, SECONDS)
