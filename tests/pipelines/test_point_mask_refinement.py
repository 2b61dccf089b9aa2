# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import tracemalloc

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import pipeline

from helpers import tiny
from pointwssis.ops.coco_masks import encode_mask
from pointwssis.ops.points import point_in_mask
from pointwssis.pipelines import PointInstanceSegmentationPipeline, point_mask_refinement


@pytest.mark.parametrize("batch_size", [1, 2])
def test_lists_take_masks_in_every_form(refine, batch_size):
    masks = np.zeros((2, 64, 64), bool)
    masks[0, 10:40, 5:30], masks[1, 30:60, 30:60] = True, True
    images = [tiny.picture(), tiny.picture(seed=1), tiny.picture(50, 80, 2)]
    rough = [[encode_mask(masks[0]), Image.fromarray(masks[1])], [], [np.ones((50, 80), np.uint8)]]
    points, labels = [[(10, 20), (40, 40)], [], [(3, 4)]], [["star", 1], [], ["ellipse"]]
    found = refine(images, rough_masks=rough, points=points, labels=labels, batch_size=batch_size, mask_format="numpy")
    assert [len(answers) for answers in found] == [2, 0, 1]
    assert [answer["label"] for answer in found[0]] == ["star", "rectangle"]
    assert [answer["point"] for answer in found[0]] == [[10.0, 20.0], [40.0, 40.0]]
    alone = refine(images[0], rough_masks=list(masks), points=points[0], labels=labels[0], mask_format="numpy")
    assert [(a["mask"] == b["mask"]).all() for a, b in zip(found[0], alone, strict=True)] == [True, True]
    items = [
        {"image": image, "rough_masks": rows, "points": own, "labels": names}
        for image, rows, own, names in zip(images, rough, points, labels, strict=True)
    ]
    streamed = list(refine((item for item in items), batch_size=batch_size, mask_format="numpy"))
    assert (streamed[0][1]["mask"] == found[0][1]["mask"]).all() and len(streamed) == 3


def test_more_objects_than_go_through_the_refiner_at_once(refine):
    count = 70
    masks = np.zeros((count, 64, 64), bool)
    for index, mask in enumerate(masks):
        mask[index % 50 : index % 50 + 9, 10:20] = True
    points = [(15, index % 50 + 4) for index in range(count)]
    many = refine.refine(tiny.picture(), list(masks), points, ["star"] * count)["masks"]
    few = refine.refine(tiny.picture(), list(masks[66:69]), points[66:69], ["star"] * 3)["masks"]
    assert many.shape == (count, 64, 64) and (many[66:69] != few).sum() <= 9


def test_few_masks_of_a_large_image_are_dense_at_once(refine, monkeypatch):
    monkeypatch.setattr(point_mask_refinement, "PIXELS_PER_CALL", 4 * 1000 * 1000)
    image, rough = tiny.picture(1000, 1000), np.zeros((1000, 1000), bool)
    rough[100:140, 200:260] = True
    prompts = {"rough_masks": [encode_mask(rough)] * 60, "points": [(220, 110)] * 60, "labels": ["star"] * 60}
    tracemalloc.start()
    found = refine(image, **prompts, mask_format="rle")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Once all 60 rough and 60 refined masks, of one million bytes each
    assert len(found) == 60 and peak < 40e6


def test_an_empty_refined_mask_keeps_the_rough_one(tmp_path):
    model, processor = tiny.refiner()
    with torch.no_grad():
        model.head.bias.copy_(torch.tensor([50.0, -50.0]))  # all background
    tiny.saved(tmp_path, (model, processor))
    refine = pipeline("point-mask-refinement", model=str(tmp_path), device="cpu")
    mask = np.zeros((64, 64), bool)
    mask[5:9, 5:9] = True
    found = refine(tiny.picture(), rough_masks=[mask], points=[(6, 6)], labels=["star"], mask_format="numpy")
    assert found[0]["kept_rough_mask"] and (found[0]["mask"] == mask).all() and found[0]["point_in_mask"]


def test_a_class_agnostic_refiner_needs_no_class(tmp_path):
    alone = pipeline("point-mask-refinement", model=tiny.saved_refiner(tmp_path, class_conditional=False), device="cpu")
    for labels in (None, ["whatever"]):
        found = alone(tiny.picture(), rough_masks=[np.ones((64, 64))], points=[(64, 64)], labels=labels)
        assert found[0]["label"] is None and found[0]["mask"].size == (64, 64)


def test_another_model_is_one_clear_error(folder):
    with pytest.raises(
        ValueError, match="teacher: is a solov2 model; PointMaskRefinementPipeline needs a mask_refine_ne"
    ):
        pipeline("point-mask-refinement", model=str(folder / "teacher"), device="cpu")
    refiner, processor = tiny.refiner()
    with pytest.raises(
        ValueError, match="MaskRefineNetForMaskRefinement: is a mask_refine_net model; PointInstance.* s"
    ):
        PointInstanceSegmentationPipeline(model=refiner, image_processor=processor, device="cpu")


def test_bad_calls(refine):
    image, mask = tiny.picture(), np.ones((64, 64))
    with pytest.raises(ValueError, match="the image: rough_masks and points missing"):
        refine(image)
    with pytest.raises(ValueError, match="image 1: points missing"):
        refine([image, image], rough_masks=[[mask], [mask]], points=[[(3, 4)], None], labels=[["star"], ["star"]])
    with pytest.raises(ValueError, match="labels are missing for the image; this refiner is class-conditional"):
        refine(image, rough_masks=[mask], points=[(3, 4)])
    with pytest.raises(ValueError, match="labels are missing for the image"):
        refine(image, rough_masks=[mask, mask], points=[(3, 4), (5, 6)], labels=["star", None])
    with pytest.raises(ValueError, match="labels are missing"):
        refine.refine(image, [mask > 0], [(3, 4)], None)
    with pytest.raises(
        ValueError, match=r"rough_masks\[0\] of the image must have the size of the image, .*got the shape \(60, 64\)"
    ):
        refine(image, rough_masks=[np.ones((60, 64))], points=[(3, 4)], labels=["star"])
    with pytest.raises(ValueError, match=r"point 0 of the image is \(3, 65\), outside"):
        refine(image, rough_masks=[mask], points=[(3, 65)], labels=["star"])
    with pytest.raises(TypeError, match="PointMaskRefinementPipeline has no parameter 'threshold'; see"):
        refine(image, rough_masks=[mask], points=[(3, 4)], labels=["star"], threshold=0.5)
    with pytest.raises(TypeError, match="has no parameter 'mask_fromat'; did you mean 'mask_format'"):
        refine(image, rough_masks=[mask], points=[(3, 4)], labels=["star"], mask_fromat="rle")
    for bad in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match=f"batch_size must be a whole number of at least 1, got {bad}"):
            refine([image], rough_masks=[[mask]], points=[[(3, 4)]], labels=[["star"]], batch_size=bad)


@pytest.mark.parametrize(("point", "inside"), [((2, 1), True), ((4, 3), True), ((3.4, 2.6), True), ((0, 0), False)])
def test_point_in_mask(point, inside):
    mask = np.zeros((3, 4), bool)
    mask[1:, 2:] = True
    assert point_in_mask(point, mask) is inside
