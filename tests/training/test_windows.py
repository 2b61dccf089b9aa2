# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from transformers import pipeline

from helpers import tiny
from pointwssis.data import dataset_from_rows, make_object
from pointwssis.ops.coco_masks import encode_mask, rle_iou
from pointwssis.pseudo_labeling import solov2_proposer, solov2_teacher
from pointwssis.runs.run import Run
from pointwssis.training.arguments import SegmentationTrainingArguments
from pointwssis.training.augmentation import Augmentation
from pointwssis.training.collators import InstanceCollator
from pointwssis.training.datasets import InstanceDataset
from pointwssis.training.trainer import SegmentationTrainer

SIDE = 48
NO_CHANGE = Augmentation(horizontal_flip=0.0)
TURNS = Augmentation(horizontal_flip=0.5, vertical_flip=0.5, rotate90=True, min_crop=0.5)


@pytest.fixture
def rows(tmp_path) -> Any:
    """Return one image, 100 × 300, with a red square at its right border, a green one at its left, and a bare point."""
    pixels, objects = np.full((100, 300, 3), 90, np.uint8), []
    for number, (left, color) in enumerate([(284, (250, 0, 0)), (4, (0, 250, 0))]):
        mask = np.zeros((100, 300), bool)
        mask[80:92, left : left + 12] = True
        pixels[mask] = color
        objects.append(make_object(number, number, point=[left + 6, 86], segmentation=encode_mask(mask)))
    objects.append(make_object(2, None, point=[280.0, 60.0]))
    Image.fromarray(pixels).save(tmp_path / "a.png")
    row = {"image": str(tmp_path / "a.png"), "image_id": 0, "width": 300, "height": 100, "file_name": "a.png"}
    return dataset_from_rows([{**row, "complete": True, "image_labels": None, "objects": objects}], ["red", "green"])


def samples(rows: Any, augmentation: Augmentation | None, epochs: int = 100, **options: Any) -> list[dict[str, Any]]:
    dataset = InstanceDataset(rows, augmentation, tile_size=SIDE, **options)
    found = []
    for epoch in range(epochs):
        dataset.set_epoch(epoch)
        found.append(dataset[0])
    return found


def test_windows_show_objects_with_their_masks_in_most_epochs(rows):
    found = samples(rows, TURNS)
    for sample in found:
        side = sample["window_side"]
        assert SIDE // 2 <= side <= SIDE and sample["images"].shape == (side, side, 3)
        assert sample["mask_labels"].shape[1:] == (side, side)
        assert len(sample["mask_labels"]) == len(sample["class_labels"]) == len(sample["mask_weights"])
        for mask, label in zip(sample["mask_labels"], sample["class_labels"], strict=True):
            assert mask.any() and (sample["images"][mask][:, label] == 250).all()
            assert mask.sum() == (sample["images"][..., label] == 250).sum()
    # Either object, whole or cut; and background, which a random place would nearly always show.
    labels = [label for sample in found for label in sample["class_labels"]]
    assert 25 < labels.count(0) < 60 and 25 < labels.count(1) < 60
    assert sum(not len(sample["class_labels"]) for sample in found) > 5
    areas = {int(mask.sum()) for sample in found for mask in sample["mask_labels"]}
    assert 144 in areas and min(areas) < 144


def test_points_without_masks_move_with_the_window(rows):
    found = [sample for sample in samples(rows, NO_CHANGE) if len(sample["input_points"])]
    assert len(found) > 10
    for sample in found:
        assert len(sample["input_points"]) == 1 and sample["window_side"] == SIDE
        # The red square lies 20 pixels below the point and 4 to the right of it.
        (x, y), mask = sample["input_points"][0], sample["mask_labels"]
        rows_of_mask, columns = np.nonzero(mask[sample["class_labels"] == 0].any(axis=0))
        if len(columns) == 144:
            assert (columns.min() - x, rows_of_mask.min() - y) == (4, 20)


def test_windows_depend_on_seed_and_epoch_alone(rows):
    first, second = samples(rows, TURNS, 5, seed=3), samples(rows, TURNS, 5, seed=3)
    for one, other in zip(first, second, strict=True):
        assert (one["images"] == other["images"]).all() and one["scale_draw"] == other["scale_draw"]
    assert len({sample["images"].tobytes() for sample in first}) > 1


