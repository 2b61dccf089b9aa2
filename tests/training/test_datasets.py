# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from helpers import tiny
from helpers.rectangles import COLORS, changed, mask, rectangle_rows
from pointwssis.data import dataset_from_rows, make_object
from pointwssis.ops.coco_masks import encode_mask
from pointwssis.training.augmentation import Augmentation
from pointwssis.training.collators import InstanceCollator, as_list
from pointwssis.training.datasets import ImageDataset, InstanceDataset
from pointwssis.training.incomplete_labels import background_threshold
from pointwssis.training.samplers import SimilarShapeSampler

TURNS = Augmentation(horizontal_flip=0.5, vertical_flip=0.5, rotate90=True)
COMPLETE = {"mask_weights": np.ones(1), "input_points": np.zeros((0, 2)), "incomplete_classes": np.zeros(4, bool)}


@pytest.fixture
def rows(tmp_path) -> Any:
    return rectangle_rows(tmp_path)


def assert_masks_lie_on_their_colors(sample: dict[str, Any]) -> None:
    assert sample["mask_labels"].shape[1:] == sample["images"].shape[:2]
    for shape, label in zip(sample["mask_labels"], sample["class_labels"], strict=True):
        assert (shape == (sample["images"] == COLORS[label]).all(axis=-1)).all()


# -- images for SOLOv2


