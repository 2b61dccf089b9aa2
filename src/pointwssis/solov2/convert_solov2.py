# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Weights of the official SOLOv2 (detectron2 / AdelaiDet names) under our names; they stay those of their authors."""

import re

import torch
from torch import Tensor

from ..checkpoints import check_weights

CONV_LAYER = {"0": "convolution", "1": "norm"}  # 2 is the ReLU
HEADS = {"cate": "class", "kernel": "kernel"}


def official_to_ours(name: str) -> str | None:
    """Our name of an official SOLOv2 weight; None when the official code has no such weight.

    Example:
        >>> official_to_ours("ins_head.cate_tower.4.bias")
        'model.instance_head.class_tower.1.norm.bias'
        >>> official_to_ours("backbone.bottom_up.res3.0.conv2.norm.weight")
        'model.backbone.encoder.stages.1.layers.0.layer.1.normalization.weight'
    """
    if match := re.fullmatch(r"backbone\.bottom_up\.stem\.conv1\.(.+)", name):
        return f"model.backbone.embedder.embedder.{_convolution_or_norm(match[1])}"
    if match := re.fullmatch(r"backbone\.bottom_up\.res([2-5])\.(\d+)\.(?:conv([123])|shortcut)\.(.+)", name):
        part = f"layer.{int(match[3]) - 1}" if match[3] else "shortcut"
        stage = f"model.backbone.encoder.stages.{int(match[1]) - 2}.layers.{match[2]}"
        return f"{stage}.{part}.{_convolution_or_norm(match[4])}"
    if match := re.fullmatch(r"backbone\.fpn_(lateral|output)([2-5])\.(\w+)", name):
        return f"model.feature_pyramid.{match[1]}.{int(match[2]) - 2}.{match[3]}"
    if match := re.fullmatch(r"ins_head\.(cate|kernel)_tower\.(\d+)\.(\w+)", name):
        layer, part = divmod(int(match[2]), 3)
        tower = f"model.instance_head.{HEADS[match[1]]}_tower"
        return f"{tower}.{layer}.{CONV_LAYER[str(part)]}.{match[3]}" if str(part) in CONV_LAYER else None
    if match := re.fullmatch(r"ins_head\.(cate|kernel)_pred\.(\w+)", name):
        return f"model.instance_head.{HEADS[match[1]]}_head.{match[2]}"
    if match := re.fullmatch(r"mask_head\.convs_all_levels\.([0-3])\.conv([0-2])\.([01])\.(\w+)", name):
        return f"model.mask_feature_head.levels.{match[1]}.{match[2]}.{CONV_LAYER[match[3]]}.{match[4]}"
    if match := re.fullmatch(r"mask_head\.conv_pred\.([01])\.(\w+)", name):
        return f"model.mask_feature_head.output.{CONV_LAYER[match[1]]}.{match[2]}"
    return None


def _convolution_or_norm(leaf: str) -> str:
    """detectron2 keeps a convolution's norm inside of it."""
    return f"normalization.{leaf.removeprefix('norm.')}" if leaf.startswith("norm.") else f"convolution.{leaf}"


def convert_official_state_dict(state_dict: dict[str, Tensor], expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """Renames official weights and checks them against a model.

    Args:
        state_dict: official names to tensors.
        expected: `model.state_dict()` of the `SOLOv2ForInstanceSegmentation` that is to hold them.

    Raises:
        ValueError: listing every missing, unexpected and misshapen weight.
    """
    converted, unexpected = {}, []
    for name, value in state_dict.items():
        ours = official_to_ours(name)
        if ours is None:
            unexpected.append(name)
        else:
            converted[ours] = torch.as_tensor(value)
    for name, value in expected.items():
        if name.endswith("num_batches_tracked"):  # the official batch norms are frozen and count nothing
            converted.setdefault(name, torch.zeros_like(value))
    check_weights(converted, expected, unexpected, "this SOLOv2")
    return converted
