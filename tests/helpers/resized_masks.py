# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Masks in the image of probabilities at a quarter of the canvas: the library's way, and the plain way beside it."""

import torch
import torch.nn.functional as F

from pointwssis.models.solov2.mask_resizing_solov2 import MaskResizing, resize_matrix
from pointwssis.ops.windowed_masks import WindowedMask, stacked


def windowed_masks(probabilities, valid_size, target_size, mask_threshold=0.5) -> list[WindowedMask]:
    """Return the masks of (N, h, w) probabilities as the library computes them."""
    resizing = MaskResizing.between(probabilities.shape[1:], valid_size, target_size, probabilities.device)
    return [WindowedMask(m, window, target_size) for window, m in resizing.masks(probabilities, mask_threshold)]


def masks_in_image(probabilities, valid_size, target_size, mask_threshold=0.5) -> torch.Tensor:
    """Return the same as one (N, height, width) bool tensor."""
    masks = windowed_masks(probabilities, valid_size, target_size, mask_threshold)
    return stacked(masks, target_size, probabilities.device)


def plain_probabilities(probabilities, valid_size, target_size) -> torch.Tensor:
    """Return (N, height, width) probabilities of the whole image, as two matrix products without a window."""
    rows, columns = (
        resize_matrix(*sides, probabilities.device)
        for sides in zip(probabilities.shape[1:], valid_size, target_size, strict=True)
    )
    return rows @ probabilities @ columns.T


def official_probabilities(probabilities, valid_size, target_size) -> torch.Tensor:
    """Return the same by the steps of the official code: enlarge by 4, crop the padding, resize to the image."""
    height, width = probabilities.shape[1:]
    options = {"mode": "bilinear", "align_corners": False}
    enlarged = F.interpolate(probabilities[None], size=(4 * height, 4 * width), **options)
    return F.interpolate(enlarged[..., : valid_size[0], : valid_size[1]], size=target_size, **options)[0]
