# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The doubt about pseudo labels: each signal for itself, and the order of labels."""

import numpy as np
import pytest

from helpers.doubtful_labels import BOX, label, others, row
from pointwssis.data import make_object
from pointwssis.pseudo_labeling.doubt import REASONS, label_doubts, worst_first


def doubt_of(make, bad):
    found = label_doubts(make(row(1, *others(10)), row(2, bad)))
    return next(one for one in found if one.item["id"] == bad["id"])


def test_a_label_without_faults_is_doubted_for_its_score_alone(make):
    good = doubt_of(make, label(1))
    assert good.signals == {"score": 0.9, "agreement": 1, "own_point": 1, "other_points": 1, "size": 1}
    assert good.doubt == pytest.approx(0.1) and good.reason == "nothing unusual"
    assert set(good.signals) == set(REASONS)


@pytest.mark.parametrize(
    ("bad", "signal", "value", "reason"),
    [
        (label(1, score=0.2), "score", 0.2, "low score"),
        (label(1, rough=(20, 20, 30, 25)), "agreement", 0.5, "rough and refined mask differ"),
        (label(1, point=(29, 24.5)), "own_point", 1 - 4.5 / 10, "click far from the center of the mask"),
        (label(1, point=(40, 24.5)), "own_point", 0, "click outside the mask"),
        (label(1, (20, 20, 40, 40), (29.5, 29.5)), "size", 0.5, "unusual size"),
        (label(1, (20, 20, 24, 24), (21.5, 21.5)), "size", 0.4, "unusual size"),
    ],
)
def test_each_signal_shows_its_fault(make, bad, signal, value, reason):
    found = doubt_of(make, bad)
    assert found.signals[signal] == pytest.approx(value, abs=1e-6) and found.reason == reason
    rest = {name: trust for name, trust in found.signals.items() if name not in (signal, "score")}
    assert all(trust == pytest.approx(1, abs=1e-6) for trust in rest.values())
    assert found.doubt > doubt_of(make, label(1)).doubt


def test_a_mask_with_the_clicks_of_two_others(make):
    # The union of three objects holds their clicks.
    objects = [
        label(1, (20, 20, 40, 30), (29.5, 24.5)),
        label(2, BOX, (24.5, 24.5)),
        label(3, (32, 20, 40, 30), (36, 24.5)),
    ]
    found = label_doubts(make(row(1, *objects)))
    assert [one.signals["other_points"] for one in found] == [pytest.approx(1 / 3), 1, 1]
    # A click on the lower or the right border of the image is in its last pixel.
    corner = label(4, (70, 50, 80, 60), (80, 60))
    assert label_doubts(make(row(1, corner)))[0].signals["own_point"] > 0


def test_an_empty_mask_is_the_worst_label(make):
    found = doubt_of(make, label(1, box=None))
    assert found.doubt == 1 and found.reason == "empty mask"
    # A label of no area has no part in the usual size.
    only = label_doubts(make(row(1, label(1, box=None), label(2))))
    assert only[1].signals["size"] == 1


def test_sizes_are_compared_within_a_class_and_a_level(make):
    large = [label(number, (20, 20, 40, 40), (29.5, 29.5), level=3) for number in (1, 2)]
    found = label_doubts(make(row(1, *others(10)), *(row(number, item) for number, item in enumerate(large, start=2))))
    assert all(one.signals["size"] == 1 for one in found)


def test_labels_without_click_rough_mask_or_score(make):
    proposal, annotated = label(1, point=None), label(2, score=None)
    refined_only = {**label(3, (40, 40, 50, 50), (44.5, 44.5)), "rough_segmentation": None}
    unlabeled = make_object(4, 0, point=[5.0, 5.0])
    found = label_doubts(make(row(1, proposal, annotated, refined_only, unlabeled)))
    assert [one.item["id"] for one in found] == [1, 3]
    assert found[0].signals["own_point"] == 1 and found[1].signals["agreement"] == 1
    assert label_doubts(make()) == [] and label_doubts(make(row(1, annotated))) == []


def test_the_worst_label_comes_first(make):
    rows = [row(1, label(1), label(2, score=0.1)), row(2, label(3), label(4, score=0.05))]
    ranked = worst_first(label_doubts(make(*rows)))
    # Equal ones keep their order.
    assert [one.item["id"] for one in ranked] == [4, 2, 1, 3]
    assert np.all(np.diff([one.doubt for one in ranked]) <= 0)
