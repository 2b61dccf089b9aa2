# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
from typing import Any

import numpy as np
import pytest
import torch

from helpers import tiny
from helpers.rectangles import COLORS, changed, mask, rectangle_rows
from pointwssis.data import dataset_from_rows
from pointwssis.ops.coco_masks import encode_mask
from pointwssis.training.augmentation import Augmentation
from pointwssis.training.refinement_dataset import RefinementDataset, jittered_point
from pointwssis.training.refinement_sampling import RefinementSampling

TURNS = Augmentation(horizontal_flip=0.5, vertical_flip=0.5, rotate90=True)


@pytest.fixture
def rows(tmp_path) -> Any:
    return rectangle_rows(tmp_path)


# -- samples for the refiner


def test_a_refinement_sample_keeps_image_masks_and_point_together(rows):
    _, processor = tiny.refiner(names=["a", "b", "c"])
    color_of = [np.array(color) / 255 for color in COLORS]
    mean, std = np.array(processor.image_mean), np.array(processor.image_std)
    dataset = RefinementDataset(rows, processor, augmentation=TURNS, seed=5)
    assert len(dataset) == 9
    for epoch in range(4):
        dataset.set_epoch(epoch)
        for index in range(9):
            sample = dataset[index]
            assert sample["pixel_values"].shape == (3, 48, 48) and sample["rough_masks"].shape == (1, 48, 48)
            label, truth = int(sample["class_labels"]), sample["mask_labels"].bool()
            assert label == index % 3
            colors = sample["pixel_values"].permute(1, 2, 0).numpy() * std + mean
            painted = torch.from_numpy(np.abs(colors - color_of[label]).max(axis=-1) < 0.2)
            assert (painted == truth).float().mean() > 0.85  # images are resized bilinearly, masks to the nearest
            x, y = sample["input_points"].tolist()
            assert truth[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].any()
            assert sample["rough_masks"].sum() > truth.sum()  # the rough masks here are larger


def test_refinement_samples_depend_on_seed_epoch_and_index_alone(rows):
    _, processor = tiny.refiner(names=["a", "b", "c"])
    first, again, other = (RefinementDataset(rows, processor, augmentation=TURNS, seed=seed) for seed in (1, 1, 2))
    assert all(torch.equal(first[4][name], again[4][name]) for name in first[4])
    assert any(not torch.equal(first[index]["pixel_values"], other[index]["pixel_values"]) for index in range(3))
    before = [first[index]["pixel_values"] for index in range(3)]
    first.set_epoch(1)
    assert any(not torch.equal(value, first[index]["pixel_values"]) for index, value in enumerate(before))


def test_crops_are_drawn_between_the_two_scales(rows):
    _, processor = tiny.refiner(names=["a", "b", "c"])

    def covered(scales: tuple[float, float]) -> list[float]:
        dataset = RefinementDataset(rows, processor, scales, RefinementSampling(point_jitter=0.0))
        parts = []
        for epoch in range(6):
            dataset.set_epoch(epoch)
            parts.append(dataset[2]["rough_masks"].mean().item())
        return parts

    assert min(covered((1.0, 1.0))) > 0.95 and max(covered((2.0, 2.0))) < 0.6
    between = covered((1.0, 2.0))
    assert max(between) - min(between) > 0.1


def test_a_point_beside_the_crop_of_its_rough_mask_is_no_error(rows):
    # The ring's center of mass lies between pixels and outside of it; the rough mask is one pixel far from both.
    ring, dot = mask(40, 60, (10, 10, 22, 22)), mask(40, 60, (50, 3, 51, 4))
    ring[12:20, 12:20] = False

    def moved(objects):
        return [{**objects[0], "segmentation": encode_mask(ring), "rough_segmentation": encode_mask(dot)}]

    _, processor = tiny.refiner(names=["a", "b", "c"])
    samples = RefinementDataset(changed(rows, moved), processor, augmentation=TURNS)
    for epoch in range(6):
        samples.set_epoch(epoch)
        assert samples[0]["rough_masks"].any()


