# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import json

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor, pipeline
from transformers.utils import is_torchvision_available

from helpers.small_solov2 import lively_model, rectangles
from pointwssis.models.mask_refine_net.image_processing_mask_refine_net import MaskRefineNetImageProcessor
from pointwssis.models.solov2.image_processing_pil_solov2 import OFFICIAL_PREPROCESSING, SOLOv2ImageProcessorPil
from pointwssis.models.solov2.image_processing_solov2 import SOLOv2ImageProcessor
from pointwssis.ops.image_sizes import shortest_edge_size

MEAN_BGR = torch.tensor([103.53, 116.28, 123.675])
OFFICIAL = SOLOv2ImageProcessorPil(do_resize=False, **OFFICIAL_PREPROCESSING)
PLAIN = SOLOv2ImageProcessorPil(do_resize=False, do_rescale=False, do_normalize=False)


# -- sizes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((480, 640), (800, 1067)),  # transformers' own rule truncates to 1066
        ((500, 375), (1067, 800)),
        ((375, 500), (800, 1067)),
        ((640, 640), (800, 800)),
        ((427, 640), (800, 1199)),
        ((333, 999), (444, 1333)),  # the longest side decides
        ((1500, 300), (1333, 267)),
        ((4000, 10), (1333, 3)),
        ((1, 5000), (1, 1333)),
        ((800, 1333), (800, 1333)),
    ],
)
def test_sizes_follow_the_shortest_edge_rule_of_detectron2(before, after):
    assert shortest_edge_size(*before, 800, 1333) == after
    if before[0] * before[1] < 400_000:
        encoded = SOLOv2ImageProcessorPil(do_pad=False)(Image.new("RGB", before[::-1]), return_tensors="pt")
        assert encoded["pixel_values"].shape == (1, 3, *after) and "pixel_mask" not in encoded


def test_sizes_of_random_images_follow_the_rule_step_by_step():
    random = np.random.default_rng(0)
    for _ in range(500):
        height, width, shortest = (int(side) for side in random.integers(8, 3000, 3))
        longest = int(shortest * random.uniform(1, 3))
        scale = shortest * 1.0 / min(height, width)
        new = [shortest, scale * width] if height < width else [scale * height, shortest]
        if max(new) > longest:
            factor = longest * 1.0 / max(new)
            new = [side * factor for side in new]
        assert shortest_edge_size(height, width, shortest, longest) == tuple(int(side + 0.5) for side in new)


