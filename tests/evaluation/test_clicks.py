# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import json
from functools import partial

import numpy as np
import pytest
from transformers import pipeline

from helpers import tiny
from pointwssis.data.schema import class_names, dataset_from_rows, make_object, object_masks
from pointwssis.evaluation.clicks import evaluate_clicks, rejection
from pointwssis.ops.coco_masks import encode_mask

SHAPES = tiny.shapes(4)
NAMES = class_names(SHAPES)


class Oracle:
    """Knows the ground truth, and remembers the calls."""

    def __init__(self, rows, mistaken=(), blind=False):
        self.rows, self.mistaken, self.blind = list(rows), mistaken, blind
        self.names, self.asked = class_names(rows), []

    def __call__(self, images, points):
        answers = []
        for image, own in zip(images, points, strict=True):
            row = self.rows[len(self.asked)]
            assert image.size == (row["width"], row["height"])
            self.asked.append(own)
            answers.append([self.answer(row, round(x), round(y)) for x, y in own])
        return answers

    def answer(self, row, x, y):
        masks = object_masks(row)
        hit = [item for item, mask in zip(row["objects"], masks, strict=True) if mask[y, x]]
        name = self.names[hit[-1]["category"]] if hit else self.names[0]
        if name in self.mistaken:
            name = next(other for other in self.names if other != name)
        return {"label": name, "background_score": 0.5 if self.blind else float(not hit)}


def test_an_oracle_is_right():
    oracle = Oracle(SHAPES)
    found = evaluate_clicks(SHAPES, oracle, point_source="random", batch_size=3)
    count = sum(len(row["objects"]) for row in SHAPES)
    assert found["objects"] == found["background"] == count and found["images"] == 4
    assert found["class_accuracy"] == found["mean_class_accuracy"] == found["auroc"] == 1
    assert (found["threshold"], found["objects_kept"], found["background_rejected"]) == (1, 1, 1)
    assert found["background_rejected_at_95"] == 1
    assert {name for name, value in found["per_class"].items() if value is not None} <= set(NAMES)
    for row, points in zip(SHAPES, oracle.asked, strict=True):
        on_something = [bool(object_masks(row)[:, round(y), round(x)].any()) for x, y in points]
        half = len(row["objects"])
        assert on_something == [True] * half + [False] * half
    json.dumps(found, allow_nan=False)


def test_a_class_that_is_never_right_and_a_score_that_says_nothing():
    found = evaluate_clicks(SHAPES, Oracle(SHAPES, mistaken=["star"], blind=True), point_source="random")
    present = [name for name, value in found["per_class"].items() if value is not None]
    assert "star" in present and found["per_class"]["star"] == 0
    assert found["mean_class_accuracy"] == pytest.approx(1 - 1 / len(present))
    stars = sum(NAMES[item["category"]] == "star" for row in SHAPES for item in row["objects"])
    assert found["class_accuracy"] == pytest.approx(1 - stars / found["objects"])
    assert found["auroc"] == 0.5 and found["objects_kept"] + found["background_rejected"] == 1


def test_the_same_seed_clicks_in_the_same_places():
    asked = []
    for seed in (1, 1, 2):
        oracle = Oracle(SHAPES)
        evaluate_clicks(SHAPES, oracle, point_source="random", seed=seed)
        asked.append(oracle.asked)
    assert asked[0] == asked[1] != asked[2]


def test_the_points_of_the_dataset_or_others():
    """The rows carry points of their own: centers of mass."""
    own, random = Oracle(SHAPES), Oracle(SHAPES)
    evaluate_clicks(SHAPES, own)
    evaluate_clicks(SHAPES, random, point_source="random")
    for row, points, others in zip(SHAPES, own.asked, random.asked, strict=True):
        wanted = [tuple(item["point"]) for item in row["objects"]]
        assert points[: len(wanted)] == wanted != others[: len(wanted)]


def row_of(image_id, objects, complete=True, **fields):
    row = {"image": "a.png", "image_id": image_id, "width": 8, "height": 6, "file_name": "a.png", "complete": complete}
    return {**row, "image_labels": None, "objects": objects, **fields}


