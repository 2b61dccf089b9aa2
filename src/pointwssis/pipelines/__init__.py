# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Segment images from points, one image at a time, as pipelines of transformers."""

from .point_instance_segmentation import PointInstanceSegmentationPipeline
from .point_mask_refinement import PointMaskRefinementPipeline
from .session import EncodedImage
from .supervision import to_detections

__all__ = ["EncodedImage", "PointInstanceSegmentationPipeline", "PointMaskRefinementPipeline", "to_detections"]
