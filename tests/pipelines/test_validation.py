# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas
import pytest
import torch
from PIL import Image

from helpers import tiny
from pointwssis.ops.coco_masks import decode_rle, encode_mask
from pointwssis.ops.point_prompts import checked_labels, checked_points, label_id
from pointwssis.ops.polygons import mask_to_polygons
from pointwssis.ops.user_error import UserError
from pointwssis.pipelines.validation import checked_rough_masks

IMAGE = Image.new("RGB", (60, 40))
NAMES = {0: "cat", 1: "dog", 2: "Traffic Light"}


@pytest.mark.parametrize(
    "points",
    [
        [(0, 0), (60, 40)],
        [(np.int8(0), torch.tensor(0)), [Fraction(60), Decimal(40)]],
        np.array([[0, 0], [60, 40]]),
        torch.tensor([[0.0, 0], [60, 40]]),
        torch.tensor([[0.0, 0], [60, 40]], requires_grad=True),
        torch.tensor([[0.0, 0], [60, 40]], dtype=torch.bfloat16),
    ],
)
def test_points_up_to_the_border(points):
    checked = checked_points(points, IMAGE, "a.png")
    assert checked.dtype == np.float64 and checked.tolist() == [[0, 0], [60, 40]]


@pytest.mark.parametrize("points", [[], (), np.zeros((0, 2)), torch.zeros(0, 2), [[]]])
def test_no_points(points):
    assert checked_points(points, IMAGE, "a.png").shape == (0, 2)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([(3, 4), (60.5, 4)], r"point 1 of a\.png is \(60\.5, 4\), outside the image of 60 × 40 pixels"),
        ([(3, -0.5)], r"point 0 of a\.png is \(3, -0\.5\), outside"),
        ([(4, 41)], "outside"),
        ([(float("nan"), 4)], r"\(nan, 4\), outside"),
        ([(3, float("inf"))], r"\(3, inf\), outside"),
        ([(1, 2, 3)], r"points of a\.png must have the shape \(number of points, 2\), .* got the shape \(1, 3\)"),
        ((3, 4), r"the shape \(2,\)"),
        ([(1, 2), (3,)], r"points of a\.png must be a list of \(x, y\) numbers, got \[\(1, 2\), \(3,\)\]"),
        ([("left", "top")], "must be a list"),
        ([None], r"the shape \(1,\)|must be a list"),
        ([{"x": 1, "y": 2}], "must be a list"),
        (7, r"the shape \(\)"),
        ([(True, 4)], r"must be a list of \(x, y\) numbers, got \[\(True, 4\)\]"),
        (np.ones((2, 2), bool), "must be a list"),
        ([("3", 4)], r"must be a list of \(x, y\) numbers, got \[\('3', 4\)\]"),
        (np.array([["3", "4"]]), "must be a list"),
        ([(None, 4)], "must be a list"),
        ([(10**400, 4)], "must be a list"),
        (np.array([["2026-01-01"] * 2], "datetime64[D]"), "must be a list"),
        (np.ma.masked_array([[3, 4]], mask=[[True, False]]), "must be a list"),
        ([(0.2, 0.3), (0.7, 1)], r"all points of a.png lie in its first pixel, such as \(0.2, 0.3\): .* multiply x by"),
    ],
)
def test_bad_points(points, message):
    with pytest.raises(ValueError, match=message):
        checked_points(points, IMAGE, "a.png")


def test_one_point_that_may_be_a_part_of_the_image(caplog):
    assert checked_points([(0.2, 0.3)], IMAGE, "a.png").tolist() == [[0.2, 0.3]] and "0 to 1" in caplog.text
    caplog.clear()
    checked_points([(0, 1), (1, 1)], IMAGE, "a.png")
    checked_points([(0.2, 0.3), (3, 4)], IMAGE, "a.png")
    checked_points([(0.2, 0.3), (0.7, 1)], Image.new("L", (2, 2)), "a.png")
    assert not caplog.text


def test_columns_of_a_table_go_by_their_names():
    table = pandas.DataFrame({"y": [4], "x": [3], "label": ["star"]})
    assert checked_points(table, IMAGE, "a.png").tolist() == [[3, 4]]


