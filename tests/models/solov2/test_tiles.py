# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Whole images in tiles: image processor and post-processing together."""

import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoImageProcessor

from helpers import tiny
from helpers.small_solov2 import lively_model
from pointwssis.models.solov2 import tiled_solov2
from pointwssis.models.solov2.decoding_solov2 import DecodingSettings
from pointwssis.models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from pointwssis.models.solov2.tiled_solov2 import TILES_PER_PASS, encode_tiles, instances_of_tiles
from pointwssis.ops.tiles import most_central_windows, tile_windows

SIDE, EDGE = 48, 96
TILED = SOLOv2ImageProcessorPil(size={"shortest_edge": EDGE, "longest_edge": EDGE}, tile_size=SIDE)
WHOLE = SOLOv2ImageProcessorPil(size={"shortest_edge": EDGE, "longest_edge": EDGE})
IMAGES = [tiny.picture(48, 90, seed=1), tiny.picture(30, 20, seed=2)]
SIZES = [(48, 90), (30, 20)]


@pytest.fixture(scope="module")
def model():
    return lively_model()


def outputs_of(model, images, processor=TILED):
    encoded = processor(images, return_tensors="pt")
    return model.encode(encoded["pixel_values"], encoded["pixel_mask"])


def crops(image) -> list:
    pixels = np.asarray(image)
    return [pixels[window.slices] for window in tile_windows(*pixels.shape[:2], SIDE)]


def test_tiles_are_prepared_like_images_of_their_size():
    encoded = TILED(IMAGES, return_tensors="pt")
    assert encoded["pixel_values"].shape == (4, 3, EDGE, EDGE)
    expected = WHOLE(crops(IMAGES[0]), return_tensors="pt")["pixel_values"]
    assert torch.equal(encoded["pixel_values"][:3], expected)
    # An image smaller than a tile keeps the scale of the others.
    assert encoded["pixel_mask"][3].sum() == 60 * 40 and encoded["pixel_mask"][:3].all()


def test_windows_with_labels_are_scaled_by_their_side():
    window = np.zeros((24, 10, 3), dtype=np.uint8)
    values = {"mask_labels": [np.ones((1, 24, 10))], "input_points": [[(5, 12)]], "window_sides": [24]}
    encoded = TILED([window], **values, return_tensors="pt")
    assert encoded["pixel_values"].shape == (1, 3, EDGE, EDGE) and encoded["mask_labels"][0].sum() == 96 * 40
    assert encoded["input_points"][0].tolist() == [[20, 48]]
    with pytest.raises(ValueError, match="mask_labels: labels are not cut into tiles"):
        TILED([window], mask_labels=[np.ones((1, 24, 10))])


def test_the_side_is_saved_and_checked(tmp_path):
    TILED.save_pretrained(tmp_path)
    assert AutoImageProcessor.from_pretrained(tmp_path, backend="pil").tile_size == SIDE
    with pytest.raises(ValueError, match="tile_size is 0"):
        WHOLE(IMAGES[:1], tile_size=0)


def test_each_point_gets_the_mask_of_the_tile_in_which_it_is_most_central(model):
    points = [[(80, 40), (3, 4), (44, 20), (90, 48)], [(20, 30)]]
    found = TILED.post_process_point_instance_segmentation(outputs_of(model, IMAGES), points, target_sizes=SIZES)
    assert [[one["point"] for one in image] for image in found] == [[[*map(float, p)] for p in own] for own in points]
    windows = tile_windows(48, 90, SIDE)
    owners = most_central_windows(np.array(points[0], dtype=float), windows, 48, 90)
    assert len(set(owners)) == 3
    for number, (one, owner) in enumerate(zip(found[0], owners, strict=True)):
        # The tile alone, as an image of its own
        window = windows[owner]
        x, y = points[0][number]
        outputs = outputs_of(model, [crops(IMAGES[0])[owner]], WHOLE)
        ((alone,),) = WHOLE.post_process_point_instance_segmentation(
            outputs, [[(x - window.left, y - window.top)]], target_sizes=[window.size]
        )
        assert one["point_index"] == number and one["mask"].shape == (48, 90)
        assert (one["mask"][window.slices] != alone["mask"]).sum() < 10  # other batch, other rounding
        assert one["mask"].sum() == one["mask"][window.slices].sum()
        assert one["label_id"] == alone["label_id"] and one["level"] == alone["level"]


