# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A tiny MaskRefineNet and inputs for it."""

import torch
from transformers import ResNetConfig

from pointwssis.models.mask_refine_net.configuration_mask_refine_net import MaskRefineNetConfig

STAGES = ["stage1", "stage2", "stage3", "stage4"]


def tiny_config(**kwargs) -> MaskRefineNetConfig:
    backbone_config = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], layer_type="basic", out_features=STAGES
    )
    defaults = {"backbone_config": backbone_config, "input_channels": 8, "num_labels": 3, "crop_size": 64}
    return MaskRefineNetConfig(**{**defaults, "fpn_channels": 8, **kwargs})


def tiny_inputs(batch_size: int = 2, size: int = 64, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    masks = torch.zeros(batch_size, 1, size, size)
    masks[:, :, size // 4 : size // 2, size // 4 : 3 * size // 4] = 1
    return {
        "pixel_values": torch.randn(batch_size, 3, size, size, generator=generator),
        "rough_masks": masks,
        "input_points": torch.randint(0, size, (batch_size, 2), generator=generator),
        "class_labels": torch.arange(batch_size) % 3,
    }
