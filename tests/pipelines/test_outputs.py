# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import json

import numpy as np
import pytest
import torch

from helpers import tiny
from helpers.answers import POINTS, as_array
from pointwssis.ops.coco_masks import decode_rle, segmentation_to_rle
from pointwssis.pipelines.outputs import formatted


def test_forms_hold_the_same_mask(pipe):
    image = tiny.picture(40, 60)
    forms = ("pil", "rle", "polygon", "numpy")
    masks = {name: pipe(image, points=[(3, 4)], mask_format=name)[0]["mask"] for name in forms}
    assert masks["numpy"].dtype == bool and masks["numpy"].shape == (40, 60) and masks["numpy"].any()
    assert masks["pil"].mode == "L" and masks["pil"].getextrema()[1] == 255
    assert (as_array(masks["pil"]) == masks["numpy"]).all()
    assert isinstance(masks["rle"]["counts"], str) and (decode_rle(masks["rle"]) == masks["numpy"]).all()
    assert (decode_rle(segmentation_to_rle(masks["polygon"], 40, 60)) == masks["numpy"]).all()


@pytest.mark.parametrize("mask", [np.zeros((5, 7), bool), np.ones((5, 7), bool)])
def test_empty_and_full_masks(mask):
    assert (np.asarray(formatted(mask, "pil")) == mask * 255).all()
    assert (decode_rle(formatted(torch.from_numpy(mask), "rle")) == mask).all()
    assert formatted(mask, "polygon") == ([[0, 0, 7, 0, 7, 5, 0, 5]] if mask.any() else [])
    assert formatted(torch.from_numpy(mask), "numpy").dtype == bool


@pytest.mark.parametrize("mask_format", ["rle", "polygon"])
def test_answers_are_json(pipe, refine, mask_format):
    image = tiny.picture()
    for points in (POINTS, np.asarray(POINTS, np.float32), torch.tensor(POINTS), [], None):
        refiner = None if points is None else refine
        found = pipe(image, points=points, mask_format=mask_format, refiner=refiner)
        assert json.loads(json.dumps(found)) == found
    masks = [instance["mask"] for instance in pipe(image, points=POINTS, mask_format="rle")]
    for labels in (np.array([0, 1, 3]), ["star", 1, "ellipse"]):
        found = refine(image, rough_masks=masks, points=np.asarray(POINTS), labels=labels, mask_format=mask_format)
        assert json.loads(json.dumps(found)) == found and len(found) == 3


def test_unknown_form(pipe, refine):
    for call in (pipe, refine):
        with pytest.raises(ValueError, match="mask_format must be one of 'pil', 'rle', 'polygon', 'numpy', got 'coco'"):
            call(tiny.picture(), mask_format="coco")
