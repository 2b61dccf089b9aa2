# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Segment images from points, one image at a time, as pipelines of transformers."""

from .point_instance_segmentation import EncodedImage, PointInstanceSegmentationPipeline
from .point_mask_refinement import PointMaskRefinementPipeline
from .supervision import to_detections

__all__ = ["EncodedImage", "PointInstanceSegmentationPipeline", "PointMaskRefinementPipeline", "to_detections"]
