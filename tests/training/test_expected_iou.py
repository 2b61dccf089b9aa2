# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Weights of pseudo labels that are fitted to known masks."""

import numpy as np
import pytest

from helpers.hand_made import rle, row
from pointwssis.data import dataset_from_rows, make_object
from pointwssis.ops.user_error import UserError
from pointwssis.training import ExpectedIou, InstanceDataset


def labeled(quality: np.ndarray, score: np.ndarray, agreement: np.ndarray):
    """Return ground truth of 20 × 10 pixels, and pseudo labels of a given IoU, score, and agreement."""
    truth, labels = [], []
    for index, values in enumerate(zip(quality, score, agreement, strict=True)):
        iou, number, overlap = (round(20 * value) for value in values)
        true = make_object(index, 0, segmentation=rle(0, 0, 20, 10), point=[5.0, 5.0])
        # A part of the object, and a rough mask that is a part of it or encloses it
        rough = rle(0, 0, round(iou * overlap / 20), 10)
        pseudo = {"segmentation": rle(0, 0, iou, 10), "rough_segmentation": rough, "score": number / 20}
        truth.append(row(index, {**true, "id": index + 1}))
        labels.append(row(index, {**true, **pseudo, "id": index + 1}))
    return dataset_from_rows(labels, ["a"]), dataset_from_rows(truth, ["a"])


def test_scores_that_say_something_order_the_weights():
    generator = np.random.default_rng(0)
    score = generator.uniform(0.3, 1, 200)
    labels, truth = labeled(score, score, np.ones(200))
    expected = ExpectedIou.fit(labels, truth)
    assert expected.score_slope == pytest.approx(1, abs=0.1) and expected.agreement_slope == 0
    weights = InstanceDataset(labels, weigh_pseudo_labels=expected)
    found = [weights[index]["mask_weights"].item() for index in range(len(labels))]
    assert found == pytest.approx(np.round(20 * score) / 20, abs=0.05)
    # A true mask keeps its weight.
    assert InstanceDataset(truth, weigh_pseudo_labels=expected)[0]["mask_weights"].tolist() == [1]


def test_scores_that_say_nothing_leave_the_mean():
    generator = np.random.default_rng(0)
    quality, score = generator.uniform(0.4, 0.8, 300), generator.uniform(0, 1, 300)
    labels, truth = labeled(quality, score, np.ones(300))
    expected = ExpectedIou.fit(labels, truth)
    items = [image["objects"][0] for image in labels]
    weights = [expected(item) for item in items]
    assert np.mean(weights) == pytest.approx(0.6, abs=0.02) and np.ptp(weights) < 0.1


def test_agreement_counts():
    generator = np.random.default_rng(0)
    agreement = generator.uniform(0.3, 1, 200)
    labels, truth = labeled(0.5 + agreement / 2, np.full(200, 0.5), agreement)
    expected = ExpectedIou.fit(labels, truth)
    assert expected.agreement_slope == pytest.approx(0.5, abs=0.1) and expected.score_slope == 0


def test_few_objects_hardly_move_the_weights_and_weights_stay_in_range():
    labels, truth = labeled(np.array([0.2, 1.0]), np.array([0.4, 0.6]), np.ones(2))
    expected = ExpectedIou.fit(labels, truth)
    assert expected.mean_iou == pytest.approx(0.6) and abs(expected.score_slope) < 0.25
    steep = ExpectedIou(0.5, 0.5, 1.0, 10.0, 0.0)
    assert [steep({"score": score, "rough_segmentation": None}) for score in (0.0, 0.5, 1.0)] == [0, 0.5, 1]


def test_without_known_masks_there_is_an_error():
    labels, truth = labeled(np.ones(2), np.ones(2), np.ones(2))
    with pytest.raises(UserError, match="no object has both a pseudo label and an annotated mask"):
        ExpectedIou.fit(truth, truth)
    with pytest.raises(UserError, match="same object ids"):
        ExpectedIou.fit(labels, labels.select([]))
