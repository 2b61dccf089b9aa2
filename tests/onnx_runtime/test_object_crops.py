# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Crops for the refiner, and refined masks, are those of its image processor."""

import numpy as np
import pytest
import torch

from helpers import tiny
from pointwssis.models.mask_refine_net.image_processing_pil_mask_refine_net import MaskRefineNetImageProcessorPil
from pointwssis.models.mask_refine_net.post_processing_mask_refine_net import refined_crop_mask
from pointwssis.onnx_export.onnx_files import REFINER_SETTINGS, processor_settings
from pointwssis.onnx_runtime.object_crops import crops_of_objects, refined_crop

POINTS = np.array([[40.0, 20.0], [7.5, 55.0], [69.0, 0.0]])


@pytest.mark.parametrize("settings", [{}, {"do_normalize": False, "box_scale": 1.3}, {"do_rescale": False}])
def test_crops_equal_those_of_the_image_processor(settings):
    pixels = np.asarray(tiny.picture(60, 70))
    masks = np.zeros((3, 60, 70), bool)
    masks[0, 10:30, 35:50], masks[1, 50:58, 3:20] = True, True  # the last one is empty
    processor = MaskRefineNetImageProcessorPil(size={"height": 48, "width": 48}, **settings)
    expected = processor([pixels], [masks], [POINTS], input_data_format="channels_last", return_tensors="pt")
    found, boxes = crops_of_objects(pixels, masks, POINTS, processor_settings(processor, REFINER_SETTINGS))
    assert boxes == [tuple(box) for box in expected["crop_boxes"].tolist()]
    np.testing.assert_array_equal(found["rough_masks"], expected["rough_masks"])
    np.testing.assert_array_equal(found["input_points"], expected["input_points"])
    np.testing.assert_allclose(found["pixel_values"], expected["pixel_values"], rtol=1e-4, atol=1e-4)


def test_no_objects():
    found, boxes = crops_of_objects(
        np.zeros((9, 9, 3), np.uint8),
        [],
        np.zeros((0, 2)),
        processor_settings(MaskRefineNetImageProcessorPil(), REFINER_SETTINGS),
    )
    assert boxes == [] and found["pixel_values"].shape == (0, 3, 256, 256)


def test_refined_masks_equal_those_of_the_image_processor():
    probabilities = torch.rand(2, 48, 48, generator=torch.Generator().manual_seed(0))
    for box in [(3, 4, 40, 90), (0, 0, 7, 5), (1, 1, 2, 2)]:
        expected = refined_crop_mask(probabilities, box)
        assert (refined_crop(probabilities.numpy(), box) != expected).mean() < 1e-3
