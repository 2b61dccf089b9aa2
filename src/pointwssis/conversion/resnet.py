# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Conversion of detectron2's ImageNet weights (MSRA's `R-50.pkl`, `R-101.pkl`) to a backbone of transformers.

The names are those of Caffe2. The weights expect BGR images from 0 to 255 minus a mean, and have the stride in the
first 1 × 1 convolution of a stage, so they need `OFFICIAL_PREPROCESSING` and `downsample_in_bottleneck`.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor
from transformers import ResNetBackbone, ResNetConfig

from .solov2 import backbone_to_official, renamed, resnet_config

# Names in Caffe2 of the parts of a block and of the weights of a norm (Detectron folds its statistics into s and b).
PARTS = {"1": "shortcut", "2a": "conv1", "2b": "conv2", "2c": "conv3"}
LEAVES = {"gamma": "weight", "beta": "bias", "s": "weight", "b": "bias"}
# The ImageNet classifier, and a bias of the stem that detectron2 drops too.
UNUSED = re.compile(r"(fc1000|pred)_[wb]|conv1_b")

CAFFE2_STEM = "conv1_w"


def caffe2_to_detectron2(name: str) -> str:
    """Return detectron2's name of a Caffe2 weight; other names stay as they are.

    Example:
        >>> caffe2_to_detectron2("res2_0_branch2a_bn_beta"), caffe2_to_detectron2("res_conv1_bn_gamma")
        ('res2.0.conv1.norm.bias', 'stem.conv1.norm.weight')
    """
    match = re.fullmatch(r"(?:(?:res_)?(conv1)|res([2-5])_(\d+)_branch(1|2[abc]))_(?:(w)|bn_(\w+))", name)
    if match is None:
        return name
    place = "stem.conv1" if match[1] else f"res{match[2]}.{match[3]}.{PARTS[match[4]]}"
    return f"{place}.weight" if match[5] else f"{place}.norm.{LEAVES.get(match[6], match[6])}"


def convert_caffe2_resnet(weights: Mapping[str, Tensor]) -> ResNetBackbone:
    """Build a backbone from Caffe2 weights.

    Raises:
        UserError: weights are missing, unexpected or misshapen; they are listed by their names in detectron2.
    """
    named = {caffe2_to_detectron2(name): value for name, value in weights.items() if not UNUSED.fullmatch(name)}
    config = ResNetConfig(**resnet_config(named, prefix=""))
    with torch.device("meta"):
        backbone = ResNetBackbone(config)
    expected = backbone.state_dict()
    # Norms without statistics: mean 0, and the variance 1 that remains once the norm has added its epsilon.
    if not any(name.endswith("running_mean") for name in named):
        for norm in [name.removesuffix(".weight") for name in named if name.endswith("norm.weight")]:
            named[f"{norm}.running_mean"] = torch.zeros_like(named[f"{norm}.weight"])
            named[f"{norm}.running_var"] = torch.ones_like(named[f"{norm}.weight"]) - 1e-5
    backbone.load_state_dict(renamed(named, expected, backbone_to_official, "detectron2's ResNet"), assign=True)
    return backbone.eval()
