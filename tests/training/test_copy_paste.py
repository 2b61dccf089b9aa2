# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Objects with annotated masks that are pasted into other training images."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from pointwssis.data import dataset_from_rows, make_object
from pointwssis.ops.coco_masks import encode_mask
from pointwssis.training import Augmentation, InstanceDataset

COLORS = np.array([(250, 10, 10), (10, 250, 10), (10, 10, 250)])
BACKGROUNDS = (100, 160, 200, 220, 240)
EPOCHS = 40


def block(x: int, y: int, width: int, height: int) -> np.ndarray:
    """Return the mask of a rectangle in an image of 60 × 40 pixels."""
    mask = np.zeros((40, 60), bool)
    mask[y : y + height, x : x + width] = True
    return mask


def item(id: int, category: int | None, mask: np.ndarray, **values: Any) -> dict[str, Any]:
    y, x = (float(places.mean()) for places in np.nonzero(mask))
    return make_object(id, category, **{"point": [x, y], "segmentation": encode_mask(mask), **values})


@pytest.fixture
def dataset_of(tmp_path):
    """Return a function from the (category, mask, values) of the objects of each image to samples."""

    def make(*images, augmentation=None, **options) -> InstanceDataset:
        rows = []
        for index, drawn in enumerate(images):
            pixels, objects = np.full((40, 60, 3), BACKGROUNDS[index], np.uint8), []
            for number, (category, mask, values) in enumerate(drawn):
                pixels[mask] = COLORS[category or 0]
                objects.append(item(10 * index + number, category, mask, **values))
            path = tmp_path / f"{index}.png"
            Image.fromarray(pixels).save(path)
            row = {"image": str(path), "image_id": index, "width": 60, "height": 40, "file_name": path.name}
            rows.append({**row, "complete": True, "image_labels": None, "objects": objects})
        augmentation = augmentation or Augmentation(0.0, copy_paste=1.0)
        return InstanceDataset(dataset_from_rows(rows, ["a", "b", "c"]), augmentation, **options)

    return make


def samples(dataset: InstanceDataset, index: int = 0, epochs: int = EPOCHS) -> list[dict[str, Any]]:
    found = []
    for epoch in range(epochs):
        dataset.set_epoch(epoch)
        found.append(dataset[index])
    return found


def test_pasted_objects_lie_in_front_with_their_class_and_full_weight(dataset_of):
    pseudo = {"score": 0.5, "rough_segmentation": encode_mask(block(5, 5, 30, 20))}
    target = [(0, block(5, 5, 30, 20), pseudo)]
    source = [(1, block(2, 3, 12, 9), {}), (2, block(30, 10, 9, 20), {})]
    dataset = dataset_of(target, source, weigh_pseudo_labels=True)
    counts, places = set(), set()
    for sample in samples(dataset):
        masks, labels = sample["mask_labels"], sample["class_labels"]
        assert masks.shape[1:] == sample["images"].shape[:2] == (40, 60)
        assert masks.sum(axis=0).max() == 1  # every pixel belongs to one object
        for mask, label in zip(masks, labels, strict=True):
            distances = np.abs(np.median(sample["images"][mask], axis=0) - COLORS).sum(axis=1)
            assert distances.argmin() == label and distances[label] < 100
        assert sample["mask_weights"].tolist() == [0.5 if label == 0 else 1 for label in labels]
        # What is visible of the object beneath has its color.
        below = masks[labels == 0].any(axis=0)
        assert (sample["images"][below][:, 0] > 50).all()
        counts.add(int((labels > 0).sum()))
        places.add(int(np.flatnonzero(masks[-1].any(axis=0))[0]))
    assert counts == {1, 2} and len(places) > 10


