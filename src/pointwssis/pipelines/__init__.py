# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Pipelines of transformers that segment images from points, one image at a time."""

from .point_instance_segmentation import EncodedImage, PointInstanceSegmentationPipeline
from .point_mask_refinement import PointMaskRefinementPipeline
from .refiners import Refiner
from .supervision import to_detections

__all__ = [
    "EncodedImage",
    "PointInstanceSegmentationPipeline",
    "PointMaskRefinementPipeline",
    "Refiner",
    "to_detections",
]