def test_labels():
    assert checked_labels(None, 2, NAMES, "a.png") == [None, None]
    assert checked_labels([], 0, NAMES, "a.png") == []
    assert checked_labels(["dog", 0, np.int32(2), None, -1], 5, NAMES, "a.png") == [1, 0, 2, None, None]
    assert checked_labels(torch.tensor([1, -1]), 2, NAMES, "a.png") == [1, None]
    assert checked_labels([torch.tensor(1), np.array(-1)], 2, NAMES, "a.png") == [1, None]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["cow", "dog"], r"unknown label 'cow' of point 0 of a\.png; the model knows 'cat', 'dog', 'Traffic Light'"),
        (["dog", "traffic lights"], r"point 1 of a\.png; did you mean 'Traffic Light'\?"),
        (["Dog", "dog"], "did you mean 'dog'"),
        (["dog", 3], "unknown label 3 of point 1 of a.png; give a class name, an id from 0 to 2, or None"),
        (["dog", -2], "label -2"),
        (["dog", 1.5], "label 1.5"),
        (["dog", True], "label True"),
        (["dog", ""], "label '' of point 1"),
        (["dog", float("nan")], "label nan"),
        ("dog", "labels of a.png must be a list with one entry per point, got 'dog'"),
        (1, "labels of a.png must be a list with one entry per point, got 1"),
        (np.array(1), "labels of a.png must be a list with one entry per point, got array"),
        ({"cat", "dog"}, "labels of a.png must be a list"),
        ({"cat": 0, "dog": 1}, "labels of a.png must be a list"),
        ([np.array([1, 2]), 1], r"label array\(\[1, 2\]\) of point 0"),
        (["x" * 10000, 1], "unknown label '.{,80} of point 0 of a.png; the model knows"),
        (["dog"], "labels of a.png must have one entry for each point .*, got 1 for 2 points"),
        ([], "labels of a.png must have one entry for each point .*, got 0 for 2 points"),
    ],
)
def test_bad_labels(labels, message):
    with pytest.raises(ValueError, match=message):
        checked_labels(labels, 2, NAMES, "a.png")


def test_long_lists_of_classes_are_cut():
    with pytest.raises(ValueError, match="the model knows 'c0', .*, 'c19', …$"):
        label_id("zebra", {index: f"c{index}" for index in range(80)}, "point 0")


def test_rough_masks_in_every_form():
    mask = np.zeros((40, 60), bool)
    mask[5:20, 10:30] = True
    forms = [mask, mask.astype(np.uint8) * 255, torch.from_numpy(mask), Image.fromarray(mask), encode_mask(mask)]
    forms.append(mask_to_polygons(mask))
    forms.append({"size": [40, 60], "counts": [40 * 60]})  # uncompressed, empty
    checked = checked_rough_masks(forms, 7, IMAGE, "a.png")
    assert all((decode_rle(found) == mask).all() for found in checked[:6]) and not decode_rle(checked[6]).any()
    assert len(checked_rough_masks(np.stack([mask] * 3), 3, IMAGE, "a.png")) == 3
    others = [torch.from_numpy(mask).bfloat16().requires_grad_(), mask * 7]
    assert all((decode_rle(found) == mask).all() for found in checked_rough_masks(others, 2, IMAGE, "a.png"))
    assert checked_rough_masks([], 0, IMAGE, "a.png") == []


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ([np.ones((40, 60))] * 2, "rough_masks of a.png must have one mask per point, got 2 for 1 points"),
        (np.ones((40, 60)), "rough_masks of a.png must be a list with one mask per point, got ndarray"),
        (Image.new("L", (60, 40)), "rough_masks of a.png must be a list with one mask per point, got Image"),
        (
            [np.ones((60, 40))],
            r"rough_masks\[0\] of a\.png must .* \(height, width\) = \(40, 60\), got the shape \(60, 40\)",
        ),
        ([encode_mask(np.ones((60, 40)))], r"rough_masks\[0\] of a\.png: RLE size \[60, 40\] differs"),
        ([{"size": [40, 60], "counts": [7]}], r"rough_masks\[0\] of a\.png: RLE counts sum to 7"),
        (
            [np.full((40, 60), 0.3) * np.eye(40, 60) + 0.2],
            r"\[0\] .* one other .*from 0.2 to 0.5; threshold it",
        ),
        ([-np.ones((40, 60))], "one other number inside the object, got values from -1 to -1"),
        ([np.full((40, 60), np.nan)], "got values from nan to nan"),
        ([np.full((40, 60), None)], "got the dtype object"),
        ([np.full((40, 60), "x")], "got the dtype <U1"),
        ([[]], r"rough_masks\[0\] of a\.png: segmentation must be .*, got \[\]"),
    ],
)
def test_bad_rough_masks(masks, message):
    with pytest.raises(ValueError, match=message):
        checked_rough_masks(masks, 1, IMAGE, "a.png")


def test_prompts_are_checked_before_the_network_runs(pipe):
    started = []
    hook = pipe.model.model.register_forward_pre_hook(lambda *_: started.append(1))
    with pytest.raises(ValueError, match="did you mean 'star'"):
        pipe(tiny.picture(), points=[(3, 4)], labels=["sta"])
    hook.remove()
    assert started == []


def test_labels_of_a_row_need_points(pipe):
    for labels in (["star"], np.array([3])):
        with pytest.raises(UserError, match="^labels of the image are given without points; give both, or neither$"):
            pipe({"image": tiny.picture(), "labels": labels})
    assert pipe({"image": tiny.picture(), "points": None, "labels": []})
