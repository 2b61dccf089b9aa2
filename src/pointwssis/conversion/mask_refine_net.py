# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Conversion of official MaskRefineNet weights to our names; the weights remain those of their authors."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..models.mask_refine_net.configuration_mask_refine_net import MaskRefineNetConfig
from ..ops.user_error import UserError
from .checkpoints import check_weights, resnet_sizes, size_of

# (64, 3 RGB + C + 1 points + 1 rough mask, 7, 7) in the official code; three weights here.
OFFICIAL_INPUT_WEIGHT = "layer0.0.weight"
INPUT_WEIGHTS = [f"encoder.input_layer.convolution.{kind}_weight" for kind in ("image", "point", "mask")]

STAGES = ["layer1.1.", "layer2.", "layer3.", "layer4."]  # layer1.0 is the max-pooling
PLACE_IN_LAYER = {"convolution": 0, "normalization": 1}
RESIDUAL_PARTS = {"convolution": "conv", "normalization": "bn"}


def ours_to_official(name: str) -> str:
    """Return the official name of one of our weights, except those of the input convolution.

    Raises:
        UserError: there is no such weight.

    Example:
        >>> ours_to_official("encoder.backbone.encoder.stages.0.layers.0.layer.1.normalization.bias")
        'layer1.1.0.bn2.bias'
        >>> ours_to_official("decoder.blocks.0.0.convolution.weight")
        'decoder_3.conv.0.0.weight'
    """
    # Encoder: input and residual blocks
    if match := re.fullmatch(r"encoder\.input_layer\.normalization\.(\w+)", name):
        return f"layer0.1.{match[1]}"
    part = r"(convolution|normalization)\.(\w+)"
    block = rf"encoder\.backbone\.encoder\.stages\.(\d)\.layers\.(\d+)\.(?:layer\.(\d)|shortcut)\.{part}"
    if match := re.fullmatch(block, name):
        stage, number, layer, kind, leaf = match.groups()
        shortcut = f"downsample.{PLACE_IN_LAYER[kind]}"
        return f"{STAGES[int(stage)]}{number}.{f'{RESIDUAL_PARTS[kind]}{int(layer) + 1}' if layer else shortcut}.{leaf}"
    # Pooling pyramid: pooled branch, dilated branches, projection
    if match := re.fullmatch(rf"decoder\.aspp\.pooled\.{part}", name):  # convs.0.0 is the global pooling
        return f"aspp.convs.0.1.{PLACE_IN_LAYER[match[1]]}.{match[2]}"
    if match := re.fullmatch(rf"decoder\.aspp\.branches\.(\d)\.{part}", name):
        return f"aspp.convs.{int(match[1]) + 1}.{PLACE_IN_LAYER[match[2]]}.{match[3]}"
    if match := re.fullmatch(rf"decoder\.aspp\.project\.{part}", name):
        return f"aspp.project.{PLACE_IN_LAYER[match[1]]}.{match[2]}"
    if match := re.fullmatch(rf"decoder\.blocks\.(\d)\.(\d)\.{part}", name):  # ours count from the coarsest
        return f"decoder_{3 - int(match[1])}.conv.{match[2]}.{PLACE_IN_LAYER[match[3]]}.{match[4]}"
    if re.fullmatch(r"head\.(weight|bias)", name):
        return name
    raise UserError(f"the official MaskRefineNet has no counterpart of {name}")


def official_config(weights: Mapping[str, Tensor]) -> MaskRefineNetConfig:
    """Return the configuration of official weights, with sizes inferred from the weights.

    The other fields are the official defaults: the stride in the 3 × 3 convolution, dilations 3, 6, 9, crops of 256
    pixels at twice the rough mask's extent, a Gaussian of 6 pixels, and channel c + 1 for class c, as in the official
    inference (`class_channel_offset`).

    Args:
        weights: official names to tensors.

    Raises:
        UserError: a weight that determines a size is missing or has an impossible shape.
    """
    # The input channels are RGB, C + 1 for points, and one for the rough mask.
    channels = size_of(weights, OFFICIAL_INPUT_WEIGHT, dimension=1)
    if channels < 6:
        raise UserError(
            f"{OFFICIAL_INPUT_WEIGHT} has the shape {tuple(weights[OFFICIAL_INPUT_WEIGHT].shape)}; a MaskRefineNet "
            "for C classes has (64, 3 + C + 1 + 1, 7, 7)"
        )
    backbone: dict[str, Any] = {
        "model_type": "resnet",
        "embedding_size": size_of(weights, OFFICIAL_INPUT_WEIGHT),
        **resnet_sizes(weights, STAGES),
        "out_features": ["stage1", "stage2", "stage3", "stage4"],
    }
    return MaskRefineNetConfig(
        backbone_config=backbone,
        num_labels=channels - 5,
        input_channels=backbone["embedding_size"],
        aspp_channels=size_of(weights, "aspp.project.0.weight"),
        decoder_channels=[size_of(weights, f"decoder_{block}.conv.1.0.weight") for block in (3, 2, 1, 0)],
    )


def convert_official_state_dict(state_dict: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Check official weights against a model and rename them.

    Args:
        state_dict: official names to tensors.
        expected: `model.state_dict()` of the `MaskRefineNetForMaskRefinement` to load them into.

    Raises:
        UserError: weights are missing, unexpected or misshapen; they are listed by their official names.
    """
    # Compare under the official names, with the three input weights joined into one.
    sources = {name: ours_to_official(name) for name in expected if name not in INPUT_WEIGHTS}
    official = {source: expected[name] for name, source in sources.items()}
    image, point, mask = (expected[name] for name in INPUT_WEIGHTS)
    official[OFFICIAL_INPUT_WEIGHT] = torch.cat([image, point.transpose(0, 1), mask], dim=1)
    check_weights(state_dict, official, "this MaskRefineNet")

    # Split the input convolution by what its channels see: colors, points, rough mask.
    joined = state_dict[OFFICIAL_INPUT_WEIGHT]
    parts = [joined[:, :3], joined[:, 3:-1].transpose(0, 1), joined[:, -1:]]
    converted = dict(zip(INPUT_WEIGHTS, parts, strict=True))
    converted |= {name: state_dict[source] for name, source in sources.items()}
    return {name: converted[name].to(value.dtype).contiguous() for name, value in expected.items()}