def test_every_level_and_boxes_of_points(model):
    outputs, points = outputs_of(model, IMAGES), [[(80, 40), (3, 4)], []]
    levels = TILED.post_process_every_level(outputs, points, target_sizes=SIZES)
    assert [one["point_index"] for one in levels[0]] == [0] * 5 + [1] * 5 and levels[1] == []
    boxes = [[(70, 30, 90, 48), (0, 0, 4, 4)], []]
    sized = TILED.post_process_point_instance_segmentation(
        outputs, points, target_sizes=SIZES, level_strategy="size", boxes=boxes
    )
    assert [one["level"] for one in sized[0]][1] == 0 and len(sized[0]) == 2
    official = TILED.post_process_official_points(outputs, points, [[0, 1], []], target_sizes=SIZES)
    scores = [one["score"] for one in official[0]]
    assert scores == sorted(scores, reverse=True) and official[1] == []


def test_instances_of_all_tiles_are_merged(model):
    outputs = outputs_of(model, IMAGES)
    for form in ("return_binary_maps", "return_coco_annotation"):
        found = TILED.post_process_instance_segmentation(outputs, target_sizes=SIZES, top_k=5, **{form: True})
        scores = [info["score"] for info in found[0]["segments_info"]]
        assert 1 < len(scores) <= 5 and scores == sorted(scores, reverse=True)
    whole = TILED.post_process_instance_segmentation(outputs, target_sizes=SIZES, return_binary_maps=True)[0]
    assert whole["segmentation"].shape[1:] == (48, 90)
    # The two halves of the image both have instances.
    assert whole["segmentation"][:, :, :10].any() and whole["segmentation"][:, :, 80:].any()


def joined(parts: list) -> object:
    """Return the outputs of several passes as those of one."""
    values = {"decoding": parts[0]["decoding"]}
    for name in ("mask_features", "valid_sizes"):
        values[name] = torch.cat([part[name] for part in parts])
    for name in ("class_logits", "kernels"):
        values[name] = tuple(torch.cat(level) for level in zip(*(part[name] for part in parts), strict=True))
    return type(parts[0])(**values)


@pytest.mark.parametrize("classes", [None, [0, 2]])
def test_few_tiles_at_a_time_give_the_instances_of_all_tiles_together(model, classes):
    image, size = tiny.picture(150, 170, seed=3), (150, 170)
    encoded = TILED([image], return_tensors="pt")
    passes = zip(*(encoded[name].split(TILES_PER_PASS) for name in ("pixel_values", "pixel_mask")), strict=True)
    together = joined([model.encode(*part) for part in passes])
    (expected,) = TILED.post_process_instance_segmentation(
        together, 0.1, target_sizes=[size], top_k=30, image_labels=[classes], return_coco_annotation=True
    )
    settings = replace(DecodingSettings.of(model.config), max_detections=30)
    few = encode_tiles(model.encode, TILED, image, SIDE, torch.device("cpu"))
    own_classes = None if classes is None else torch.tensor(classes)
    masks, labels, scores = instances_of_tiles(few, settings, 0.1, 30, own_classes)
    assert len(encoded["pixel_values"]) == 20 and len(labels) > 3
    assert [mask.rle() for mask in masks] == expected["segmentation"]
    assert labels.tolist() == [info["label_id"] for info in expected["segments_info"]]
    assert scores.tolist() == [info["score"] for info in expected["segments_info"]]


def test_outputs_of_earlier_tiles_are_freed(model, monkeypatch):
    monkeypatch.setattr(tiled_solov2, "TILES_PER_PASS", 4)
    made, alive = [], []

    def network(pixel_values, pixel_mask):
        alive.append(sum(features() is not None for features in made))
        outputs = model.encode(pixel_values, pixel_mask)
        made.append(weakref.ref(outputs["mask_features"]))
        return outputs

    encoded = encode_tiles(network, TILED, tiny.picture(150, 170), SIDE, torch.device("cpu"))
    instances_of_tiles(encoded, DecodingSettings.of(model.config), 0.1)
    assert alive == [0] * 5


def test_outputs_of_other_images_are_refused(model):
    outputs = outputs_of(model, IMAGES)
    with pytest.raises(ValueError, match="outputs belong to 4 inputs; images of the target_sizes have 3 tiles"):
        TILED.post_process_instance_segmentation(outputs, target_sizes=SIZES[:1])
    with pytest.raises(ValueError, match="pass target_sizes"):
        TILED.post_process_instance_segmentation(outputs)
