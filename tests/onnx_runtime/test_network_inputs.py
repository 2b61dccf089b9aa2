# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Inputs of the encoder are those of the image processor."""

import numpy as np
import pytest

from helpers import tiny
from pointwssis.models.solov2.image_processing_pil_solov2 import OFFICIAL_PREPROCESSING, SOLOv2ImageProcessorPil
from pointwssis.onnx_export.onnx_files import SEGMENTER_SETTINGS, processor_settings
from pointwssis.onnx_runtime.network_inputs import network_inputs
from pointwssis.ops.tiles import tile_windows


@pytest.mark.parametrize(
    "settings",
    [
        {"size": {"shortest_edge": 64, "longest_edge": 96}},
        {"size": {"height": 64, "width": 96}},
        {"size": {"shortest_edge": 64, "longest_edge": 96}, "pad_size": {"height": 128, "width": 160}},
        {"size": {"shortest_edge": 64}, **OFFICIAL_PREPROCESSING},
        {"size": {"shortest_edge": 64}, "do_normalize": False, "do_rescale": False},
        {"size": {"shortest_edge": 64, "longest_edge": 64}, "tile_size": 40},
        {"size": {"height": 96, "width": 64}, "tile_size": 70, "size_divisor": 32},
    ],
    ids=["edges", "size", "pad_size", "official", "raw", "tiles", "one tile high"],
)
@pytest.mark.parametrize("size", [(61, 93), (93, 61), (64, 64), (1, 200)])
def test_inputs_equal_those_of_the_image_processor(settings, size):
    processor = SOLOv2ImageProcessorPil(**settings)
    image = tiny.picture(*size)
    expected = processor(images=[image], return_tensors="np")
    windows = tile_windows(image.height, image.width, processor.tile_size)
    found = list(network_inputs(image, processor_settings(processor, SEGMENTER_SETTINGS), windows))
    np.testing.assert_array_equal(np.stack([pixel_values for pixel_values, _ in found]), expected["pixel_values"])
    valid = [(mask.any(axis=1).sum(), mask.any(axis=0).sum()) for mask in expected["pixel_mask"]]
    assert [frame.valid_size for _, frame in found] == valid


def test_points_on_the_border_lie_in_the_last_pixel():
    ((_, frame),) = network_inputs(
        tiny.picture(64, 64),
        processor_settings(SOLOv2ImageProcessorPil(size={"shortest_edge": 128}), SEGMENTER_SETTINGS),
        tile_windows(64, 64, None),
    )
    assert frame.on_canvas(np.array([[64.0, 0.0], [10.5, 63.0]])).tolist() == [[126, 0], [21, 126]]
