# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""transformers' common image-processor tests on MaskRefineNet's processors."""

import unittest

from transformers.utils import is_torchvision_available

import pointwssis  # noqa: F401  registers the processors with AutoImageProcessor
from common.harness import ImageProcessingTester, ImageProcessingTestMixin
from pointwssis.models.mask_refine_net.image_processing_pil_mask_refine_net import MaskRefineNetImageProcessorPil


class MaskRefineNetImageProcessingTester(ImageProcessingTester):
    def __init__(self, parent, **kwargs):
        kwargs.setdefault("size", {"height": 48, "width": 48})
        kwargs.setdefault("box_scale", 1.5)
        super().__init__(parent, batch_size=4, min_resolution=20, max_resolution=80, **kwargs)

    def _get_image_processing_classes(self):
        classes = {"pil": MaskRefineNetImageProcessorPil}
        if is_torchvision_available():
            from pointwssis.models.mask_refine_net.image_processing_mask_refine_net import MaskRefineNetImageProcessor

            classes["torchvision"] = MaskRefineNetImageProcessor
        return classes


class MaskRefineNetImageProcessingTest(ImageProcessingTestMixin, unittest.TestCase):
    image_processor_tester_class = MaskRefineNetImageProcessingTester