def test_an_image_that_cannot_be_read_is_named_or_skipped(tmp_path, caplog):
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    for name in ("a.png", "b.png"):
        Image.fromarray(pixels).save(tmp_path / name)
    fields = {"width": 30, "height": 20, "complete": True, "image_labels": None, "objects": []}
    names = ("a.png", "b.png")
    listed = [{**fields, "image": str(tmp_path / n), "image_id": i, "file_name": n} for i, n in enumerate(names)]
    rows = dataset_from_rows(listed, ["cat"])
    damaged = bytearray((tmp_path / "b.png").read_bytes())
    damaged[len(damaged) // 2] ^= 255
    (tmp_path / "b.png").write_bytes(damaged)
    with pytest.raises(ValueError, match="b.png: cannot be decoded"):
        InstanceDataset(rows)[1]
    dataset = InstanceDataset(rows, skip_bad=True)
    assert (dataset[1]["images"] == dataset[0]["images"]).all() and (dataset[1]["images"] == pixels).all()
    assert caplog.text.count("b.png: cannot be decoded") == 1  # warned of once
    (tmp_path / "a.png").unlink()
    with pytest.raises(ValueError, match="no image of the training data can be read"):
        dataset[0]


def unmasked(objects):
    """Return the objects with masks of the first one only; the last one is an empty pseudo label."""
    nothing = encode_mask(np.zeros((40, 60), bool))
    return [
        objects[0],
        {**objects[1], "segmentation": None, "rough_segmentation": None},
        {**objects[2], "segmentation": nothing, "score": 0.0},
    ]


def test_points_without_masks_move_with_the_image(rows):
    dataset = InstanceDataset(changed(rows, unmasked), Augmentation(0.5, 0.5, rotate90=True, min_crop=0.6))
    shapes, counts = set(), set()
    for epoch in range(80):
        dataset.set_epoch(epoch)
        sample = dataset[0]
        for x, y in sample["input_points"]:
            color = tuple(sample["images"][round(y), round(x)])
            assert color in COLORS[1:]
        counts.add(len(sample["input_points"]))
        shapes.add(sample["images"].shape)
    assert counts >= {1, 2} and len(shapes) > 10
    assert len(InstanceDataset(rows)[0]["input_points"]) == 0


def test_a_pseudo_label_counts_as_much_as_its_score_and_its_agreement(rows):
    def scored(objects):
        return [{**item, "score": None if number == 0 else 0.5} for number, item in enumerate(objects)]

    assert InstanceDataset(changed(rows, scored))[0]["mask_weights"].tolist() == [1, 1, 1]
    weights = InstanceDataset(changed(rows, scored), weigh_pseudo_labels=True)[0]["mask_weights"]
    # The rough masks have two rows more: 30 of 32, and 20 of 18 (the picture ends).
    assert weights.tolist() == pytest.approx([1, 0.5 * 30 / 32, 0.5 * 18 / 20])


@pytest.mark.parametrize(
    ("complete", "image_labels", "expected"),
    [
        (True, None, [False] * 3),
        (False, None, [True] * 3),
        (False, [0, 2], [True, False, True]),
        (False, [], [False] * 3),
        (True, [1], [False] * 3),
    ],
)
def test_classes_that_may_be_there_without_a_label(rows, complete, image_labels, expected):
    first, *others = rows
    made = dataset_from_rows([{**first, "complete": complete, "image_labels": image_labels}, *others], ["a", "b", "c"])
    dataset = InstanceDataset(made)
    assert dataset[0]["incomplete_classes"].tolist() == expected
    processor = tiny.segmenter()[1]
    batch = InstanceCollator(processor, [48], 96)([dataset[0], dataset[1]])
    assert batch["incomplete_classes"].tolist() == [expected, [False] * 3]
    assert [len(points) for points in batch["ignore_points"]] == [0, 0] and "input_points" not in batch


def test_hardly_a_complete_image_asks_for_a_background_of_the_networks_own(rows, caplog):
    several = [{**rows[number % 2], "image_id": number, "complete": number == 0} for number in range(21)]
    assert background_threshold(rows) == background_threshold(rows.select([])) == 0
    assert background_threshold(dataset_from_rows(several[:20], ["a", "b", "c"])) == 0 and not caplog.text
    assert background_threshold(dataset_from_rows(several, ["a", "b", "c"])) == 0.1
    assert "1 of 21 images are complete" in caplog.text


def test_points_go_to_the_frame_of_the_network(rows):
    dataset = InstanceDataset(changed(rows, unmasked))
    batch = InstanceCollator(tiny.segmenter()[1], [80], 120)([dataset[0]])
    expected = 2 * torch.tensor([item["point"] for item in rows[0]["objects"][1:]])
    assert torch.allclose(batch["ignore_points"][0], expected)


def test_augmentation_moves_image_and_masks_alike(rows):
    dataset = InstanceDataset(rows, TURNS)
    seen = set()
    for epoch in range(60):
        dataset.set_epoch(epoch)
        sample = dataset[0]
        assert_masks_lie_on_their_colors(sample)
        assert sample["class_labels"].tolist() == [0, 1, 2]
        seen.add(sample["mask_labels"].tobytes() + bytes(sample["images"].shape[:2]))
    assert len(seen) == 8  # all orientations of a rectangle


def test_without_augmentation_the_image_stays_as_it_is(rows):
    dataset = InstanceDataset(rows)
    for epoch in range(3):
        dataset.set_epoch(epoch)
        sample = dataset[1]
        assert sample["images"].shape == (40, 60, 3) and sample["mask_labels"][0, 3:9, 2:12].all()
        assert_masks_lie_on_their_colors(sample)


def test_random_windows_keep_image_and_masks_together(rows):
    dataset = InstanceDataset(rows, Augmentation(0.0, min_crop=0.3))
    sizes, counts = set(), set()
    for epoch in range(30):
        dataset.set_epoch(epoch)
        sample = dataset[0]
        assert_masks_lie_on_their_colors(sample)
        assert sample["mask_labels"].any(axis=(1, 2)).all() and len(sample["mask_labels"]) == len(
            sample["class_labels"]
        )
        height, width = sample["images"].shape[:2]
        assert 12 <= height <= 40 and 18 <= width <= 60 and abs(height / 40 - width / 60) < 0.03
        sizes.add((height, width))
        counts.add(len(sample["class_labels"]))
    assert len(sizes) > 10 and len(counts) > 1  # what left the window is gone


def test_scale_jitter_zooms_in_and_out(rows):
    dataset, widths = InstanceDataset(changed(rows, unmasked), Augmentation(0.0, scale_jitter=2.0)), []
    for epoch in range(60):
        dataset.set_epoch(epoch)
        sample = dataset[0]
        height, width = sample["images"].shape[:2]
        assert height / width == pytest.approx(40 / 60, abs=0.03)
        assert_masks_lie_on_their_colors(sample)
        for x, y in sample["input_points"]:
            assert tuple(sample["images"][round(y), round(x)]) in COLORS[1:]
        # A larger canvas is filled with the mean color and holds everything.
        if width > 60:
            mean = np.asarray(Image.open(rows[0]["image"]["path"])).mean(axis=(0, 1)).round()
            assert (sample["images"] == mean).all(axis=-1).sum() == height * width - 40 * 60
            assert len(sample["class_labels"]) == 1 and len(sample["input_points"]) == 2
        widths.append(width)
    # The window is between half of the image and twice the image.
    assert 30 <= min(widths) < 36 and 100 < max(widths) <= 120
    assert 20 < sum(width > 60 for width in widths) < 40


def test_scale_jitter_and_crops_multiply(rows):
    dataset, widths = InstanceDataset(rows, Augmentation(0.0, min_crop=0.5, scale_jitter=1.5)), []
    for epoch in range(80):
        dataset.set_epoch(epoch)
        widths.append(dataset[0]["images"].shape[1])
    assert 20 <= min(widths) < 26 and 70 < max(widths) <= 90


def test_light_changes_the_image_alone(rows):
    dataset = InstanceDataset(rows, Augmentation(0.0, brightness=0.5, contrast=0.5))
    plain = InstanceDataset(rows)[0]
    images = []
    for epoch in range(4):
        dataset.set_epoch(epoch)
        sample = dataset[0]
        assert (sample["mask_labels"] == plain["mask_labels"]).all() and sample["images"].dtype == np.uint8
        images.append(sample["images"])
    assert all((image != plain["images"]).any() for image in images) and (images[0] != images[1]).any()


def test_randomness_depends_on_seed_epoch_and_index_alone(rows):
    def draws(seed: int, order: list[tuple[int, int]]) -> dict[tuple[int, int], tuple]:
        dataset, drawn = InstanceDataset(rows, Augmentation(0.5, 0.5, True, 0.3, 0.3), seed), {}
        for epoch, index in order:
            dataset.set_epoch(epoch)
            sample = dataset[index]
            drawn[epoch, index] = (sample["images"].tobytes(), sample["mask_labels"].tobytes(), sample["scale_draw"])
        return drawn

    order = [(epoch, index) for epoch in range(3) for index in range(3)]
    first = draws(7, order)
    np.random.seed(0)
    torch.manual_seed(1)
    assert draws(7, order[::-1]) == first
    assert len({value[2] for value in first.values()}) == 9
    assert all(draws(8, order)[key] != value for key, value in first.items())


def test_crowds_empty_masks_and_objects_without_mask_or_class_are_left_out(rows):
    full = encode_mask(np.ones((40, 60), bool))

    def with_others(objects):
        return [
            make_object(90, 0, iscrowd=True, segmentation=full),
            *objects,
            make_object(91, 1, point=[3, 4]),
            make_object(92, 2, point=[3, 4], segmentation=encode_mask(np.zeros((40, 60), bool))),
            make_object(93, None, point=[3, 4], segmentation=full),
        ]

    sample = InstanceDataset(changed(rows, with_others))[0]
    assert sample["class_labels"].tolist() == [0, 1, 2]
    assert_masks_lie_on_their_colors(sample)
    nothing = InstanceDataset(changed(rows, lambda objects: with_others([])), TURNS)[0]
    assert nothing["mask_labels"].shape[0] == 0 and nothing["class_labels"].shape == (0,)


# -- batches


def test_a_batch_has_one_scale_and_masks_in_the_frame_of_its_images():
    model, processor = tiny.segmenter()
    samples = []
    for size, draw in (((40, 60), 0.99), ((60, 30), 0.0)):
        shape = mask(*size, (4, 8, 20, 24))
        image = np.zeros((*size, 3), np.uint8)
        image[shape] = 255
        samples.append(
            {"images": image, "mask_labels": shape[None], "class_labels": np.array([1]), "scale_draw": draw, **COMPLETE}
        )
    collate = InstanceCollator(processor, [32, 80], 120)
    batch = collate(samples)
    assert batch["pixel_values"].shape == (2, 3, 128, 128)  # 80 × 120 and 120 × 60: the first one's draw counts
    assert batch["pixel_mask"][0].any(dim=1).sum() == 80 and batch["pixel_mask"][1].any(dim=0).sum() == 60
    for index in range(2):
        bright = batch["pixel_values"][index, 0] > 1
        agree = (bright == batch["mask_labels"][index][0]).float().mean()
        assert agree > 0.98
    assert [labels.tolist() for labels in batch["class_labels"]] == [[1], [1]]
    assert model(**batch).loss.isfinite()
    assert collate(samples[::-1])["pixel_values"].shape == (2, 3, 64, 64)  # 32 × 48 and 64 × 32


def test_every_scale_is_drawn():
    _, processor = tiny.segmenter()
    collate = InstanceCollator(processor, [32, 64, 96], 200)
    nothing = {"mask_labels": np.zeros((0, 20, 20), bool), "class_labels": np.zeros(0, int)}
    sample = {"images": np.zeros((20, 20, 3), np.uint8), **nothing, **COMPLETE}
    draws = (0.0, 0.33, 0.34, 0.67, 1 - 1e-12)
    sides = [collate([{**sample, "scale_draw": draw}])["pixel_values"].shape[-1] for draw in draws]
    assert sides == [32, 32, 64, 96, 96]


def test_images_for_evaluation_keep_their_original_size(rows):
    _, processor = tiny.segmenter()
    sample = ImageDataset(rows, processor)[2]
    assert (sample["image_id"], sample["size"]) == (2, (40, 60))
    assert sample["pixel_values"].shape == (1, 3, 64, 96)
    assert as_list([sample, sample])["samples"] == [sample, sample]
    # Tiles are prepared later, a few at a time.
    processor.tile_size = 32
    sample = ImageDataset(rows, processor)[2]
    assert sample.keys() == {"image_id", "size", "image"} and sample["image"].size == (60, 40)


# -- order


@pytest.mark.parametrize(("count", "batch_size"), [(0, 4), (1, 4), (3, 4), (50, 1), (50, 4), (203, 3), (64, 64)])
def test_the_sampler_visits_every_index_once(count, batch_size):
    sizes = [(10, 10 + 7 * (index % 5)) for index in range(count)]
    sampler = SimilarShapeSampler(sizes, batch_size, seed=3)
    assert len(sampler) == count
    orders = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        order = list(sampler)
        assert sorted(order) == list(range(count)) and list(sampler) == order
        orders.append(order)
    assert count < 10 or orders[0] != orders[1]
    assert all(isinstance(index, int) for index in orders[0])


def test_the_sampler_puts_similar_shapes_into_one_batch():
    sizes = [(30, 60) if index % 2 else (60, 30) for index in range(64)]
    batches = np.array(list(SimilarShapeSampler(sizes, 4))).reshape(-1, 4)
    mixed = sum(len({index % 2 for index in batch}) > 1 for batch in batches.tolist())
    assert mixed <= 1
    firsts = [batch[0] % 2 for batch in batches.tolist()]
    assert firsts != sorted(firsts)  # wide and tall batches take turns
