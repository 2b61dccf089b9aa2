# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
from PIL import Image

from pointwssis.models.mask_refine_net.image_processing_pil_mask_refine_net import MaskRefineNetImageProcessorPil
from pointwssis.models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from pointwssis.ops.deep_images import scale_to_8_bits
from pointwssis.ops.images import to_rgb

DEEP = Image.fromarray(np.linspace(0, 4095, 32 * 32).reshape(32, 32).astype(np.uint16))


def test_deep_gray_uses_the_whole_range():
    pixels = np.asarray(to_rgb(DEEP))
    assert pixels.min() == 0 and pixels.max() == 255 and len(np.unique(pixels)) > 200
    assert scale_to_8_bits(np.full((2, 2), 700)).tolist() == [[0, 0], [0, 0]]
    with pytest.raises(ValueError, match="NaN"):
        scale_to_8_bits(np.array([[np.nan, 1.0]]))


@pytest.mark.parametrize("processor", [SOLOv2ImageProcessorPil, MaskRefineNetImageProcessorPil])
def test_image_processors_scale_deep_gray(processor):
    options = {"do_resize": False, "do_normalize": False, "return_tensors": "pt"}
    values = processor()([DEEP], **options)["pixel_values"]
    assert values.min() == 0 and values.max() == 1 and len(values.unique()) > 200
