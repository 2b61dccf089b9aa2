# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Raw outputs of SOLOv2 that tests make up or change."""

from dataclasses import asdict

import torch

from helpers.small_solov2 import small_config
from pointwssis.models.solov2.decoding_solov2 import DecodingSettings
from pointwssis.models.solov2.modeling_solov2 import SOLOv2InstanceSegmentationOutput


def with_settings(outputs, **changes) -> SOLOv2InstanceSegmentationOutput:
    """Return raw outputs with other decoding settings."""
    return SOLOv2InstanceSegmentationOutput(**{**outputs, "decoding": {**outputs["decoding"], **changes}})


def settings_of(outputs) -> DecodingSettings:
    return DecodingSettings(**outputs["decoding"])


def constant_outputs(mask: torch.Tensor, confidence: float = 0.9, num_labels: int = 2, grids=(3, 2, 1, 1, 1)):
    """Return outputs of one image in which every cell produces the same (h, w) mask, of class 0."""
    config = small_config(num_grids=grids, num_labels=num_labels, kernel_channels=1)
    logits = torch.full((num_labels,), -20.0)
    logits[0] = torch.tensor(confidence).logit()
    height, width = mask.shape
    return SOLOv2InstanceSegmentationOutput(
        class_logits=tuple(logits[None, :, None, None].repeat(1, 1, grid, grid) for grid in grids),
        kernels=tuple(torch.full((1, 1, grid, grid), 20.0) for grid in grids),
        mask_features=(2.0 * mask - 1)[None, None],
        valid_sizes=torch.tensor([[4 * height, 4 * width]]),
        decoding=asdict(DecodingSettings.of(config)),
    )


def random_outputs(height: int, width: int, num_grids=(40, 36, 24, 16, 12), channels: int = 16):
    """Return noise in the shapes of the outputs of one image."""
    generator = torch.Generator().manual_seed(0)
    config = small_config(num_grids=num_grids, kernel_channels=channels)
    return SOLOv2InstanceSegmentationOutput(
        class_logits=tuple(torch.randn(1, 3, grid, grid, generator=generator) for grid in num_grids),
        kernels=tuple(torch.randn(1, channels, grid, grid, generator=generator) for grid in num_grids),
        mask_features=torch.randn(1, channels, height // 4, width // 4, generator=generator),
        valid_sizes=torch.tensor([[height, width]]),
        decoding=asdict(DecodingSettings.of(config)),
    )