def test_what_has_no_truth_or_no_rough_mask_is_no_sample(rows):
    _, processor = tiny.refiner(names=["a", "b", "c"])
    empty = encode_mask(np.zeros((40, 60), bool))

    def change(objects):
        crowd, no_rough, empty_rough = ({**item} for item in objects)
        crowd["iscrowd"], no_rough["rough_segmentation"], empty_rough["rough_segmentation"] = True, None, empty
        no_truth, empty_truth = {**objects[0], "id": 8, "segmentation": None}, {**objects[0], "segmentation": empty}
        return [crowd, no_rough, empty_rough, no_truth, empty_truth]

    dataset = RefinementDataset(changed(rows, change).select([0]), processor)
    assert dataset.objects == [(0, 2)]  # a rough mask without a pixel is one: the point alone says where
    assert dataset[0]["rough_masks"].sum() == 0 and dataset[0]["mask_labels"].sum() > 0
    with pytest.raises(ValueError, match="no object has both a mask and a rough mask"):
        RefinementDataset(changed(rows, lambda objects: []).select([0]), processor)


# -- replaced rough masks


def samples_of(rows: Any, epochs: int = 12, **sampling: float) -> list[dict[str, torch.Tensor]]:
    """Return the samples of the last object of the first image over some epochs, at twice its size."""
    _, processor = tiny.refiner(names=["a", "b", "c"])
    dataset = RefinementDataset(rows, processor, (2.0, 2.0), RefinementSampling(**sampling))
    samples = []
    for epoch in range(epochs):
        dataset.set_epoch(epoch)
        samples.append(dataset[2])
    return samples


def iou(sample: dict[str, torch.Tensor]) -> float:
    rough, truth = sample["rough_masks"][0].bool(), sample["mask_labels"].bool()
    return ((rough & truth).sum() / (rough | truth).sum()).item()


def test_perturbed_rough_masks_differ_from_the_predicted_one_and_from_each_other(rows):
    predicted = [iou(sample) for sample in samples_of(rows, point_jitter=0.0)]
    assert np.ptp(predicted) < 0.01
    perturbed = [iou(sample) for sample in samples_of(rows, perturb=1.0, point_jitter=0.0)]
    assert np.ptp(perturbed) > 0.2 and min(perturbed) > 0.1
    mixed = [iou(sample) for sample in samples_of(rows, 30, perturb=0.5, point_jitter=0.0)]
    assert 5 < sum(abs(value - predicted[0]) < 0.01 for value in mixed) < 25


def test_objects_without_a_rough_mask_are_samples_of_perturbation(rows):
    _, processor = tiny.refiner(names=["a", "b", "c"])

    def change(objects):
        return [{**item, "rough_segmentation": None} for item in objects]

    image = changed(rows, change).select([0])
    dataset = RefinementDataset(image, processor, sampling=RefinementSampling(perturb=0.3))
    assert len(dataset) == 3
    assert all(dataset[index]["rough_masks"].sum() > 0 for index in range(3))
    with pytest.raises(ValueError, match="no object has both a mask and a rough mask"):
        RefinementDataset(image, processor)
    with pytest.raises(ValueError, match="no object has a mask; annotate some masks"):
        RefinementDataset(dataset_from_rows([{**image[0], "objects": []}], "abc"), processor, sampling=dataset.sampling)


def test_a_dropped_rough_mask_is_empty_or_a_disc_around_the_point(rows):
    samples = samples_of(rows, 24, drop_rough=1.0)
    empty = [sample for sample in samples if not sample["rough_masks"].any()]
    discs = [sample for sample in samples if sample["rough_masks"].any()]
    assert empty and len(discs) > len(empty)
    for sample in discs:
        x, y = sample["input_points"].tolist()
        assert sample["rough_masks"][0, y, x] == 1 and sample["mask_labels"].any()


def test_color_jitter_changes_colors_and_nothing_else(rows):
    plain, colored = (samples_of(rows, 1, color_jitter=jitter)[0] for jitter in (0.0, 0.4))
    assert all(torch.equal(plain[name], colored[name]) for name in plain if name != "pixel_values")
    assert (plain["pixel_values"] - colored["pixel_values"]).abs().mean() > 0.05


# -- pseudo labels


