# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import hashlib
import json
import time

import numpy as np
import pytest

from pointwssis.data import (
    SHAPE_CLASSES,
    SHAPE_LEVELS,
    class_names,
    load_coco_folder,
    make_shapes_dataset,
    object_masks,
    read_image,
    write_shapes_coco,
)
from pointwssis.ops.coco_masks import encode_mask
from pointwssis.ops.user_error import UserError

# SHA-256 of pixels and masks of the first eight images of 128 × 128 pixels with seed 1. Published figures refer to
# these drawings, so a change means a new version of the dataset, under a new name.
SHAPES_V1 = {
    "easy": (
        "a36138c638298db305f08aefc07effa58161ae1ca64f0d0533f9ad7115720845",
        "d7298be3bb3f7368fbd5149de581563e9f582218764c14116c89c50d21102f4b",
    ),
    "medium": (
        "d5068efb1fe38a43739e264a67aee1d3b3cf76c9a2889e076e852efa64ea84e3",
        "32c8c54ad928331cc7488ddf628a08ec8db8108756c21d1093f328ba5a8d02c0",
    ),
    "hard": (
        "54b441085fabaace170c6e4c16a88034476d97b867d08a10c52e6f257c669c7a",
        "ebbe5e3b88adc4cbb4cd0477c32a71c54909c123d5fcab7c7e58b5860b11664e",
    ),
}


@pytest.mark.parametrize("level", SHAPES_V1)
def test_shapes_v1_is_frozen(level):
    pixels, masks = hashlib.sha256(), hashlib.sha256()
    for row in make_shapes_dataset(8, (128, 128), seed=1, level=level):
        pixels.update(np.asarray(read_image(row)).tobytes())
        masks.update(object_masks(row).tobytes())
    assert (pixels.hexdigest(), masks.hexdigest()) == SHAPES_V1[level]


def test_levels_grow_harder():
    drawn = {level: make_shapes_dataset(40, seed=2, level=level) for level in SHAPE_LEVELS}
    counts = {level: np.mean([len(row["objects"]) for row in rows]) for level, rows in drawn.items()}
    assert counts["easy"] < counts["medium"] < counts["hard"]
    # Neighbors of one class touch: their masks are adjacent, which one mask of both would be too.
    adjacent = {level: np.mean([has_touching_twins(row) for row in rows]) for level, rows in drawn.items()}
    assert adjacent["easy"] < adjacent["medium"] < adjacent["hard"] and adjacent["hard"] > 0.4


def has_touching_twins(row) -> bool:
    masks, labels = object_masks(row), [item["category"] for item in row["objects"]]
    for index, mask in enumerate(masks):
        grown = mask.copy()
        grown[1:] |= mask[:-1]
        grown[:, 1:] |= mask[:, :-1]
        touched = [i for i, other in enumerate(masks) if i != index and labels[i] == labels[index]]
        if any((grown & masks[i]).any() for i in touched):
            return True
    return False


def test_a_wrong_level_is_named():
    with pytest.raises(UserError, match="level is 'extreme'; it must be one of easy, medium, hard"):
        make_shapes_dataset(1, level="extreme")


def test_the_dataset_card_redraws_the_dataset(tmp_path):
    write_shapes_coco(tmp_path / "first", 2, 1, (48, 64), seed=4, level="hard")
    card = (tmp_path / "first" / "README.md").read_text()
    code = card.split("```python\n")[1].split("```")[0].replace('"shapes"', "folder")
    exec(code, {"folder": tmp_path / "again"})
    for name in ("images/val_00000.png", "annotations/instances_train.json", "README.md"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "first" / name).read_bytes()
    assert "# shapes-v1, level hard" in card


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
