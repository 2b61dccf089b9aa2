# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
import torch
from transformers import AutoModel, pipeline

from helpers import tiny
from helpers.answers import POINTS, as_array, assert_same
from pointwssis.models.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement
from pointwssis.pipelines.refiners import load_refiner

# -- points


def test_one_instance_a_point_in_their_order(pipe):
    found = pipe(tiny.picture(), points=POINTS, labels=["star", 0, None])
    assert [instance["point"] for instance in found] == [list(point) for point in POINTS]
    assert [instance["label"] for instance in found[:2]] == ["star", "ellipse"]
    assert [instance["label_id"] for instance in found[:2]] == [3, 0]
    assert [len(instance["alternatives"]) for instance in found] == [0, 0, 4]  # all four classes of the bare click
    best = max(found[2]["alternatives"], key=lambda entry: entry["score"])
    assert found[2]["label"] == best["label"] and found[2]["label_id"] == best["label_id"]
    for instance in found:
        assert instance["mask"].size == (64, 64) and instance["mask"].mode == "L"
        x, y = (min(round(value), 63) for value in instance["point"])
        assert instance["point_in_mask"] == bool(as_array(instance["mask"])[y, x])
        assert 0 <= instance["level"] <= 4 and len(instance["level_scores"]) == 5
        assert isinstance(instance["background_score"], float) and 0 <= instance["background_score"] <= 1
    masks = [as_array(instance["mask"]) for instance in found]
    assert any(mask.any() for mask in masks) and not (masks[0] == masks[1]).all()


def test_points_come_back_as_they_were_given(pipe):
    points = [(0.1, 12.3456789), (7, 8)]
    assert [instance["point"] for instance in pipe(tiny.picture(), points=points)] == [[0.1, 12.3456789], [7.0, 8.0]]


def test_reversed_points_give_the_reversed_answer(pipe):
    forward = pipe(tiny.picture(), points=POINTS, labels=["star", 0, None])
    backward = pipe(tiny.picture(), points=POINTS[::-1], labels=[None, 0, "star"])
    assert_same(forward, backward[::-1], pixels=0)


def test_the_far_border_counts_as_the_last_pixel(pipe):
    found = pipe(tiny.picture(40, 60), points=[(60, 40), (0, 0), (60, 0)])
    assert_same(found, pipe(tiny.picture(40, 60), points=[(59, 39), (0, 0), (59, 0)]), pixels=0)
    assert found[0]["point"] == [60.0, 40.0]


def test_points_in_one_place_all_get_their_mask(pipe):
    found = pipe(tiny.picture(), points=[(30, 30)] * 3, labels=["star", "star", None])
    assert len(found) == 3
    assert_same(found[:1], found[1:2], pixels=0)


@pytest.mark.parametrize("labels", [["star", 1, None], [3, np.int64(1), -1], np.array([3, 1, -1]), None])
def test_labels_as_names_ids_and_arrays(pipe, labels):
    found = pipe(tiny.picture(), points=POINTS, labels=labels)
    if labels is not None:
        assert [instance["label"] for instance in found[:2]] == ["star", "rectangle"]
    assert found[2]["alternatives"] and bool(found[0]["alternatives"]) == (labels is None)


def test_top_k_lists_the_best_classes(pipe):
    every = pipe(tiny.picture(), points=[(30, 30)], top_k=9)[0]["alternatives"]
    assert [entry["score"] for entry in every] == sorted((entry["score"] for entry in every), reverse=True)
    assert {entry["label"] for entry in every} == set(tiny.NAMES)
    assert pipe(tiny.picture(), points=[(30, 30)], top_k=1)[0]["alternatives"] == every[:1]


# -- no points