def with_pseudo_labels(rows: Any, overlap: int) -> Any:
    """Return the rows with pseudo labels in the first image, whose rough masks are that many rows longer."""

    def change(objects):
        pseudo = []
        for item, box in zip(objects, [(2, 3, 12, 9), (30, 5, 33, 35), (40, 10, 58, 30)], strict=True):
            left, top, right, bottom = box
            rough = encode_mask(mask(40, 60, (left, top, right, bottom + overlap)))
            label = encode_mask(mask(40, 60, box))
            pseudo.append({**item, "score": 0.9, "segmentation": label, "rough_segmentation": rough})
        return pseudo

    return changed(rows, change)


def test_a_fraction_of_the_samples_are_pseudo_labels_in_which_the_labelers_agree(rows):
    _, processor = tiny.refiner(names=["a", "b", "c"])
    sampling = RefinementSampling(self_training=0.5, agreement=0.8, point_jitter=0.0)
    # Four rows more are a third of the first object's height, and an eighth and a fifth of the others'.
    dataset = RefinementDataset(with_pseudo_labels(rows, 4), processor, (2.0, 2.0), sampling)
    assert len(dataset) == 6 and dataset.pseudo_objects == [(0, 1), (0, 2)]
    drawn = []
    for epoch in range(30):
        dataset.set_epoch(epoch)
        drawn += [dataset[index]["class_labels"].item() for index in range(6)]
    # Class 0 comes from annotated masks only, so that it has a sixth of the samples.
    assert 0.1 < drawn.count(0) / len(drawn) < 0.24
    # Predicted rough masks of pseudo labels are replaced.
    everything = RefinementSampling(self_training=1.0, agreement=0.8, point_jitter=0.0)
    dataset = RefinementDataset(with_pseudo_labels(rows, 4), processor, (2.0, 2.0), everything)
    values = {round(iou(dataset[index]), 3) for index in range(6)}
    assert len(values) == 6


def test_without_pseudo_labels_self_training_changes_nothing(rows):
    _, processor = tiny.refiner(names=["a", "b", "c"])
    samplings = (RefinementSampling(), RefinementSampling(self_training=0.7))
    plain, same = (RefinementDataset(rows, processor, sampling=sampling) for sampling in samplings)
    assert len(same) == 9
    assert all(torch.equal(plain[4][name], same[4][name]) for name in plain[4])
    # Pseudo labels alone cannot be mixed with anything.
    with pytest.raises(ValueError, match="no object has both a mask and a rough mask"):
        RefinementDataset(with_pseudo_labels(rows, 4).select([0]), processor, sampling=samplings[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"paste_neighbors": 2.0}, "paste_neighbors is 2.0; it must lie between 0 and 1"),
        ({"self_training": -0.5}, "self_training is -0.5"),
        ({"agreement": 1.1}, "agreement is 1.1"),
        ({"perturb": 1.5}, "perturb is 1.5; it must lie between 0 and 1"),
        ({"drop_rough": -0.1}, "drop_rough is -0.1"),
        ({"point_jitter": -1.0}, "point_jitter is -1.0; it must be at least 0"),
        ({"perturb": 0.7, "drop_rough": 0.4}, "their sum must be at most 1"),
    ],
)
def test_fractions_out_of_range_are_an_error(options, message):
    with pytest.raises(ValueError, match=message):
        RefinementSampling(**options)


# -- points


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (0, 0, 60, 40), (59, 39, 60, 40), (10, 5, 12, 35)])
def test_a_jittered_point_lies_inside_of_a_convex_mask(box):
    shape = mask(40, 60, box)
    points = {jittered_point(shape, 0.3, np.random.default_rng(seed)) for seed in range(40)}
    for x, y in points:
        assert shape[round(y), round(x)]
    assert len(points) > 5 or shape.sum() == 1


def test_no_jitter_is_the_center_of_mass_and_a_hole_is_no_place():
    ring = mask(41, 41, (0, 0, 41, 41)) & ~mask(41, 41, (5, 5, 36, 36))
    assert jittered_point(ring, 0.0, np.random.default_rng(0)) == (20.0, 20.0)  # where a derived label lies, too
    found = [jittered_point(ring, 0.5, np.random.default_rng(seed)) for seed in range(30)]
    inside = [ring[round(y), round(x)] for x, y in found]
    assert all(hit or point == (20.0, 20.0) for hit, point in zip(inside, found, strict=True)) and sum(inside) > 15
