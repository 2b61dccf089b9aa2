# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Answers of other people's callables in the place of a teacher or proposer."""

import numpy as np
import pytest
import torch

from pointwssis.ops.coco_masks import encode_mask
from pointwssis.ops.user_error import UserError
from pointwssis.pseudo_labeling.labeler_types import check_batch, check_instances

ROW = {"image_id": 3, "file_name": "a.png", "height": 4, "width": 4}
MASK = encode_mask(np.eye(4))
GOOD = {"mask": MASK, "score": 0.5, "label": "cat"}


def checked(**values) -> dict:
    (instance,) = check_instances("teacher", ROW, [{**GOOD, **values}], 1)
    return instance


def test_generators_and_numbers_of_other_libraries():
    assert check_batch("teacher", [ROW], ([] for _ in range(1))) == [[]]
    assert check_instances("teacher", ROW, iter([GOOD]), 1) == [{**GOOD, "level": None}]
    assert checked(score=np.float32(0.5))["score"] == checked(score=torch.tensor(0.5))["score"] == 0.5
    assert checked(level=np.int64(3))["level"] == 3


def test_run_lengths_of_every_form():
    assert checked(mask={"size": [4, 4], "counts": MASK["counts"].encode()})["mask"] == MASK
    assert checked(mask={"size": (4, 4), "counts": [0, 1, 4, 1, 4, 1, 4, 1]})["mask"] == MASK


@pytest.mark.parametrize("answers", [None, "masks", {"a.png": []}, 3])
def test_what_is_no_list_of_lists(answers):
    with pytest.raises(UserError, match=r"the teacher returned \w+ for 1 images \(a.png … a.png\); expected one list"):
        check_batch("teacher", [ROW], answers)
    with pytest.raises(UserError, match=r"image 3 \(a.png\): the proposer returned \w+; expected a list of instances"):
        check_instances("proposer", ROW, answers)


@pytest.mark.parametrize("instance", [None, (MASK, 0.5, "cat"), MASK, [1, 2]])
def test_instances_of_another_form(instance):
    with pytest.raises(
        UserError, match=r"image 3 \(a.png\): the teacher returned an instance .*; expected .*mask, score"
    ):
        check_instances("teacher", ROW, [instance])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"score": float("nan")}, "the score nan; expected a number from 0 to 1"),
        ({"score": 17}, "the score 17; expected"),
        ({"score": -3.0}, "the score -3.0; expected"),
        ({"score": None}, "the score None; expected"),
        ({"score": "high"}, "the score 'high'; expected"),
        ({"score": np.ones(3)}, "the score .*; expected"),
        ({"level": "P3"}, "the level 'P3'; expected the number"),
        ({"level": 10**12}, "the level 1000000000000; expected"),
        ({"mask": np.eye(4)}, "a mask of type ndarray; expected a run-length encoding"),
        ({"mask": {"counts": "abc"}}, "a mask of type dict; expected a run-length encoding"),
        ({"mask": {"size": [4, 4], "counts": "zzz"}}, "an invalid mask: RLE counts 'zzz'"),
        (
            {"mask": {"size": [4, 4], "counts": encode_mask(np.eye(3))["counts"]}},
            "an invalid mask: RLE counts sum to 9",
        ),
        ({"mask": {"size": [4, 4], "counts": None}}, "an invalid mask: RLE counts must be text"),
    ],
)
def test_wrong_values(values, message):
    with pytest.raises(UserError, match=rf"image 3 \(a.png\): the teacher returned {message}"):
        checked(**values)
