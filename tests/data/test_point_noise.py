# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Noisy points: where they may lie, what they leave alone, and that they depend on seed and object only."""

import numpy as np
import pytest

from helpers import tiny
from pointwssis.data import (
    class_names,
    dataset_from_rows,
    make_object,
    make_shapes_dataset,
    objects_with_point,
    split_supervision,
    supervision,
)
from pointwssis.data.point_noise import (
    POINT_NOISE,
    apply_point_noise,
    corrupt_labels,
    drop_points,
    jitter_points,
    points_from_masks,
)
from pointwssis.ops.coco_masks import decode_rle, encode_mask, rle_box
from pointwssis.ops.points import point_from_mask
from pointwssis.runs.data import load_data


@pytest.fixture(scope="module")
def truth():
    return make_shapes_dataset(24, [(64, 64), (48, 80)], seed=5)


@pytest.fixture(scope="module")
def points(truth):
    return split_supervision(truth, 0)["point"]


def objects(dataset) -> dict[int, dict]:
    return {item["id"]: item for row in dataset for item in row["objects"]}


def with_truth(dataset, truth):
    """Return (row, object, ground-truth mask) of every object with a point."""
    known = objects(truth)
    return [
        (row, item, decode_rle(known[item["id"]]["segmentation"]))
        for row in dataset
        for item in objects_with_point(row)
    ]


def covered(item, mask) -> bool:
    x, y = (round(value) for value in item["point"])
    return bool(mask[y, x])


def crescent():
    """Return one object whose center of mass lies outside it, and a crowd."""
    mask = np.zeros((40, 40), bool)
    mask[5:35, 5:35] = True
    mask[12:40, 12:40] = False
    item = make_object(1, 0, point=list(point_from_mask(mask)), segmentation=encode_mask(mask))
    crowd = make_object(2, 1, point=[3.0, 3.0], segmentation=encode_mask(mask), iscrowd=True)
    row = {"image": "none.png", "image_id": -3, "width": 40, "height": 40, "file_name": "a.png", "complete": True}
    return dataset_from_rows([{**row, "image_labels": None, "objects": [item, crowd]}], ["cat", "dog"]), mask


# -- what holds of all of them

EVERY = {
    "random": lambda rows, truth, seed=0: points_from_masks(rows, "random", seed, ground_truth=truth),
    "some random": lambda rows, truth, seed=0: points_from_masks(
        rows, "random", seed, fraction=0.5, ground_truth=truth
    ),
    "jitter": lambda rows, truth, seed=0: jitter_points(rows, 0.2, seed, ground_truth=truth),
    "jitter in mask": lambda rows, truth, seed=0: jitter_points(rows, 0.4, seed, stay_in_mask=True, ground_truth=truth),
    "jitter in pixels": lambda rows, truth, seed=0: jitter_points(rows, 5, seed, unit="pixel"),
    "wrong labels": lambda rows, truth, seed=0: corrupt_labels(rows, 0.4, seed),
    "missing": lambda rows, truth, seed=0: drop_points(rows, 0.4, seed),
}


@pytest.mark.parametrize("change", EVERY.values(), ids=EVERY.keys())
def test_seed_and_object_decide_and_nothing_else(points, truth, change):
    once = objects(change(points, truth))
    assert objects(change(points, truth)) == once
    assert objects(change(points, truth, seed=1)) != once
    assert once != objects(points)
    backwards = points.select(range(len(points) - 1, 3, -1))
    kept = {id for row in backwards for item in row["objects"] for id in [item["id"]]}
    assert objects(change(backwards, truth)) == {id: item for id, item in once.items() if id in kept}


@pytest.mark.parametrize("change", EVERY.values(), ids=EVERY.keys())
def test_points_stay_in_the_image_and_all_else_stays(points, truth, change):
    before, changed = objects(points), change(points, truth)
    assert changed.features == points.features and changed["image_id"] == points["image_id"]
    for row in changed:
        for item in row["objects"]:
            assert 0 <= item["point"][0] < row["width"] and 0 <= item["point"][1] < row["height"]
            same = {**item, "point": None, "category": None}
            assert same == {**before[item["id"]], "point": None, "category": None}


def test_the_datasets_own_masks_serve_as_truth(points, truth):
    for change in EVERY.values():
        hidden, own = objects(change(points, truth)), objects(change(truth, None))
        assert {id: (item["point"], item["category"]) for id, item in own.items()} == {
            id: (item["point"], item["category"]) for id, item in hidden.items()
        }
        assert all(item["segmentation"] is not None for item in own.values())


def test_crowds_and_objects_without_points_are_left_alone():
    dataset, _ = crescent()
    crowd = dataset[0]["objects"][1]
    for change in EVERY.values():
        assert crowd in change(dataset, None)[0]["objects"]
    bare = [{**dataset[0], "objects": [make_object(1, 0, bbox=[0.0, 0.0, 3.0, 3.0])]}]
    bare = dataset_from_rows(bare, ["cat", "dog"])
    for change in EVERY.values():
        assert change(bare, None)[0] == bare[0]


