# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A SOLOv2 without training that finds every region of one brightness in its input, cut ones at borders too."""

from dataclasses import asdict

import torch
from PIL import Image
from torch import Tensor

from helpers.small_solov2 import small_config
from pointwssis.models.solov2.decoding_solov2 import DecodingSettings
from pointwssis.models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from pointwssis.models.solov2.modeling_solov2 import (
    SOLOv2ForInstanceSegmentation,
    SOLOv2InstanceSegmentationOutput,
)

GRID = 64
MAX_REGIONS = 63  # in one input
DARK = 20  # gray values below are background


class SeeingSOLOv2(SOLOv2ForInstanceSegmentation):
    """Objects are told apart by their gray value. Each has a channel of the features, which its cells' kernels read."""

    def encode(self, pixel_values: Tensor, pixel_mask: Tensor | None = None) -> SOLOv2InstanceSegmentationOutput:
        parts = [_outputs(image) for image in pixel_values]
        logits, kernels, features = (torch.stack(column) for column in zip(*parts, strict=True))
        # All objects are at the finest level.
        grids = self.config.num_grids[1:]
        nothing = [logits.new_full((len(parts), 1, grid, grid), -20.0) for grid in grids]
        zeros = [kernels.new_zeros(len(parts), kernels.shape[1], grid, grid) for grid in grids]
        sizes = torch.tensor([list(pixel_values.shape[-2:])] * len(parts))
        if pixel_mask is not None:
            sizes = torch.stack([pixel_mask.amax(2).sum(1), pixel_mask.amax(1).sum(1)], dim=1)
        return SOLOv2InstanceSegmentationOutput(
            class_logits=(logits, *nothing),
            kernels=(kernels, *zeros),
            mask_features=features,
            valid_sizes=sizes,
            decoding=asdict(DecodingSettings.of(self.config)),
        )


def seeing_segmenter(side: int, **changes) -> tuple[SeeingSOLOv2, SOLOv2ImageProcessorPil]:
    """Return the model, and an image processor that scales images to a side in pixels and mixes no gray values."""
    config = small_config(num_labels=1, num_grids=[GRID, 4, 3, 2, 1], kernel_channels=MAX_REGIONS + 1, **changes)
    size = {"shortest_edge": side, "longest_edge": side}
    processor = SOLOv2ImageProcessorPil(size=size, do_normalize=False, resample=Image.Resampling.NEAREST)
    return SeeingSOLOv2(config).eval(), processor


def _outputs(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the (1, S, S) logits, (E, S, S) kernels and (E, h, w) features of one (3, H, W) input."""
    gray = (255 * image[0]).round().long()
    height, width = gray.shape
    rows, columns = (gray >= DARK).nonzero(as_tuple=True)
    levels, own = gray[rows, columns].unique(return_inverse=True)
    own, count = own + 1, len(levels)
    # The feature of a region is its share of each 4 × 4 pixels; the first one is 1 everywhere.
    features = torch.zeros(MAX_REGIONS + 1, height // 4, width // 4)
    features.index_put_((own, rows // 4, columns // 4), torch.full((len(own),), 1 / 16), accumulate=True)
    features[0] = 1
    places = torch.stack([rows * GRID / height, columns * GRID / width], dim=1)
    sizes = torch.bincount(own, minlength=count + 1).clamp(min=1)
    centers = (torch.zeros(count + 1, 2).index_add_(0, own, places) / sizes[:, None]).long()
    logits, kernels = torch.full((1, GRID, GRID), -20.0), torch.zeros(MAX_REGIONS + 1, GRID, GRID)
    found = torch.zeros(GRID, GRID, dtype=torch.long)
    # A cell of several objects belongs to that whose center it holds.
    for cells, numbers in ((places.long(), own), (centers[1:], torch.arange(1, count + 1))):
        found[cells[:, 0], cells[:, 1]] = numbers
    row, column = found.nonzero(as_tuple=True)
    kernels[0, row, column], kernels[found[row, column], row, column] = -10, 20
    # Other cells are for clicks alone: their scores are below the threshold of the configuration.
    is_center = (torch.stack([row, column], dim=1) == centers[found[row, column]]).all(dim=1)
    logits[0, row, column] = torch.where(is_center, 4.0, -3.0)
    return logits, kernels, features
