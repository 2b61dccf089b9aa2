# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import json
import time

import numpy as np
import pytest

from pointwssis.data import (
    SHAPE_CLASSES,
    class_names,
    load_coco_folder,
    make_shapes_dataset,
    object_masks,
    read_image,
    write_shapes_coco,
)
from pointwssis.ops.coco_masks import encode_mask


@pytest.fixture(scope="module")
def dataset():
    return make_shapes_dataset(120, (96, 128), seed=3)


def test_the_same_seed_draws_the_same(dataset):
    again = make_shapes_dataset(20, (96, 128), seed=3)
    assert list(again) == list(dataset.select(range(20)))  # also: an image does not depend on how many are drawn
    other = make_shapes_dataset(20, (96, 128), seed=4)
    assert other[0]["image"]["bytes"] != again[0]["image"]["bytes"]


def test_variety(dataset):
    counts = [len(row["objects"]) for row in dataset]
    objects = [item for row in dataset for item in row["objects"]]
    sides = np.sqrt([item["area"] for item in objects])
    assert min(counts) == 0 and max(counts) == 10 and counts.count(0) < 20
    assert class_names(dataset) == list(SHAPE_CLASSES)
    assert {item["category"] for item in objects} == set(range(len(SHAPE_CLASSES)))
    assert sides.min() < 9 and sides.max() > 35
    assert len({item["id"] for item in objects}) == len(objects)


def test_masks_are_visible_parts(dataset):
    touching = 0
    for row in dataset:
        masks = object_masks(row)
        assert masks.sum(axis=0).max(initial=0) <= 1, "an object under another one is not visible"
        assert read_image(row).size == (row["width"], row["height"]) == (128, 96)
        for item, mask in zip(row["objects"], masks, strict=True):
            assert mask.sum() == item["area"] >= 20 and item["segmentation"] == encode_mask(mask)
            rows, columns = np.nonzero(mask)
            assert item["point"] == pytest.approx([columns.mean(), rows.mean()], abs=1e-4)
        owner = np.full(masks.shape[1:], -1)
        for index, mask in enumerate(masks):
            owner[mask] = index
        pairs = np.stack([owner[:, 1:], owner[:, :-1]])
        touching += ((pairs[0] != pairs[1]) & (pairs.min(axis=0) >= 0)).any()
    assert touching > len(dataset) / 4


def test_color_alone_does_not_solve_it(dataset):
    """The mean color of an object is no nearer to its class than to the others."""
    colors, labels = [], []
    for row in dataset:
        pixels = np.asarray(read_image(row), dtype=float)
        colors += [pixels[mask].mean(axis=0) for mask in object_masks(row)]
        labels += [item["category"] for item in row["objects"]]
    colors, labels = np.array(colors), np.array(labels)
    means = np.stack([colors[labels == k].mean(axis=0) for k in range(len(SHAPE_CLASSES))])
    guesses = np.linalg.norm(colors[:, None] - means, axis=2).argmin(axis=1)
    assert (guesses == labels).mean() < 0.4  # 0.25 by chance


def test_mixed_and_tiny_sizes():
    sizes = {(row["height"], row["width"]) for row in make_shapes_dataset(20, [(40, 64), (72, 48)])}
    assert sizes == {(40, 64), (72, 48)}
    assert len(make_shapes_dataset(10, (16, 16))) == 10
    assert len(make_shapes_dataset(0)) == 0


def test_written_folder_loads_as_drawn(tmp_path):
    write_shapes_coco(tmp_path, num_train=6, num_val=4, image_size=(48, 64), seed=9)
    splits = load_coco_folder(tmp_path)
    assert (len(splits["train"]), len(splits["validation"])) == (6, 4)
    drawn = make_shapes_dataset(6, (48, 64), seed=9)
    for loaded, row in zip(splits["train"], drawn, strict=True):
        assert loaded["objects"] == row["objects"]
        assert np.array_equal(read_image(loaded), read_image(row))
    assert not set(splits["train"]["image_id"]) & set(splits["validation"]["image_id"])
    assert splits["train"][0]["objects"] != splits["validation"][0]["objects"]
    content = json.loads((tmp_path / "annotations" / "instances_train.json").read_text())
    assert not any("point" in annotation for annotation in content["annotations"])


def test_drawing_is_fast():
    start = time.process_time()
    make_shapes_dataset(50)
    assert time.process_time() - start < 5  # 0.6 s where it was measured