def test_an_image_smaller_than_the_window_keeps_its_scale(rows):
    dataset = InstanceDataset(rows, None, tile_size=200)
    assert dataset.sizes == [(100, 200)] and dataset[0]["images"].shape == (100, 200, 3)
    _, processor = tiny.segmenter()
    batch = InstanceCollator(processor, [64], 64)([dataset[0], InstanceDataset(rows, None, tile_size=50)[0]])
    assert batch["pixel_values"].shape == (2, 3, 64, 64)
    assert batch["pixel_mask"].sum(dim=(1, 2)).tolist() == [32 * 64, 64 * 64]


# -- one model everywhere


@pytest.fixture
def folder(tmp_path) -> Path:
    """Return a saved SOLOv2 that sees tiles."""
    model, processor = tiny.segmenter()
    processor.tile_size = SIDE
    tiny.saved(tmp_path / "tiled", (model, processor))
    return tmp_path / "tiled"


def test_rows_train_and_are_evaluated_in_tiles(tmp_path):
    model, processor = tiny.segmenter()
    processor.tile_size = SIDE
    rows = tiny.shapes(4, (64, 100))
    arguments = SegmentationTrainingArguments(
        str(tmp_path), max_steps=2, per_device_train_batch_size=2, use_cpu=True, save_strategy="no", disable_tqdm=True
    )
    trainer = SegmentationTrainer(model, arguments, train_dataset=rows, eval_dataset=rows, processing_class=processor)
    assert trainer.train_dataset.tile_size == SIDE
    trainer.train()
    assert trainer.evaluate()["eval_AP"] >= 0
    rles = [one["rle"]["size"] for one in trainer.predict(rows).predictions[0]]
    assert rles and all(size == [64, 100] for size in rles)


def assert_same_masks(found, expected):
    """Assert that masks agree up to rounding, which may move a pixel at the border of a mask."""
    assert [one["label"] for one in found] == [one["label"] for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert rle_iou(one["mask"], other["mask"]) > 0.99
        assert one["score"] == pytest.approx(other["score"], abs=1e-4)


def test_pipeline_session_teacher_and_proposer_of_a_saved_model_agree(folder):
    image, points = tiny.picture(60, 130), [(120, 50), (5, 5), (60, 30)]
    pipe = pipeline("point-instance-segmentation", model=str(folder), device="cpu", mask_format="rle")
    found = pipe(image, points=points)
    assert [one["point"] for one in found] == [[*map(float, point)] for point in points]
    assert {tuple(one["mask"]["size"]) for one in found} == {(60, 130)}
    session = pipe.encode(image)
    assert_same_masks(session(points=points), found)
    assert_same_masks(session(points=points[1:2]), found[1:2])
    assert_same_masks(solov2_teacher(folder)([image], [points], [[None] * 3])[0], found)
    # Without points: the instances of all tiles; the limit of detections is for results, not for proposals
    instances = pipe(image, threshold=0.05, top_k=pipe.model.config.nms_top_k)
    proposals = solov2_proposer(folder, 0.05, 0.05)([image], [None])[0]
    assert_same_masks(proposals, instances)
    assert len(instances) > pipe.model.config.max_detections


def test_images_of_several_sizes_in_one_batch(folder):
    images = [tiny.picture(60, 130), tiny.picture(40, 30), tiny.picture(110, 120)]
    pipe = pipeline("point-instance-segmentation", model=str(folder), device="cpu", mask_format="numpy", threshold=0.05)
    # Points give the same masks; instances of nearly equal score may change places, so only scores are compared.
    items = [{"image": image, "points": [(25, 30)]} for image in images]
    for (first,), item in zip(pipe(items, batch_size=3), items, strict=True):
        (second,) = pipe(item)
        assert first["label"] == second["label"] and (first["mask"] != second["mask"]).sum() < 10
    for first, image in zip(pipe(images, batch_size=3), images, strict=True):
        scores, expected = ([one["score"] for one in found] for found in (first, pipe(image)))
        assert scores == pytest.approx(expected, abs=1e-3) and first[0]["mask"].shape == (image.height, image.width)


def test_a_recipe_passes_its_tiles_to_every_model(tmp_path):
    data = tiny.shapes_folder(tmp_path / "data", 6, 2)
    recipe = tiny.recipe(tmp_path / "run", data_dir=str(data), tile_size=40)
    Run(recipe).run()
    for name in ("teacher", "student_refined"):
        assert '"tile_size": 40' in (tmp_path / "run" / name / "preprocessor_config.json").read_text()