def test_no_points_is_ordinary_segmentation_and_an_empty_list_is_not(pipe):
    image = tiny.picture()
    found = pipe(image)
    assert len(found) > 1 and found[0].keys() == {"label", "label_id", "score", "mask"}
    scores = [instance["score"] for instance in found]
    assert scores == sorted(scores, reverse=True)
    threshold = scores[len(scores) // 2]
    assert len(pipe(image, threshold=threshold)) == sum(score >= threshold for score in scores)
    assert len(pipe(image, top_k=2)) == 2 and pipe(image, threshold=1) == []
    assert pipe(image, points=[]) == [] and pipe(image, points=[], labels=[]) == []
    assert pipe(image, points=np.zeros((0, 2)), labels=[]) == []


# -- several images


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_images_of_different_sizes_give_what_each_gives_alone(pipe, batch_size):
    images = [tiny.picture(64, 64, 1), tiny.picture(40, 90, 2), tiny.picture(64, 64, 3), tiny.picture(90, 40, 4)]
    points = [POINTS, [(80.0, 5.0)], [], [(5.0, 80.0), (6.0, 7.0)]]
    labels = [["star", None, 2], None, [], [None, "ellipse"]]
    together = pipe(images, points=points, labels=labels, batch_size=batch_size)
    alone = [pipe(*one) for one in zip(images, points, labels, strict=True)]
    assert [len(found) for found in together] == [3, 1, 0, 2]
    for one, other in zip(together, alone, strict=True):
        assert_same(one, other)
    ordinary = pipe(images, batch_size=batch_size)
    assert_same(ordinary[1], pipe(images[1]))


@pytest.mark.parametrize("batch_size", [1, 3])
def test_images_with_and_without_points_may_share_a_batch(pipe, batch_size):
    images = [tiny.picture(), tiny.picture(), tiny.picture()]
    found = pipe(images, points=[POINTS, None, []], batch_size=batch_size)
    assert_same(found[0], pipe(tiny.picture(), points=POINTS))
    assert_same(found[1], pipe(tiny.picture()))
    assert found[2] == []


def test_images_of_one_size_run_together(pipe):
    batches = []
    hook = pipe.model.model.register_forward_pre_hook(lambda _, inputs: batches.append(len(inputs[0])))
    pipe([tiny.picture(seed=seed) for seed in range(3)] + [tiny.picture(40, 90)], batch_size=4)
    hook.remove()
    assert batches == [3, 1]


# -- where it runs


@pytest.mark.parametrize("dtype", [torch.bfloat16, "bfloat16"])
def test_half_precision(folder, pipe, dtype):
    made = pipeline("point-instance-segmentation", model=str(folder / "teacher"), device=-1, dtype=dtype)
    assert made.model.dtype == torch.bfloat16 and made.device.type == "cpu"
    refined = made(tiny.picture(), points=POINTS, labels=["star"] * 3, refiner=str(folder / "refiner"))
    assert load_refiner(folder / "refiner", made.device, made.model.dtype).model.dtype == torch.bfloat16
    exact = pipe(tiny.picture(), points=POINTS, labels=["star"] * 3)
    for half, full in zip(refined, exact, strict=True):
        assert half["score"] == pytest.approx(full["score"], abs=0.05)
        assert (as_array(half["rough_mask"]) == as_array(full["mask"])).mean() > 0.9


# -- refiner


def test_refiner_as_folder_path_model_and_pipeline(pipe, refine, folder):
    image, points = tiny.picture(), [(10, 12), (40, 30)]
    model = AutoModel.from_pretrained(folder / "refiner")
    wanted = None
    for refiner in (str(folder / "refiner"), folder / "refiner", model, refine):
        found = pipe(image, points=points, labels=["star", None], refiner=refiner)
        wanted = wanted or found
        assert_same(found, wanted, pixels=0)
    plain = pipe(image, points=points, labels=["star", None])
    for refined, rough in zip(wanted, plain, strict=True):
        assert (as_array(refined["rough_mask"]) == as_array(rough["mask"])).all()
        assert refined["score"] == rough["score"] and refined["label"] == rough["label"]
    assert any((as_array(r["mask"]) != as_array(p["mask"])).any() for r, p in zip(wanted, plain, strict=True))
    again = refine(image, rough_masks=[p["mask"] for p in plain], points=points, labels=[p["label"] for p in plain])
    for one, other in zip(again, wanted, strict=True):
        assert (as_array(one["mask"]) == as_array(other["mask"])).all()
        assert one["point_in_mask"] == other["point_in_mask"]


def test_a_refiner_leaves_ordinary_segmentation_alone(pipe, refine):
    assert_same(pipe(tiny.picture(), refiner=refine), pipe(tiny.picture()), pixels=0)


def test_a_point_on_the_far_border_is_refined_too(pipe, refine):
    found = pipe(tiny.picture(), points=[(64, 64), (0, 0)], refiner=refine)
    assert found[0]["point"] == [64.0, 64.0]
    assert found[0]["point_in_mask"] == bool(as_array(found[0]["mask"])[63, 63])


def test_what_is_no_refiner(pipe, folder):
    with pytest.raises(ValueError, match="solov2 model; expected a MaskRefineNet"):
        pipe(tiny.picture(), points=POINTS, refiner=str(folder / "teacher"))
    with pytest.raises(TypeError, match="refiner must be a repository, .*, got bool"):
        pipe(tiny.picture(), points=POINTS, refiner=True)
    with pytest.raises(TypeError, match="refiner must be .*, got PointInstanceSegmentationPipeline"):
        pipe(tiny.picture(), points=POINTS, refiner=pipe)
    fresh = MaskRefineNetForMaskRefinement(tiny.refiner()[0].config)
    with pytest.raises(ValueError, match="pass its folder"):
        pipe(tiny.picture(), points=POINTS, refiner=fresh)


def test_a_class_that_the_refiner_does_not_know(pipe, tmp_path):
    other = tiny.saved_refiner(tmp_path, names=["cat", "dog"])
    with pytest.raises(ValueError, match="unknown label 'star' of mask 0 for the refiner; the model knows 'cat', 'd"):
        pipe(tiny.picture(), points=[(3, 4)], labels=["star"], refiner=other)


def test_a_class_agnostic_refiner_needs_no_class(pipe, tmp_path):
    agnostic = tiny.saved_refiner(tmp_path, class_conditional=False)
    assert len(pipe(tiny.picture(), points=POINTS, refiner=agnostic)) == 3


# -- bad input


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"points": [(3, 4)], "level_strategy": "best"}, "level_strategy must be .*, got 'best'"),
        ({"threshold": -0.1}, "threshold must be a score from 0 to 1, got -0.1"),
        ({"threshold": "high"}, "threshold must be a score from 0 to 1, got 'high'"),
        ({"threshold": 1.01}, "threshold must be a score from 0 to 1, got 1.01"),
        ({"threshold": float("nan")}, "threshold must be a score from 0 to 1, got nan"),
        ({"points": [(3, 4)], "level_strategy": "size"}, r"level_strategy must be one of \('adaptive', 'finest'\)"),
        ({"top_k": 0}, "top_k must be a whole number of at least 1, got 0"),
        ({"top_k": 2.5}, "top_k must be a whole number of at least 1, got 2.5"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, got 0"),
        ({"batch_size": -2}, "batch_size must be a whole number of at least 1, got -2"),
        ({"threshold": True}, "threshold must be a score from 0 to 1, got True"),
        ({"num_workers": -1}, "num_workers must be a whole number of at least 0, got -1"),
        ({"num_workers": 10**5}, "num_workers must be at most 1,024, got 100000"),
        ({"num_workers": "2"}, "num_workers must be a whole number of at least 0, got '2'"),
        ({"timeout": -1}, "timeout must be a number of seconds above 0, or None, got -1"),
        ({"timeout": "5"}, "timeout must be a number of seconds above 0, or None, got '5'"),
        ({"labels": ["star"]}, "labels are given without points"),
    ],
)
def test_bad_parameters(pipe, parameters, message):
    with pytest.raises(ValueError, match=message):
        pipe(tiny.picture(), **parameters)


def test_unknown_parameters(pipe, folder):
    with pytest.raises(
        TypeError, match="PointInstanceSegmentationPipeline has no parameter 'foo'; see Point.*__call__"
    ):
        pipe(tiny.picture(), foo=1)
    with pytest.raises(TypeError, match="has no parameter 'treshold'; did you mean 'threshold'"):
        pipeline("point-instance-segmentation", model=str(folder / "teacher"), device="cpu", treshold=1)


def test_bad_settings_of_a_new_pipeline(folder):
    for settings in ({"batch_size": 0}, {"threshold": 2}, {"top_k": 0}, {"mask_format": "coco"}):
        with pytest.raises(ValueError, match=f"{next(iter(settings))} must be"):
            pipeline("point-instance-segmentation", model=str(folder / "teacher"), device="cpu", **settings)
