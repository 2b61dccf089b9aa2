# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest

from helpers.rectangles import mask
from pointwssis.training.rough_masks import disc_mask, leaked_mask, perturbed_mask


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


@pytest.mark.parametrize("box", [(70, 60, 90, 80), (20, 30, 180, 140), (50, 20, 62, 150)])
def test_the_iou_with_the_truth_spreads_from_poor_to_good(box):
    truth = mask(200, 260, box)
    values = [iou(perturbed_mask(truth, np.random.default_rng(seed)), truth) for seed in range(200)]
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
    assert 0.25 < low < 0.55 and 0.5 < middle < 0.8 and 0.75 < high < 0.97


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (0, 0, 60, 40), (59, 39, 60, 40), (10, 5, 11, 35), (4, 3, 6, 5)])
def test_objects_of_any_size_at_any_border_have_rough_masks(box):
    truth = mask(40, 60, box)
    for seed in range(30):
        rough = perturbed_mask(truth, np.random.default_rng(seed))
        assert rough.shape == truth.shape and rough.dtype == bool
        assert rough.any() or truth.sum() < 10


def test_specks_far_apart_have_rough_masks():
    specks = mask(900, 900, (10, 10, 11, 11)) | mask(900, 900, (880, 880, 881, 881))
    assert all(perturbed_mask(specks, np.random.default_rng(seed)).any() for seed in range(5))


def test_a_neighbor_is_merged_into_some_rough_masks():
    truth, neighbor = mask(64, 64, (10, 20, 30, 40)), mask(64, 64, (31, 20, 50, 40))
    covered = []
    for seed in range(60):
        rough = perturbed_mask(truth, np.random.default_rng(seed), neighbor)
        covered.append(np.count_nonzero(rough & neighbor) / np.count_nonzero(neighbor))
    assert 2 < sum(fraction > 0.6 for fraction in covered) < 30


def test_a_disc_contains_its_point_even_if_it_is_tiny():
    assert disc_mask((20, 30), (29.0, 0.0), 0.0).sum() == 1
    assert disc_mask((20, 30), (29.4, 0.6), 0.0)[1, 29]
    assert abs(disc_mask((50, 50), (25.0, 25.0), 20.0).sum() - np.pi * 100) < 20


def test_a_leak_covers_the_part_of_a_neighbor_that_is_next_to_the_object():
    truth, neighbor = mask(60, 80, (10, 20, 30, 40)), mask(60, 80, (32, 20, 70, 40))
    masks = [leaked_mask(truth, truth, neighbor, np.random.default_rng(seed)) for seed in range(60)]
    leaks = [rough & ~truth for rough in masks if (rough != truth).any()]
    assert 15 < len(leaks) < 45
    for leak in leaks:
        assert not (leak & ~neighbor).any() and leak[30, 32]
    sizes = [leak.sum() / neighbor.sum() for leak in leaks]
    assert min(sizes) < 0.4 and max(sizes) > 0.6
    # Nothing leaks from an empty mask, nor into a neighbor that is not there.
    empty = np.zeros_like(truth)
    for seed in range(10):
        assert not leaked_mask(empty, truth, neighbor, np.random.default_rng(seed)).any()
        assert (leaked_mask(truth, truth, empty, np.random.default_rng(seed)) == truth).all()