def test_sizes_vary_and_edges_are_soft(dataset_of):
    sizes = []
    for sample in samples(dataset_of([], [(0, block(20, 10, 20, 16), {})])):
        mask = sample["mask_labels"][0]
        sizes.append(mask.any(axis=0).sum())
        # A rim of one to three pixels around the mask lies between both images.
        rim = (sample["images"] != BACKGROUNDS[0]).any(axis=-1) & ~mask
        around = np.pad(mask, 3)
        around = np.any([np.roll(around, (x, y), (0, 1)) for x in range(-3, 4) for y in range(-3, 4)], axis=0)
        assert rim.any() and not (rim & ~around[3:-3, 3:-3]).any()
    assert min(sizes) in range(9, 13) and max(sizes) in range(27, 31)


def test_covered_objects_and_points_disappear(dataset_of):
    click = {"segmentation": None}
    target = [(0, block(3, 3, 6, 6), {}), (1, block(40, 20, 6, 6), click), (2, block(20, 0, 40, 40), {})]
    numbers = set()
    for sample in samples(dataset_of(target, [(1, block(0, 0, 60, 40), {})])):
        front = sample["mask_labels"][-1]
        assert all(not front[round(y), round(x)] for x, y in sample["input_points"])
        numbers.add((len(sample["mask_labels"]), len(sample["input_points"])))
        if front.all():
            assert len(sample["mask_labels"]) == 1 and len(sample["input_points"]) == 0
    # Pasted over everything, over some of it, and beside the point
    assert {(1, 0), (2, 0), (3, 1)} <= numbers


def test_a_sliver_of_an_object_is_dropped(dataset_of):
    # The object in front has room for all but 2 of the 60 columns.
    dataset = dataset_of([(0, block(0, 0, 60, 40), {})], [(1, block(0, 0, 58, 40), {})])
    visible = []
    for sample in samples(dataset):
        visible.append(1 - sample["mask_labels"][-1].mean())
        assert (len(sample["mask_labels"]) == 2) == (visible[-1] >= 0.1)
    assert min(visible) < 0.1 < max(visible)


@pytest.mark.parametrize("values", [{"score": 0.9}, {"iscrowd": True}, {"segmentation": None}])
def test_only_annotated_objects_are_pasted(dataset_of, values):
    images = [(0, block(5, 5, 9, 9), {})], [(1, block(2, 3, 12, 9), values)]
    for sample in samples(dataset_of(*images), epochs=5):
        assert sample["class_labels"].tolist() == [0]
        assert (sample["images"] == dataset_of(*images, augmentation=Augmentation(0.0))[0]["images"]).all()


def test_objects_without_a_class_or_a_pixel_are_not_pasted(dataset_of):
    empty = {"segmentation": encode_mask(np.zeros((40, 60), bool))}
    for drawn in ((None, block(2, 3, 12, 9), {}), (1, block(2, 3, 12, 9), empty)):
        assert len(dataset_of([], [drawn])[0]["class_labels"]) == 0


def test_pasted_objects_are_mirrored_only_where_flips_are_allowed(dataset_of):
    corner = block(10, 5, 20, 6) | block(10, 5, 6, 20)
    for flip, expected in ((0.0, {False}), (0.5, {False, True})):
        augmentation = Augmentation(flip, copy_paste=1.0)
        heavier = set()
        for sample in samples(dataset_of([], [(0, corner, {})], augmentation=augmentation)):
            columns = sample["mask_labels"][0].sum(axis=0)
            columns = columns[columns > 0]
            heavier.add(bool(columns[0] < columns[-1]))
        assert heavier == expected


def test_samples_depend_on_seed_epoch_and_index_alone(dataset_of):
    images = [[(number % 3, block(5 + number, 5, 9, 9), {})] for number in range(5)]
    first, again = (samples(dataset_of(*images, seed=3), index=2, epochs=4) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert (one["images"] == other["images"]).all() and (one["mask_labels"] == other["mask_labels"]).all()
    assert len({sample["images"].tobytes() for sample in first}) == 4


def test_the_probability_is_kept(dataset_of):
    images = [], [(0, block(5, 5, 9, 9), {})]
    pasted = [len(s["class_labels"]) for s in samples(dataset_of(*images, augmentation=Augmentation(copy_paste=0.3)))]
    assert 4 <= sum(pasted) <= 20