@pytest.mark.parametrize(
    ("size", "after"),
    [
        ({"shortest_edge": 60}, (60, 120)),
        ({"shortest_edge": 60, "longest_edge": 90}, (45, 90)),
        ({"height": 33, "width": 47}, (33, 47)),
    ],
)
def test_other_sizes_can_be_asked_for(size, after):
    encoded = SOLOv2ImageProcessorPil()(np.zeros((100, 200, 3), np.uint8), size=size, return_tensors="pt")
    height, width = after
    assert encoded["pixel_mask"].shape == (1, -(-height // 32) * 32, -(-width // 32) * 32)
    assert encoded["pixel_mask"].sum() == encoded["pixel_mask"][:, :height, :width].sum() == height * width


# -- pixels ------------------------------------------------------------------------------------------------------------


def test_official_values_are_bgr_minus_their_mean_and_the_padding_is_zero():
    image = np.random.default_rng(0).integers(0, 256, (30, 45, 3), dtype=np.uint8)
    encoded = OFFICIAL(image, return_tensors="pt")
    assert encoded["pixel_values"].shape == (1, 3, 32, 64) and encoded["pixel_values"].dtype == torch.float32
    expected = torch.as_tensor(image[..., ::-1].copy()).float() - MEAN_BGR
    torch.testing.assert_close(encoded["pixel_values"][0, :, :30, :45], expected.permute(2, 0, 1), rtol=0, atol=1e-4)
    assert not encoded["pixel_values"][0, :, 30:].any() and not encoded["pixel_values"][0, :, :, 45:].any()
    assert encoded["pixel_mask"].dtype == torch.int64 and encoded["pixel_mask"].sum() == 30 * 45


def test_default_values_are_rgb_as_transformers_backbones_take_them():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    values = SOLOv2ImageProcessorPil(do_resize=False)(image, return_tensors="pt")["pixel_values"][0]
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = ((torch.as_tensor(image).float() / 255 - mean) / std).permute(2, 0, 1)
    torch.testing.assert_close(values, expected, rtol=1e-5, atol=1e-5)


RGB = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 26, 3), dtype=np.uint8))
KINDS = {
    "RGB": RGB,
    "RGBA": RGB.convert("RGBA"),
    "L": RGB.convert("L"),
    "LA": RGB.convert("LA"),
    "P": RGB.convert("P"),
    "1": RGB.convert("1"),
    "CMYK": RGB.convert("CMYK"),
    "array": np.asarray(RGB),
    "array RGBA": np.asarray(RGB.convert("RGBA")),
    "array with one channel": np.asarray(RGB.convert("L"))[..., None],
    "tensor with channels first": torch.as_tensor(np.asarray(RGB).transpose(2, 0, 1).copy()),
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_image_becomes_three_channels(kind):
    image = KINDS[kind]
    values = PLAIN(image, return_tensors="pt")["pixel_values"]
    pillow = image if isinstance(image, Image.Image) else KINDS["L"] if "one channel" in kind else RGB
    assert values.shape == (1, 3, 32, 32)
    assert (values[0, :, :20, :26].permute(1, 2, 0).numpy() == np.asarray(pillow.convert("RGB"))).all()


def test_the_channel_order_flips():
    plain = PLAIN(RGB, return_tensors="pt")["pixel_values"]
    flipped = PLAIN(RGB, do_flip_channel_order=True, return_tensors="pt")["pixel_values"]
    assert torch.equal(flipped, plain.flip(1)) and not torch.equal(flipped, plain)


def test_a_batch_of_mixed_sizes_shares_one_canvas():
    encoded = PLAIN([np.full((h, w, 3), 9, np.uint8) for h, w in ((20, 70), (40, 33))], return_tensors="pt")
    assert encoded["pixel_values"].shape == (2, 3, 64, 96) and encoded["pixel_mask"].shape == (2, 64, 96)
    assert torch.equal(encoded["pixel_values"][:, 0] > 0, encoded["pixel_mask"] > 0)
    assert encoded["pixel_mask"].sum(dim=(1, 2)).tolist() == [20 * 70, 40 * 33]


# -- labels ------------------------------------------------------------------------------------------------------------


def test_labels_follow_resizing_and_padding():
    processor = SOLOv2ImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 200})
    images = [np.zeros((32, 48, 3), np.uint8), np.zeros((128, 100, 3), np.uint8)]
    boxes = [[[4, 8, 20, 30], [0, 0, 48, 32]], [[10, 20, 60, 128]]]
    masks = [rectangles(32, 48, *boxes[0]), rectangles(128, 100, *boxes[1]).numpy()]
    encoded = processor(
        images,
        mask_labels=masks,
        class_labels=[[2, 0], torch.tensor([1])],
        boxes=boxes,
        input_points=[[[4, 8.5]], np.array([[50, 100], [99, 127]])],
        return_tensors="pt",
    )
    assert encoded["pixel_values"].shape == (2, 3, 96, 96)  # 64 × 96 and 82 × 64
    first, second = encoded["mask_labels"]
    assert torch.equal(first, rectangles(96, 96, (8, 16, 40, 60), (0, 0, 96, 64)))
    assert second.shape == (1, 96, 96) and not second[:, 82:].any() and not second[:, :, 64:].any()
    assert second.dtype == torch.bool
    assert encoded["boxes"][0].tolist() == [[8, 16, 40, 60], [0, 0, 96, 64]]
    scale = torch.tensor([64 / 100, 82 / 128])
    torch.testing.assert_close(encoded["boxes"][1], torch.tensor([[10.0, 20, 60, 128]]) * scale.repeat(2))
    extent = second[0].nonzero()
    assert (extent.amin(0).flip(0) - encoded["boxes"][1][0, :2]).abs().max() <= 0.5
    assert (extent.amax(0).flip(0) + 1 - encoded["boxes"][1][0, 2:]).abs().max() <= 0.5
    assert [labels.tolist() for labels in encoded["class_labels"]] == [[2, 0], [1]]
    assert encoded["class_labels"][0].dtype == torch.int64
    assert encoded["input_points"][0].tolist() == [[8, 17]]
    torch.testing.assert_close(encoded["input_points"][1], torch.tensor([[50.0, 100], [99, 127]]) * scale)


