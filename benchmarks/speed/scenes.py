# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Inputs of the benchmarks: images, masks, and raw outputs of a network that has learned something."""

from dataclasses import asdict

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pointwssis import SOLOv2Config
from pointwssis.models.solov2.decoding_solov2 import DecodingSettings
from pointwssis.models.solov2.modeling_solov2 import SOLOv2InstanceSegmentationOutput

DEFAULT_GRIDS = (40, 36, 24, 16, 12)


def disks(count: int, height: int, width: int, seed: int = 0, radius: float | None = None) -> Tensor:
    """Return (count, height, width) uint8 masks of disks at random places."""
    rng = np.random.default_rng(seed)
    rows, columns = np.ogrid[:height, :width]
    masks = np.zeros((count, height, width), np.uint8)
    for mask in masks:
        own_radius = radius or rng.uniform(0.02, 0.12) * min(height, width)
        y, x = rng.uniform(0, height), rng.uniform(0, width)
        mask[:] = (rows - y) ** 2 + (columns - x) ** 2 <= own_radius**2
    return torch.from_numpy(masks)


def random_points(count: int, height: int, width: int, seed: int = 0) -> Tensor:
    """Return (count, 2) points (x, y) in pixels."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 2, generator=generator, dtype=torch.float64) * torch.tensor([width, height]) * 0.999


def photo(height: int, width: int, seed: int = 0) -> Image.Image:
    """Return an RGB image of smooth noise."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


def learned_outputs(
    height: int,
    width: int,
    channels: int = 256,
    num_labels: int = 80,
    num_grids: tuple[int, ...] = DEFAULT_GRIDS,
    valid_size: tuple[int, int] | None = None,
) -> SOLOv2InstanceSegmentationOutput:
    """Return raw outputs of one image in which each cell's kernel draws one compact object.

    Untrained networks give masks that fill the image, which trained ones do not. Here all channels but one are bumps at
    random places, the last one is constant, and each kernel selects the bump nearest to its cell.

    Args:
        height: height of the padded input in pixels.
        width: its width.
        channels: number of kernel channels.
        num_labels: number of classes.
        num_grids: cells along each side, of each level.
        valid_size: (height, width) of the image inside the padded input; None if nothing is padding.
    """
    generator = torch.Generator().manual_seed(0)
    h, w = height // 4, width // 4
    # Bumps of various sizes, one per channel.
    centers = torch.rand(channels - 1, 2, generator=generator) * torch.tensor([h, w])
    sigmas = (0.02 + 0.06 * torch.rand(channels - 1, generator=generator)) * min(h, w)
    rows, columns = torch.arange(h)[None, :, None], torch.arange(w)[None, None, :]
    distance = (rows - centers[:, 0, None, None]) ** 2 + (columns - centers[:, 1, None, None]) ** 2
    bumps = torch.exp(-distance / (2 * sigmas[:, None, None] ** 2))
    features = torch.cat([bumps, torch.ones(1, h, w)])
    # Kernels: 16 × the bump nearest to the cell's center − 8.
    class_logits, kernels = [], []
    for grid in num_grids:
        steps = (torch.arange(grid) + 0.5) / grid
        cells = torch.cartesian_prod(steps * h, steps * w)  # (S², 2)
        nearest = torch.cdist(cells, centers).argmin(dim=1)
        kernel = torch.zeros(channels, grid**2)
        kernel[nearest, torch.arange(grid**2)] = 16.0
        kernel[-1] = -8.0
        kernels.append(kernel.view(1, channels, grid, grid))
        class_logits.append(torch.randn(1, num_labels, grid, grid, generator=generator) - 4)
    config = SOLOv2Config(num_grids=list(num_grids), kernel_channels=channels, num_labels=num_labels)
    return SOLOv2InstanceSegmentationOutput(
        class_logits=tuple(class_logits),
        kernels=tuple(kernels),
        mask_features=features[None],
        valid_sizes=torch.tensor([valid_size or (height, width)]),
        decoding=asdict(DecodingSettings.of(config)),
    )
