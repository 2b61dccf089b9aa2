# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""transformers' common image-processor tests on SOLOv2's processors."""

import math
import unittest

import numpy as np
from PIL import Image
from transformers.utils import is_torchvision_available

import pointwssis  # noqa: F401  registers the processors with AutoImageProcessor
from common.harness import ImageProcessingTester, ImageProcessingTestMixin
from pointwssis.models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil


class SOLOv2ImageProcessingTester(ImageProcessingTester):
    def __init__(self, parent, **kwargs):
        kwargs.setdefault("size", {"shortest_edge": 32, "longest_edge": 60})
        # The backends may differ by 1/255 in a resized pixel. The common tolerance is meant for values around ±1, while
        # the official normalization gives values up to 255, where such a pixel differs by 1.
        kwargs.setdefault("image_mean", [0.5, 0.5, 0.5])
        kwargs.setdefault("image_std", [0.5, 0.5, 0.5])
        super().__init__(parent, batch_size=4, min_resolution=20, max_resolution=80, **kwargs)

    def _get_image_processing_classes(self):
        classes = {"pil": SOLOv2ImageProcessorPil}
        if is_torchvision_available():
            from pointwssis.models.solov2.image_processing_solov2 import SOLOv2ImageProcessor

            classes["torchvision"] = SOLOv2ImageProcessor
        return classes

    def expected_output_image_shape(self, images):
        """Return the size of the largest resized image, rounded up to a multiple of 32."""
        sizes = [self._resized(*self._height_and_width(image)) for image in images]
        return self.num_channels, *(32 * math.ceil(max(sides) / 32) for sides in zip(*sizes, strict=True))

    def _height_and_width(self, image):
        if isinstance(image, Image.Image):
            return image.height, image.width
        return image.shape[:2] if isinstance(image, np.ndarray) else image.shape[1:]

    def _resized(self, height, width):
        """detectron2's rule: the shorter side to its target unless the longer one gets too long; halves round up."""
        scale = self.size["shortest_edge"] / min(height, width)
        scale = min(scale, self.size["longest_edge"] / max(height, width))
        return int(height * scale + 0.5), int(width * scale + 0.5)


class SOLOv2ImageProcessingTest(ImageProcessingTestMixin, unittest.TestCase):
    image_processor_tester_class = SOLOv2ImageProcessingTester
