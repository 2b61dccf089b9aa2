# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Another object beside the object of a refiner's sample."""

from typing import Any

import numpy as np
import pytest

from helpers import tiny
from helpers.rectangles import COLORS, changed, mask, rectangle_rows
from pointwssis.ops.coco_masks import decode_rle, encode_mask
from pointwssis.ops.images import read_image
from pointwssis.training.augmentation import Augmentation
from pointwssis.training.pasted_neighbors import NeighborPaste
from pointwssis.training.refinement_dataset import RefinementDataset
from pointwssis.training.refinement_sampling import RefinementSampling

TURNS = Augmentation(horizontal_flip=0.5, vertical_flip=0.5, rotate90=True)


@pytest.fixture
def rows(tmp_path) -> Any:
    return rectangle_rows(tmp_path).with_format(None)


def has_color_of_an_object(pixels: np.ndarray) -> np.ndarray:
    """Return True for each (N, 3) pixel in about the color of a rectangle."""
    distances = np.abs(pixels[:, None].astype(int) - np.array(COLORS)).max(axis=-1)
    return distances.min(axis=1) < 75  # the background is 150 away


def test_a_neighbor_lies_beside_over_or_under_the_object_with_its_pixels(rows):
    paste = NeighborPaste(rows, [(0, 0), (0, 1), (1, 2)], TURNS)
    image, truth = np.asarray(read_image(rows[0])), decode_rle(rows[0]["objects"][2]["segmentation"])
    before, hidden, overlapping = image.copy(), 0, 0
    for seed in range(60):
        pasted, visible, neighbor = paste(0, image, truth, np.random.default_rng(seed))
        assert not (visible & neighbor).any() and not (visible & ~truth).any()
        assert visible.sum() >= truth.sum() / 2
        # Only next to its neighbor, which fades out, the object changes.
        assert (pasted[visible] == image[visible]).all(axis=-1).mean() > 0.6
        if neighbor.sum() > 20:
            assert has_color_of_an_object(pasted[neighbor]).mean() > 0.6
        hidden += visible.sum() < truth.sum()
        overlapping += (np.abs(pasted.astype(int) - image).max(axis=-1) > 0).any()
    assert np.array_equal(image, before)
    assert 5 < hidden < 50 and overlapping > 40


def test_objects_that_the_border_cuts_off_are_not_pasted(rows):
    def cut(objects):
        return [{**objects[0], "segmentation": encode_mask(mask(40, 60, (0, 3, 12, 9)))}, *objects[1:]]

    cut_rows = changed(rows, cut).with_format(None)
    image, truth = np.asarray(read_image(rows[0])), decode_rle(rows[0]["objects"][2]["segmentation"])
    paste = NeighborPaste(cut_rows, [(0, 0)], None)
    pasted, visible, neighbor = paste(0, image, truth, np.random.default_rng(0))
    assert np.array_equal(pasted, image) and np.array_equal(visible, truth) and not neighbor.any()
    assert NeighborPaste(cut_rows, [(0, 0), (0, 1)], None).places == {0: [1]}


def samples_of(rows: Any, epochs: int = 40, **sampling: float) -> list[Any]:
    _, processor = tiny.refiner(names=["a", "b", "c"])
    options = RefinementSampling(paste_neighbors=1.0, **sampling)
    dataset = RefinementDataset(rows, processor, (2.0, 2.0), options, TURNS)
    samples = []
    for epoch in range(epochs):
        dataset.set_epoch(epoch)
        samples.append(dataset[2])
    return samples


def colors_of(sample: Any, processor: Any) -> np.ndarray:
    mean, std = np.array(processor.image_mean), np.array(processor.image_std)
    return (sample["pixel_values"].permute(1, 2, 0).numpy() * std + mean) * 255


@pytest.mark.parametrize("perturb", [0.0, 1.0])
def test_some_rough_masks_leak_into_the_neighbor_and_the_truth_never_does(rows, perturb):
    _, processor = tiny.refiner(names=["a", "b", "c"])
    leaks, others = 0, 0
    for sample in samples_of(rows, perturb=perturb):
        colors, truth = colors_of(sample, processor), sample["mask_labels"].numpy().astype(bool)
        own = np.abs(colors - COLORS[2]).max(axis=-1) < 40
        # The truth ends where the neighbor begins: it has the color of the object, which other blue ones share.
        assert own[truth].mean() > 0.8
        foreign = np.abs(colors - np.array(COLORS[:2])[:, None, None]).max(axis=-1).min(axis=0) < 40
        rough = sample["rough_masks"][0].numpy().astype(bool)
        if foreign.sum() > 20:
            leaks += (rough & foreign).sum() > 10
            others += (rough & foreign).sum() <= 10
    assert leaks >= 3 and others >= 3


def test_without_the_option_the_samples_are_those_of_before(rows):
    _, processor = tiny.refiner(names=["a", "b", "c"])
    plain = RefinementDataset(rows, processor, augmentation=TURNS)
    pasted = RefinementDataset(rows, processor, (1.0, 2.0), RefinementSampling(paste_neighbors=1.0), TURNS)
    assert plain.paste_neighbor is None
    differs = [not np.array_equal(plain[i]["pixel_values"], pasted[i]["pixel_values"]) for i in range(9)]
    assert sum(differs) >= 7