# -- one by one


def test_random_points_lie_in_their_masks_and_centers_come_back(points, truth):
    scattered = points_from_masks(points, "random", ground_truth=truth)
    assert all(covered(item, mask) for _, item, mask in with_truth(scattered, truth))
    back = points_from_masks(scattered, "center", ground_truth=truth)
    for id, item in objects(points).items():
        assert objects(back)[id]["point"] == pytest.approx(item["point"])
    half = points_from_masks(points, "random", fraction=0.5, ground_truth=truth)
    moved = [id for id, item in objects(points).items() if objects(half)[id]["point"] != item["point"]]
    assert 0.3 < len(moved) / len(objects(points)) < 0.7
    boxes = points_from_masks(points, "box_center", ground_truth=truth)
    for _, item, mask in with_truth(boxes, truth):
        assert item["point"] == pytest.approx(point_from_mask(mask, "box_center"))


def test_jitter_has_the_sigma_that_was_asked_for(truth):
    many = make_shapes_dataset(120, (96, 96), seed=1)
    before = objects(many)
    for unit, sigma in (("object", 0.1), ("pixel", 2.0)):
        moves = []
        for id, item in objects(jitter_points(many, sigma, unit=unit)).items():
            size = (1, 1) if unit == "pixel" else rle_box(item["segmentation"])[2:]
            moves += [(a - b) / s for a, b, s in zip(item["point"], before[id]["point"], size, strict=True)]
        assert np.std(moves) == pytest.approx(sigma, rel=0.12) and abs(np.mean(moves)) < 0.15 * sigma
    still = objects(jitter_points(truth, 0.0))
    assert {id: item["point"] for id, item in still.items()} == {id: i["point"] for id, i in objects(truth).items()}


def test_jitter_in_a_mask_and_far_out_of_the_image(points, truth):
    inside = jitter_points(points, 0.5, stay_in_mask=True, ground_truth=truth)
    assert all(covered(item, mask) for _, item, mask in with_truth(inside, truth))
    dataset, mask = crescent()
    assert not covered(dataset[0]["objects"][0], mask)
    for seed in range(5):  # with no deviation at all the nearest pixel is taken
        assert covered(jitter_points(dataset, 0.0, seed, stay_in_mask=True)[0]["objects"][0], mask)
    far = jitter_points(points, 1e6, unit="pixel")
    assert all(0 <= item["point"][0] < row["width"] for row in far for item in row["objects"])


def test_wrong_labels_are_other_classes_and_all_of_them(truth):
    before, after = objects(truth), objects(corrupt_labels(truth, 1.0))
    changes = {(before[id]["category"], after[id]["category"]) for id in before}
    count = len(class_names(truth))
    assert changes == {(a, b) for a in range(count) for b in range(count) if a != b}
    assert objects(corrupt_labels(truth, 0.0)) == before
    few, more = objects(corrupt_labels(truth, 0.2)), objects(corrupt_labels(truth, 0.5))
    wrong = {id for id in before if few[id]["category"] != before[id]["category"]}
    assert wrong and all(more[id]["category"] == few[id]["category"] for id in wrong)
    bare = dataset_from_rows([{**truth[0], "objects": [make_object(1, None, point=[1.0, 1.0])]}], ["cat", "dog"])
    assert corrupt_labels(bare, 1.0)[0]["objects"][0]["category"] is None
    one_class = dataset_from_rows([{**truth[0], "objects": []}], ["nucleus"])
    with pytest.raises(ValueError, match="the only class is 'nucleus'; a wrong label requires a second class"):
        corrupt_labels(one_class, 0.1)


def test_missing_points_and_what_their_images_say(points):
    honest, silent = drop_points(points, 0.3), drop_points(points, 0.3, complete=True)
    assert objects(honest) == objects(silent)
    assert 0.15 < 1 - len(objects(honest)) / len(objects(points)) < 0.45
    for before, after, unaware in zip(points, honest, silent, strict=True):
        assert after["complete"] == (len(before["objects"]) == len(after["objects"])) and unaware["complete"]
    none = drop_points(points, 1.0)
    assert not objects(none)
    assert {supervision(row) for row, b in zip(none, points, strict=True) if b["objects"]} == {"none"}
    assert {supervision(row) for row in drop_points(points, 1.0, complete=True)} == {"full"}
    assert set(objects(drop_points(points, 0.6))) <= set(objects(honest))
    assert not any(row["complete"] for row in drop_points(none, 0.0, complete=True) if not row["complete"])


# -- the recipe's key


