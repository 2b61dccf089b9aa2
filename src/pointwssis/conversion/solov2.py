# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Conversion of official SOLOv2 weights (names of detectron2 / AdelaiDet) to our names; they remain their authors'."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..models.solov2.configuration_solov2 import STAGES, TEACHER_NUM_GRIDS, TEACHER_SCALE_RANGES, SOLOv2Config
from ..ops.user_error import UserError
from .checkpoints import check_weights, resnet_sizes, size_of

# Fields that do not follow from the weights: grids and ranges of the official teacher; the student's are our defaults.
PRESETS: dict[str, dict[str, Any]] = {
    "teacher": {"num_grids": TEACHER_NUM_GRIDS, "scale_ranges": TEACHER_SCALE_RANGES},
    "student": {},
}

BACKBONE = "backbone.bottom_up."
BACKBONE_NORM = {"convolution": "", "normalization": "norm."}  # in detectron2 a norm is part of its convolution
PLACE_IN_LAYER = {"convolution": 0, "norm": 1}  # 2 is the ReLU
TOWER_PLACE = re.compile(r"ins_head\.cate_tower\.(\d+)\.")
HEADS = {"class": "cate", "kernel": "kernel"}


def ours_to_official(name: str) -> str:
    """Return the official name of one of our SOLOv2 weights.

    Raises:
        UserError: there is no such weight.

    Example:
        >>> ours_to_official("model.instance_head.class_tower.1.norm.bias")
        'ins_head.cate_tower.4.bias'
        >>> ours_to_official("model.backbone.encoder.stages.1.layers.0.layer.1.normalization.weight")
        'backbone.bottom_up.res3.0.conv2.norm.weight'
    """
    # Backbone and feature pyramid
    if match := re.fullmatch(r"model\.backbone\.(.+)", name):
        return BACKBONE + backbone_to_official(match[1])
    if match := re.fullmatch(r"model\.feature_pyramid\.(lateral|output)\.(\d)\.(\w+)", name):
        return f"backbone.fpn_{match[1]}{int(match[2]) + 2}.{match[3]}"
    # Towers and predictions of the instance head; each layer of a tower has three official places.
    if match := re.fullmatch(r"model\.instance_head\.(class|kernel)_tower\.(\d+)\.(convolution|norm)\.(\w+)", name):
        place = 3 * int(match[2]) + PLACE_IN_LAYER[match[3]]
        return f"ins_head.{HEADS[match[1]]}_tower.{place}.{match[4]}"
    if match := re.fullmatch(r"model\.instance_head\.(class|kernel)_head\.(\w+)", name):
        return f"ins_head.{HEADS[match[1]]}_pred.{match[2]}"
    # Mask features
    if match := re.fullmatch(r"model\.mask_feature_head\.levels\.(\d)\.(\d)\.(convolution|norm)\.(\w+)", name):
        return f"mask_head.convs_all_levels.{match[1]}.conv{match[2]}.{PLACE_IN_LAYER[match[3]]}.{match[4]}"
    if match := re.fullmatch(r"model\.mask_feature_head\.output\.(convolution|norm)\.(\w+)", name):
        return f"mask_head.conv_pred.{PLACE_IN_LAYER[match[1]]}.{match[2]}"
    raise UserError(f"the official SOLOv2 has no counterpart of {name}")


def backbone_to_official(name: str) -> str:
    """Return detectron2's name of a weight of transformers' `ResNetBackbone`.

    Example:
        >>> backbone_to_official("encoder.stages.3.layers.0.shortcut.convolution.weight")
        'res5.0.shortcut.weight'
    """
    if match := re.fullmatch(r"embedder\.embedder\.(convolution|normalization)\.(\w+)", name):
        return f"stem.conv1.{BACKBONE_NORM[match[1]]}{match[2]}"
    block = r"encoder\.stages\.(\d)\.layers\.(\d+)\.(?:layer\.(\d)|shortcut)\.(convolution|normalization)\.(\w+)"
    if match := re.fullmatch(block, name):
        part = "shortcut" if match[3] is None else f"conv{int(match[3]) + 1}"
        return f"res{int(match[1]) + 2}.{match[2]}.{part}.{BACKBONE_NORM[match[4]]}{match[5]}"
    raise UserError(f"detectron2's ResNet has no counterpart of {name}")


def official_config(weights: Mapping[str, Tensor], preset: str) -> SOLOv2Config:
    """Return the configuration of official weights, with sizes inferred from the weights and `preset` for the rest.

    Args:
        weights: official names to tensors.
        preset: "teacher" or "student".

    Raises:
        UserError: a weight that determines a size is missing.
    """
    # Widths are output channels of one weight each.
    sizes = {
        "fpn_channels": size_of(weights, "backbone.fpn_lateral2.weight"),
        "instance_channels": size_of(weights, "ins_head.cate_tower.0.weight"),
        "num_instance_convs": len({int(match[1]) // 3 for match in map(TOWER_PLACE.match, weights) if match}),
        "kernel_channels": size_of(weights, "ins_head.kernel_pred.weight"),
        "mask_channels": size_of(weights, "mask_head.convs_all_levels.0.conv0.0.weight"),
        "num_labels": size_of(weights, "ins_head.cate_pred.weight"),
    }
    return SOLOv2Config(backbone_config=resnet_config(weights, BACKBONE), **sizes, **PRESETS[preset])


def resnet_config(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Any]:
    """Return fields of transformers' `ResNetConfig` for a detectron2 ResNet, with MSRA's stride placement.

    Args:
        weights: detectron2's names to tensors.
        prefix: prefix of the names, before "stem.…" and "res2.…".
    """
    return {
        "model_type": "resnet",
        "embedding_size": size_of(weights, f"{prefix}stem.conv1.weight"),
        **resnet_sizes(weights, [f"{prefix}res{stage}." for stage in (2, 3, 4, 5)]),
        "downsample_in_bottleneck": True,
        "out_features": STAGES,
    }


def convert_official_state_dict(state_dict: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Check official weights against a model and rename them.

    Args:
        state_dict: official names to tensors.
        expected: `model.state_dict()` of the `SOLOv2ForInstanceSegmentation` to load them into.

    Raises:
        UserError: weights are missing, unexpected or misshapen; they are listed by their official names.
    """
    return renamed(state_dict, expected, ours_to_official, "this SOLOv2")


def renamed(
    state_dict: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    official_name: Callable[[str], str],
    model: str,
) -> dict[str, Tensor]:
    """Check weights and rename them to our names.

    Args:
        state_dict: names of the other project to tensors.
        expected: our names to tensors of the right shape and dtype.
        official_name: maps one of our names to the other project's.
        model: name of the model, for the message.
    """
    names = [name for name in expected if not name.endswith("num_batches_tracked")]
    check_weights(state_dict, {official_name(name): expected[name] for name in names}, model)
    converted = {name: state_dict[official_name(name)].to(expected[name].dtype).contiguous() for name in names}
    for name in expected.keys() - converted.keys():  # official batch norms are frozen and have no counter
        converted[name] = torch.zeros(expected[name].shape, dtype=expected[name].dtype)
    return converted
