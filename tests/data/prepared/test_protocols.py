# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest

from pointwssis.data import dataset_from_rows, make_object, split_supervision
from pointwssis.data.prepared.protocols import (
    PERCENTAGES,
    TRAIN5K_IMAGES,
    frozen_order,
    labeled_ids,
    point_subsets,
    train5k_ids,
)
from pointwssis.data.statistics import supervision_of
from pointwssis.ops.coco_masks import encode_mask

RLE = encode_mask(np.eye(4))


def small_dataset(count, bare=()):
    """Return images with shuffled ids; those of `bare` have points only."""
    rows = []
    for position, image_id in enumerate(np.random.default_rng(5).permutation(count).tolist()):
        values = {} if position in bare else {"segmentation": RLE}
        row = {"image": "a.png", "image_id": image_id * 3, "width": 4, "height": 4, "file_name": "a.png"}
        objects = [make_object(image_id, 0, point=[1.0, 1.0], **values)]
        rows.append({**row, "complete": True, "image_labels": None, "objects": objects})
    return dataset_from_rows(rows, ["a"])


@pytest.mark.parametrize("seed", [1, 2])
def test_percentages_keep_the_masks_that_a_recipe_keeps(seed):
    dataset = small_dataset(333, bare=range(100))
    kinds = dict(zip(dataset["image_id"], supervision_of(dataset), strict=True))
    before = set()
    for percentage in PERCENTAGES:
        ids = labeled_ids(kinds, percentage, seed)
        assert ids == set(split_supervision(dataset, percentage / 100, seed)["full"]["image_id"])
        assert before < ids
        before = ids
    assert labeled_ids(kinds, 10, 1) != labeled_ids(kinds, 10, 2)


def test_what_cannot_be_drawn():
    kinds = {1: "full", 2: "point", 3: "point"}
    with pytest.raises(ValueError, match="50% of 3 images are 2, but only 1"):
        labeled_ids(kinds, 50)
    with pytest.raises(ValueError, match="percentage is 0"):
        labeled_ids(kinds, 0)
    assert labeled_ids(kinds, 0.001) == {1}


def test_the_frozen_lists_are_frozen():
    # Written down once: if this fails, published lists are no longer those that the code makes.
    assert frozen_order(range(581_929 - 20, 581_929), "train5K")[:6] == [581909, 581927, 581925, 581926, 581920, 581924]
    assert train5k_ids(range(1, 20), labeled=[6, 14])[:5] == [4, 12, 7, 13, 19]
    names = [f"{number:08x}-{number * 7:08x}.jpg" for number in range(8)]
    assert [names.index(name) for name in frozen_order(names, "BDD100K points")] == [3, 7, 2, 6, 0, 4, 5, 1]


def test_train5k_is_of_the_rest_and_as_large_as_it_says():
    labeled = set(range(0, 20_000, 3))
    ids = train5k_ids(range(20_000), labeled)
    assert len(ids) == len(set(ids)) == TRAIN5K_IMAGES and not labeled & set(ids)
    assert ids == train5k_ids(reversed(range(20_000)), labeled)
    fewer = train5k_ids(range(20_000), labeled | {ids[0]})
    assert fewer[:-1] == ids[1:]  # the list stays the same where it can
    assert len(train5k_ids(range(10), range(4))) == 6


def test_points_of_bdd100k_are_nested():
    names = [f"{number}.jpg" for number in range(45_000)]
    subsets = point_subsets(names)
    assert [len(chosen) for chosen in subsets.values()] == [20_000, 40_000, 45_000]
    assert list(subsets) == ["bdd20k", "bdd40k", "bdd67k"]
    assert set(subsets["bdd20k"]) < set(subsets["bdd40k"]) < set(subsets["bdd67k"]) == set(names)