def test_noise_of_a_recipe(points, truth):
    noise = {"random": 1.0, "jitter": 0.05, "corrupt_labels": 0.2, "missing": 0.3}
    noisy = apply_point_noise(points, noise, 7, truth)
    by_hand = points_from_masks(points, "random", 7, ground_truth=truth)
    by_hand = drop_points(corrupt_labels(jitter_points(by_hand, 0.05, 7, ground_truth=truth), 0.2, 7), 0.3, 7)
    assert objects(noisy) == objects(by_hand) and noisy["complete"] == by_hand["complete"]
    assert apply_point_noise(points, {}, 7) is points
    assert apply_point_noise(points, dict.fromkeys(POINT_NOISE, 0.0), 7) is points
    overlooked = apply_point_noise(points, {"overlooked": 0.3, "jitter_pixels": 1.0, "box_center": 0.5}, 7, truth)
    assert set(objects(overlooked)) == set(objects(noisy)) and all(overlooked["complete"])


def test_noise_leaves_masks_of_mixed_images_alone():
    dataset, _ = crescent()
    click = make_object(3, 0, point=[1.0, 1.0])
    mixed = dataset_from_rows([{**dataset[0], "objects": [*dataset[0]["objects"], click]}], ["cat", "dog"])
    noisy = apply_point_noise(mixed, {"corrupt_labels": 1.0, "jitter_pixels": 2.0}, 0)[0]["objects"]
    assert [item["category"] for item in noisy] == [0, 1, 1]
    moved = [a["point"] != b["point"] for a, b in zip(noisy, mixed[0]["objects"], strict=True)]
    assert moved == [False, False, True]
    noisy = apply_point_noise(mixed, {"missing": 1.0}, 0)[0]
    assert [item["id"] for item in noisy["objects"]] == [1, 2] and not noisy["complete"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rows: jitter_points(rows, 0.1), "no mask or box with an extent, so its size is unknown; give sigma"),
        (lambda rows: jitter_points(rows, -1.0), "sigma is -1.0; it must be a standard deviation"),
        (lambda rows: jitter_points(rows, 0.1, unit="image"), "unit is 'image'; use 'object' or 'pixel'"),
        (
            lambda rows: jitter_points(rows, 1, unit="pixel", stay_in_mask=True),
            "has no mask to stay in; pass `ground_truth`",
        ),
        (lambda rows: points_from_masks(rows, "random"), "has no mask to derive a point from; pass `ground_truth`"),
        (lambda rows: points_from_masks(rows, "corner"), "point_source is 'corner'; use 'center'"),
        (lambda rows: drop_points(rows, 1.2), "fraction is 1.2; it must be a fraction of the points, from 0 to 1"),
        (lambda rows: corrupt_labels(rows, float("nan")), "fraction is nan"),
        (lambda rows: apply_point_noise(rows, {"jiter": 0.1}), "point_noise.jiter: unknown key; use box_center"),
        (lambda rows: apply_point_noise(rows, {"missing": 2}), "point_noise.missing is 2; it must be a fraction"),
        (lambda rows: apply_point_noise(rows, {"jitter": -2}), "point_noise.jitter is -2; it must be a standard"),
        (lambda rows: apply_point_noise(rows, {"missing": 0.1, "overlooked": 0.1}), "remove the same objects"),
    ],
)
def test_what_cannot_be_done_says_so(points, call, message):
    with pytest.raises(ValueError, match=message):
        call(points)


def test_a_run_takes_the_noise_of_its_recipe(shapes, tmp_path):
    noise = {"random": 1.0, "jitter": 0.05, "corrupt_labels": 0.3, "missing": 0.3}
    options = {"data_dir": str(shapes), "labeled_fraction": 0.4}
    clean = load_data(tiny.recipe(tmp_path, **options))
    noisy = load_data(tiny.recipe(tmp_path, **options, point_noise=noise))
    assert objects(noisy.full) == objects(clean.full) and objects(noisy.train) == objects(clean.train)
    expected = apply_point_noise(clean.point, noise, 1, clean.train)
    assert objects(noisy.point) | objects(noisy.without_points) == objects(expected) != objects(clean.point)
    assert len(objects(noisy.point)) < len(objects(clean.point))
    assert all(supervision(row) in ("point", "full") for row in noisy.point)
    with pytest.raises(ValueError, match="point_noise.jiter: unknown key"):
        load_data(tiny.recipe(tmp_path, **options, point_noise={"jiter": 1}))


def test_a_run_without_a_split_takes_it_too(shapes, tmp_path):
    clean = load_data(tiny.recipe(tmp_path, data_dir=str(shapes), labeled_fraction=None))
    noise = {"missing": 1.0, "jitter_pixels": 3.0}
    noisy = load_data(tiny.recipe(tmp_path, data_dir=str(shapes), labeled_fraction=None, point_noise=noise))
    assert objects(noisy.full) == objects(clean.full)  # everything has masks, which noise leaves alone
