# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""What people call: images and points in, instances out, in transformers' manner."""

from .point_instance_segmentation import PointInstanceSegmentationPipeline
from .point_mask_refinement import PointMaskRefinementPipeline
from .session import EncodedImage

__all__ = ["EncodedImage", "PointInstanceSegmentationPipeline", "PointMaskRefinementPipeline"]
