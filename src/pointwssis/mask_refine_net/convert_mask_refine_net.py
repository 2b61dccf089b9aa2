# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Weights of the official MaskRefineNet under our names. The weights stay those of their authors."""

import re

import torch
from torch import Tensor

from ..checkpoints import check_weights

# (64, 3 RGB + C + 1 points + 1 rough mask, 7, 7) in the official code; three weights here.
OFFICIAL_INPUT_WEIGHT = "layer0.0.weight"
INPUT_CONVOLUTION = "encoder.input_layer.convolution."

CONV_LAYER = {"0": "convolution", "1": "normalization"}
RESIDUAL_PARTS = {"conv": "convolution", "bn": "normalization"}


def official_to_ours(name: str) -> str | None:
    """Our name of an official weight, the input convolution's aside; None when the official code has no such weight.

    Example:
        >>> official_to_ours("layer1.1.0.bn2.bias")
        'encoder.backbone.encoder.stages.0.layers.0.layer.1.normalization.bias'
        >>> official_to_ours("decoder_3.conv.0.0.weight")
        'decoder.blocks.0.0.convolution.weight'
    """
    if match := re.fullmatch(r"layer0\.1\.(\w+)", name):
        return f"encoder.input_layer.normalization.{match[1]}"
    if match := re.fullmatch(r"(?:layer(1)\.1|layer([234]))\.(\d+)\.(.+)", name):  # layer1.0 is the max-pooling
        part = _residual_part(match[4])
        return part and f"encoder.backbone.encoder.stages.{int(match[1] or match[2]) - 1}.layers.{match[3]}.{part}"
    if match := re.fullmatch(r"aspp\.convs\.0\.1\.([01])\.(\w+)", name):  # convs.0.0 is the global pooling
        return f"decoder.aspp.pooled.{CONV_LAYER[match[1]]}.{match[2]}"
    if match := re.fullmatch(r"aspp\.convs\.([1-9])\.([01])\.(\w+)", name):
        return f"decoder.aspp.branches.{int(match[1]) - 1}.{CONV_LAYER[match[2]]}.{match[3]}"
    if match := re.fullmatch(r"aspp\.project\.([01])\.(\w+)", name):
        return f"decoder.aspp.project.{CONV_LAYER[match[1]]}.{match[2]}"
    if match := re.fullmatch(r"decoder_([0-3])\.conv\.([01])\.([01])\.(\w+)", name):  # ours count from the coarsest
        return f"decoder.blocks.{3 - int(match[1])}.{match[2]}.{CONV_LAYER[match[3]]}.{match[4]}"
    return name if re.fullmatch(r"head\.(weight|bias)", name) else None


def _residual_part(part: str) -> str | None:
    if match := re.fullmatch(r"(conv|bn)([123])\.(\w+)", part):
        return f"layer.{int(match[2]) - 1}.{RESIDUAL_PARTS[match[1]]}.{match[3]}"
    if match := re.fullmatch(r"downsample\.([01])\.(\w+)", part):
        return f"shortcut.{CONV_LAYER[match[1]]}.{match[2]}"
    return None


def convert_official_state_dict(state_dict: dict[str, Tensor], expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename official weights and check them against a model.

    Args:
        state_dict: official names to tensors.
        expected: `model.state_dict()` of the `MaskRefineNetForMaskRefinement` that is to hold them.

    Raises:
        ValueError: listing every missing, unexpected and misshapen weight.
    """
    converted, unexpected = {}, []
    for name, value in state_dict.items():
        value = torch.as_tensor(value)
        if name == OFFICIAL_INPUT_WEIGHT:
            converted |= _split_input_weight(value)
        elif ours := official_to_ours(name):
            converted[ours] = value
        else:
            unexpected.append(name)
    check_weights(converted, expected, unexpected, "this MaskRefineNet")
    return converted


def _split_input_weight(weight: Tensor) -> dict[str, Tensor]:
    """Official channel order: RGB, C + 1 heat maps, rough mask."""
    if weight.ndim != 4 or weight.shape[1] < 5:
        raise ValueError(
            f"{OFFICIAL_INPUT_WEIGHT} has the shape {tuple(weight.shape)}; a MaskRefineNet of C classes has "
            f"(64, 3 + C + 1 + 1, 7, 7) there"
        )
    return {
        f"{INPUT_CONVOLUTION}image_weight": weight[:, :3].contiguous(),
        f"{INPUT_CONVOLUTION}point_weight": weight[:, 3:-1].transpose(0, 1).contiguous(),
        f"{INPUT_CONVOLUTION}mask_weight": weight[:, -1:].contiguous(),
    }
