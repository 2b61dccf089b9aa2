# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""detectron2's ImageNet weights (MSRA's `R-50.pkl`, `R-101.pkl`) as a backbone of transformers.

They are Caffe2's names and numbers. The mean is in BGR on 0 … 255 and the stride sits in the first 1 × 1 convolution of
a stage, so whoever starts from them takes `OFFICIAL_PREPROCESSING` and `downsample_in_bottleneck` too.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor
from transformers import ResNetBackbone, ResNetConfig

from .solov2 import backbone_to_official, renamed, resnet_config

# Caffe2's parts of a block, and its leaves of a norm: with statistics in detectron2, folded into s and b in Detectron.
PARTS = {"1": "shortcut", "2a": "conv1", "2b": "conv2", "2c": "conv3"}
LEAVES = {"gamma": "weight", "beta": "bias", "s": "weight", "b": "bias"}
# The ImageNet classifier, and a bias of the stem that detectron2 leaves out too.
UNUSED = re.compile(r"(fc1000|pred)_[wb]|conv1_b")

CAFFE2_STEM = "conv1_w"


def caffe2_to_detectron2(name: str) -> str:
    """detectron2's name of one of Caffe2's weights; other names stay as they are.

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
    """A backbone out of Caffe2's weights.

    Raises:
        ValueError: listing every missing, unexpected and misshapen weight by its name in detectron2.
    """
    named = {caffe2_to_detectron2(name): value for name, value in weights.items() if not UNUSED.fullmatch(name)}
    config = ResNetConfig(**resnet_config(named, prefix=""))
    with torch.device("meta"):
        backbone = ResNetBackbone(config)
    expected = backbone.state_dict()
    if not any(name.endswith("running_mean") for name in named):
        for norm in [name.removesuffix(".weight") for name in named if name.endswith("norm.weight")]:
            named[f"{norm}.running_mean"] = torch.zeros_like(named[f"{norm}.weight"])
            named[f"{norm}.running_var"] = torch.ones_like(named[f"{norm}.weight"]) - 1e-5  # the norm adds it again
    backbone.load_state_dict(renamed(named, expected, backbone_to_official, "detectron2's ResNet"), assign=True)
    return backbone.eval()
