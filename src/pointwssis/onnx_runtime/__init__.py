# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Models in ONNX, run by onnxruntime with NumPy and Pillow only; `pointwssis onnx` writes this package beside them."""

from .onnx_point_segmenter import OnnxPointSegmenter

__all__ = ["OnnxPointSegmenter"]
