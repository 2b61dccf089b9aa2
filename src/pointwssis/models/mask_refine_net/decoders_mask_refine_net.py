# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The two decoders of MaskRefineNet: features of five resolutions in, one feature map out.

The features are those of the input layer (stride 2) and of the backbone's four stages (strides 4 to 32).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .configuration_mask_refine_net import MaskRefineNetConfig


class MaskRefineNetConvLayer(nn.Module):
    """Convolution without bias, batch norm and ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, dilation: int = 1):
        super().__init__()
        padding = dilation * (kernel_size // 2)
        self.convolution = nn.Conv2d(
            in_channels, out_channels, kernel_size, padding=padding, dilation=dilation, bias=False
        )
        self.normalization = nn.BatchNorm2d(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        features = self.convolution(features)
        if self.training and features.numel() == features.shape[1]:
            # One pixel of one sample has no variance (the pooled branch of a batch of one): use the running statistics.
            norm = self.normalization
            features = F.batch_norm(
                features, norm.running_mean, norm.running_var, norm.weight, norm.bias, training=False, eps=norm.eps
            )
        else:
            features = self.normalization(features)
        return F.relu(features, inplace=True)  # nothing else reads the norm's output


class MaskRefineNetASPP(nn.Module):
    """Atrous spatial pyramid pooling: global pooling, 1 × 1 and dilated 3 × 3 branches, concatenated and projected."""

    def __init__(self, in_channels: int, out_channels: int, rates: list[int]):
        super().__init__()
        self.pooled = MaskRefineNetConvLayer(in_channels, out_channels, 1)
        self.branches = nn.ModuleList([MaskRefineNetConvLayer(in_channels, out_channels, 1)])
        self.branches.extend(MaskRefineNetConvLayer(in_channels, out_channels, 3, rate) for rate in rates)
        self.project = MaskRefineNetConvLayer((2 + len(rates)) * out_channels, out_channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        # The pooled branch is constant over the map.
        pooled = self.pooled(features.mean(dim=(2, 3), keepdim=True)).expand(-1, -1, *features.shape[-2:])
        return self.project(torch.cat([pooled] + [branch(features) for branch in self.branches], dim=1))


class MaskRefineNetUNetDecoder(nn.Module):
    """Official architecture: ASPP on the last stage, then one block of 1 × 1 and 3 × 3 per finer feature map."""

    def __init__(self, config: MaskRefineNetConfig, in_channels: list[int]):
        super().__init__()
        *skip_channels, last_channels = in_channels
        width = config.aspp_channels or last_channels // 4
        self.aspp = MaskRefineNetASPP(last_channels, width, config.aspp_rates)
        self.blocks = nn.ModuleList()
        for i, skip in enumerate(reversed(skip_channels)):
            # By default each block halves the width, down to that of the input layer.
            out_channels = max(width // 2, config.input_channels)
            if config.decoder_channels:
                out_channels = config.decoder_channels[i]
            self.blocks.append(
                nn.Sequential(
                    MaskRefineNetConvLayer(width + skip, width, 1), MaskRefineNetConvLayer(width, out_channels, 3)
                )
            )
            width = out_channels
        self.out_channels = width

    def forward(self, features: list[Tensor]) -> Tensor:
        *skips, c5 = features
        hidden = self.aspp(c5)
        # Coarse to fine: enlarge, concatenate the encoder's features, convolve.
        for block, skip in zip(self.blocks, reversed(skips), strict=True):
            hidden = block(torch.cat([resize(hidden, skip.shape[-2:]), skip], dim=1))
        return hidden  # stride 2


class MaskRefineNetFPNDecoder(nn.Module):
    """Architecture of the paper: a feature pyramid (Lin et al. 2017) whose only output is P2."""

    def __init__(self, config: MaskRefineNetConfig, in_channels: list[int]):
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(channels, config.fpn_channels, 1) for channels in in_channels[1:])
        self.output = MaskRefineNetConvLayer(config.fpn_channels, config.fpn_channels, 3)
        self.out_channels = config.fpn_channels

    def forward(self, features: list[Tensor]) -> Tensor:
        _, c2, c3, c4, c5 = features
        p5 = self.lateral[3](c5)
        p4 = self.lateral[2](c4) + resize(p5, c4.shape[-2:], mode="nearest")
        p3 = self.lateral[1](c3) + resize(p4, c3.shape[-2:], mode="nearest")
        p2 = self.lateral[0](c2) + resize(p3, c2.shape[-2:], mode="nearest")
        return self.output(p2)  # stride 4


def resize(features: Tensor, size: torch.Size | tuple[int, int], mode: str = "bilinear") -> Tensor:
    """Resize (B, C, h, w) to (B, C, *size), corners not aligned."""
    return F.interpolate(features, size=size, mode=mode, align_corners=False if mode == "bilinear" else None)
