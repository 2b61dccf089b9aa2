# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import json

import numpy as np
import pytest
import torch
from PIL import Image

from helpers import tiny
from pointwssis.models.saved_files import naming_damaged_model
from pointwssis.models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from pointwssis.ops.user_error import UserError
from pointwssis.pipelines import PointInstanceSegmentationPipeline
from pointwssis.visualization.drawing import MAX_SIDE, draw_instances


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"size": {"shortest_edge": 0}}, "size: shortest_edge is 0"),
        ({"size": {"shortest_edge": "64"}}, "size: shortest_edge is '64'"),
        ({"size": {"shortest_edge": 10**6, "longest_edge": 10**7}}, "from 1 to 16,384"),
        ({"size": {"shortest_edge": 64, "longest_edge": 10}}, "longest_edge is 10; it must be at least shortest_edge"),
        ({"size_divisor": 0}, "size_divisor is 0"),
        ({"pad_size": {"height": 10**6, "width": 64}}, "pad_size: height is 1000000; it must be .* from 1 to 16,384"),
        ({"tile_size": -4}, "tile_size is -4"),
        ({"image_std": [0, 0, 0]}, "image_std is .* must be positive numbers"),
        ({"image_mean": [1, 2]}, "image_mean is .* one for each channel, of which images have 3"),
        ({"image_mean": ["a", "b", "c"]}, "image_mean is"),
        ({"rescale_factor": float("nan")}, "rescale_factor is nan"),
        ({"do_resize": "no"}, "do_resize is 'no'; it must be true or false"),
        ({"resample": 99}, "resample is 99"),
    ],
)
def test_settings_that_no_image_can_be_prepared_with(tmp_path, changes, part):
    folder = tmp_path / "model"
    tiny.saved_segmenter(folder)
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(UserError, match=f"^{folder}: cannot be loaded .*{part}"), naming_damaged_model(folder):
        SOLOv2ImageProcessorPil.from_pretrained(folder)


def test_settings_of_a_call():
    processor = SOLOv2ImageProcessorPil()
    with pytest.raises(UserError, match="shortest_edge is 0"):
        processor(np.zeros((8, 8, 3), np.uint8), size={"shortest_edge": 0, "longest_edge": 9})


def test_weights_of_a_training_that_diverged():
    model, processor = tiny.segmenter()
    with torch.no_grad():
        next(model.parameters())[0] = torch.nan
    with pytest.raises(UserError, match="weights hold NaN or infinity, so its training diverged"):
        PointInstanceSegmentationPipeline(model=model, image_processor=processor)


def test_a_strip_of_one_pixel_is_not_enlarged_without_bound():
    drawn = draw_instances(Image.new("RGB", (1, 1500)), [], min_side=256)
    assert drawn.size == (2, 3000) and max(drawn.size) <= MAX_SIDE
