# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
from datasets import concatenate_datasets

from pointwssis.data import (
    dataset_from_rows,
    drop_points,
    hide_masks,
    make_object,
    make_shapes_dataset,
    split_supervision,
)
from pointwssis.evaluation import evaluate_pseudo_labels
from pointwssis.ops.coco_masks import encode_mask
from pointwssis.pseudo_labeling import generate_pseudo_labels
from pointwssis.runs.data import RunData

RLE = encode_mask(np.eye(4))


def small_dataset(count, bare=()):
    """Return `count` images with shuffled ids; those at the positions `bare` have points only."""
    rows = []
    for position, image_id in enumerate(np.random.default_rng(5).permutation(count) * 3):
        values = {} if position in bare else {"segmentation": RLE, "bbox": [0, 0, 4, 4], "area": 4.0}
        objects = [make_object(int(image_id) * 10, 0, point=[1.0, 1.0], score=0.5, level=2, **values)]
        if position not in bare:
            objects.append(make_object(int(image_id) * 10 + 1, 1, iscrowd=True, segmentation=RLE))
        row = {"image": "a.png", "image_id": int(image_id), "width": 4, "height": 4, "file_name": "a.png"}
        rows.append({**row, "complete": True, "image_labels": None, "objects": objects})
    return dataset_from_rows(rows, ["a", "b"])


def test_the_split_is_the_documented_permutation():
    dataset = small_dataset(532)
    split = split_supervision(dataset, 0.1, seed=1)
    expected = np.random.default_rng(1).permutation(sorted(dataset["image_id"]))[:53]
    assert set(split["full"]["image_id"]) == set(expected.tolist()) and len(split["point"]) == 479
    positions = {image_id: position for position, image_id in enumerate(dataset["image_id"])}
    for name in ("full", "point"):
        order = [positions[image_id] for image_id in split[name]["image_id"]]
        assert order == sorted(order)
    assert split_supervision(dataset, 0.1, seed=1)["full"]["image_id"] == split["full"]["image_id"]
    assert split_supervision(dataset, 0.1, seed=2)["full"]["image_id"] != split["full"]["image_id"]
    shuffled = split_supervision(dataset.shuffle(seed=3), 0.1, seed=1)["full"]
    assert set(shuffled["image_id"]) == set(expected.tolist())


@pytest.mark.parametrize(("fraction", "full"), [(0, 0), (0.001, 1), (0.1, 1), (0.15, 2), (0.25, 3), (0.5, 5), (1, 10)])
def test_rounding(fraction, full):
    split = split_supervision(small_dataset(10), fraction)
    assert (len(split["full"]), len(split["point"])) == (full, 10 - full)


@pytest.mark.parametrize("fraction", [-0.1, 1.01, float("nan")])
def test_bad_fractions(fraction):
    with pytest.raises(ValueError, match="labeled_fraction is"):
        split_supervision(small_dataset(3), fraction)


def test_full_rows_stay_and_point_rows_lose_what_a_click_does_not_tell():
    dataset = small_dataset(10)
    rows = {row["image_id"]: row for row in dataset}
    split = split_supervision(dataset, 0.5)
    assert all(row == rows[row["image_id"]] for row in split["full"])
    for row in split["point"]:
        truth = rows[row["image_id"]]["objects"][0]
        kept = make_object(truth["id"], truth["category"], point=truth["point"])
        assert row == {**rows[row["image_id"]], "objects": [kept]}  # the crowd is gone too
    assert split["point"].features == dataset.features
    assert len(concatenate_datasets([split["full"], split["point"]])) == 10


def test_images_without_masks_can_only_be_point_images(caplog):
    dataset = small_dataset(10, bare=range(7))
    split = split_supervision(dataset, 0.2)
    assert set(split["full"]["image_id"]) <= set(dataset["image_id"][7:]) and len(split["full"]) == 2
    assert not caplog.records
    assert len(split_supervision(dataset, 0.9)["full"]) == 3
    assert "only 3 have masks" in caplog.text
    nothing = small_dataset(4, bare=range(4))
    assert len(split_supervision(nothing, 0)["point"]) == 4
    with pytest.raises(ValueError, match="no image has a mask"):
        split_supervision(nothing, 0.1)


def test_an_object_without_point_and_mask_is_not_made_silently():
    rows = [{**small_dataset(1)[0], "objects": [make_object(8, 0, segmentation=RLE)]}]
    with pytest.raises(ValueError, match="object 8 has no point"):
        hide_masks(dataset_from_rows(rows, ["a", "b"]))


def test_a_prepared_dataset_can_be_split():
    dataset = make_shapes_dataset(6, (32, 32))
    prepared = dataset.with_transform(lambda batch: {"x": [0] * len(batch["image_id"])})
    assert list(split_supervision(prepared, 0.5)["point"]) == list(split_supervision(dataset, 0.5)["point"])
    assert list(hide_masks(prepared)) == list(hide_masks(dataset))


@pytest.mark.parametrize(
    "use",
    [
        lambda stream, rows: split_supervision(stream, 0.5),
        lambda stream, rows: drop_points(stream, 0.5),
        lambda stream, rows: evaluate_pseudo_labels(rows, stream),
        lambda stream, rows: generate_pseudo_labels(stream, teacher=None),
        lambda stream, rows: RunData(stream, rows, rows, rows, rows, None),
    ],
)
def test_a_stream_in_the_place_of_a_dataset_is_refused(use):
    rows = small_dataset(2)
    stream = rows.to_iterable_dataset()
    with pytest.raises(ValueError, match=r" is a stream, .*dataset_from_rows\(stream, class_names\)"):
        use(stream, rows)
    assert dataset_from_rows(stream, ["a", "b"]).to_list() == rows.to_list()