def test_an_image_without_objects_has_labels_of_length_zero():
    encoded = OFFICIAL(
        [np.zeros((20, 30, 3), np.uint8)],
        mask_labels=[np.zeros((0, 20, 30))],
        class_labels=[[]],
        boxes=[[]],
        input_points=[[]],
        return_tensors="pt",
    )
    shapes = {name: tuple(encoded[name][0].shape) for name in ("mask_labels", "class_labels", "boxes", "input_points")}
    assert shapes == {"mask_labels": (0, 32, 32), "class_labels": (0,), "boxes": (0, 4), "input_points": (0, 2)}
    assert encoded["class_labels"][0].dtype == torch.int64


def test_without_padding_the_masks_keep_the_images_size():
    encoded = SOLOv2ImageProcessorPil(do_resize=False, do_pad=False)(
        [np.zeros((20, 30, 3), np.uint8)], mask_labels=[rectangles(20, 30, (1, 2, 9, 9))], return_tensors="pt"
    )
    assert torch.equal(encoded["mask_labels"][0], rectangles(20, 30, (1, 2, 9, 9)))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"mask_labels": []}, "mask_labels has 0 entries for 1 images"),
        ({"class_labels": [[0], [1]]}, "class_labels has 2 entries for 1 images"),
        ({"input_points": [[[1, 2]]] * 3}, "input_points has 3 entries"),
        ({"mask_labels": [np.zeros((1, 30, 20))]}, r"image 0 must have the shape \(N, 20, 30\), got \(1, 30, 20\)"),
        ({"mask_labels": [np.zeros((20, 30))]}, r"got \(20, 30\)"),
    ],
)
def test_labels_that_do_not_fit_the_image_are_named(labels, message):
    with pytest.raises(ValueError, match=message):
        OFFICIAL([np.zeros((20, 30, 3), np.uint8)], **labels, return_tensors="pt")


def test_an_unknown_option_is_refused():
    with pytest.raises(TypeError, match="shortest_side"):
        OFFICIAL(RGB, shortest_side=3)


# -- saving, loading, pipelines ----------------------------------------------------------------------------------------


def test_json_round_trip_through_the_auto_class(tmp_path):
    processor = SOLOv2ImageProcessorPil(
        size={"shortest_edge": 40, "longest_edge": 70}, size_divisor=16, **OFFICIAL_PREPROCESSING
    )
    processor.save_pretrained(tmp_path)
    written = json.loads((tmp_path / "preprocessor_config.json").read_text())
    assert written["image_processor_type"] == "SOLOv2ImageProcessor"
    loaded = AutoImageProcessor.from_pretrained(tmp_path)
    assert type(loaded) is SOLOv2ImageProcessorPil and loaded.to_dict() == processor.to_dict()
    one, other = (each(RGB, return_tensors="pt") for each in (processor, loaded))
    assert one["pixel_values"].shape == (1, 3, 48, 64)
    assert all(torch.equal(one[name], other[name]) for name in ("pixel_values", "pixel_mask"))


def test_the_stock_pipeline_segments(tmp_path):
    names = {0: "cell", 1: "debris", 2: "fibre"}
    lively_model(id2label=names).save_pretrained(tmp_path)
    SOLOv2ImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 128}).save_pretrained(tmp_path)
    segment = pipeline("image-segmentation", model=str(tmp_path), device="cpu")
    found = segment(RGB, threshold=0.0, overlap_mask_area_threshold=0.0)
    assert len(found) > 1 and {one["label"] for one in found} <= set(names.values())
    assert all(one["mask"].size == RGB.size and np.asarray(one["mask"]).any() for one in found)
    covered = sum((np.asarray(one["mask"]) > 0).astype(int) for one in found)
    assert covered.max() == 1  # the map gives each pixel to one instance


@pytest.mark.skipif(is_torchvision_available(), reason="needs an environment without torchvision")
@pytest.mark.parametrize("processor", [SOLOv2ImageProcessor, MaskRefineNetImageProcessor])
def test_a_missing_torchvision_is_named(processor):
    with pytest.raises(ImportError, match="requires the Torchvision library"):
        processor()