def test_what_is_clicked(tmp_path):
    tiny.picture(6, 8).save(tmp_path / "a.png")
    left, right, nothing = np.zeros((6, 8), bool), np.zeros((6, 8), bool), np.zeros((6, 8), bool)
    left[:, :3], right[:, 4:] = True, True
    objects = [
        make_object(1, 0, segmentation=encode_mask(left)),
        make_object(2, 1, segmentation=encode_mask(right), iscrowd=True),  # no object, and no background either
        make_object(3, 1, segmentation=encode_mask(nothing)),  # has no pixel to click on
        make_object(4, None, segmentation=encode_mask(left), point=[2.0, 5.0]),  # of no known class
    ]
    rows = [
        row_of(1, objects),
        row_of(2, []),
        row_of(3, objects, complete=False),
        row_of(4, [make_object(9, 0, point=[1.0, 1.0])]),  # a click without a mask: the background is not known
        row_of(5, [make_object(7, 0, segmentation=encode_mask(~nothing))]),  # leaves no background
    ]
    rows = [{**row, "image": str(tmp_path / "a.png")} for row in rows]
    asked = []

    def segmenter(images, points):
        asked.extend(points)
        return [[{"label": "cat", "background_score": 0.5}] * len(own) for own in points]

    found = evaluate_clicks(dataset_from_rows(rows, ["cat", "dog"]), segmenter)
    assert asked[0][:2] == [(1.0, 2.5), (2.0, 5.0)] and [x for x, _ in asked[0][2:]] == [3, 3]
    assert [len(points) for points in asked] == [4, 1, 1]
    assert (found["images"], found["objects"], found["background"]) == (3, 3, 3)
    assert found["per_class"] == {"cat": 1, "dog": None} and found["class_accuracy"] == 1


def test_nothing_to_measure():
    found = evaluate_clicks(dataset_from_rows([], ["cat"]), lambda images, points: [])
    assert {name: found[name] for name in ("images", "objects", "background")} == dict.fromkeys(
        ("images", "objects", "background"), 0
    )
    assert found["auroc"] is None and found["class_accuracy"] is None and found["per_class"] == {"cat": None}
    assert set(rejection([], [0.5]).values()) == set(rejection([0.5], []).values()) == {None}


def test_the_trade_off():
    objects, background = [0.1] * 19 + [0.8], [0.05, 0.2, 0.5, 0.9]
    found = rejection(objects, background)
    pairs = [(b > o) + (b == o) / 2 for o in objects for b in background]
    assert found["auroc"] == pytest.approx(np.mean(pairs))
    assert (found["threshold"], found["objects_kept"], found["background_rejected"]) == (0.2, 0.95, 0.75)
    assert found["background_rejected_at_95"] == 0.75
    assert rejection([0.5, 0.5], [0.5, 0.5])["auroc"] == 0.5
    assert rejection([0.9], [0.1])["background_rejected_at_95"] == 0  # nothing can be rejected without the object


def test_a_segmenter_that_does_not_fit():
    with pytest.raises(ValueError, match="the segmenter returned 0 answers for"):
        evaluate_clicks(SHAPES, lambda images, points: [[] for _ in images])
    with pytest.raises(ValueError, match="the segmenter returned the label 'cow'; expected a class of .*: ellipse"):
        evaluate_clicks(
            SHAPES, lambda images, points: [[{"label": "cow", "background_score": 0.5}] * len(own) for own in points]
        )


def test_a_pipeline_is_a_segmenter(tmp_path):
    pipe = pipeline("point-instance-segmentation", model=tiny.saved_segmenter(tmp_path), device="cpu")
    found = evaluate_clicks(SHAPES, pipe)
    assert 0 <= found["auroc"] <= 1 and found["objects"] > 0
    again = evaluate_clicks(SHAPES, partial(pipe, batch_size=2, mask_format="rle"), batch_size=2)
    assert again["class_accuracy"] == found["class_accuracy"]
    assert again["auroc"] == pytest.approx(found["auroc"], abs=1e-3)
