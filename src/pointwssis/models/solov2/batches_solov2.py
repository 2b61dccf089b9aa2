# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The tiles of large images in several passes through the network, which bounds the memory."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

TILES_PER_PASS = 16


def run_on_tiles(network: Callable[..., Any], pixel_values: Tensor, pixel_mask: Tensor | None) -> Any:
    """Return the outputs of a SOLOv2 for tiles, at most `TILES_PER_PASS` of which go through the network together.

    Args:
        network: a `SOLOv2ForInstanceSegmentation`, its `encode`, or a wrapper of it.
        pixel_values: (B, 3, H, W) as from the image processor.
        pixel_mask: (B, H, W), or None.

    Returns:
        The outputs of all tiles in one `SOLOv2InstanceSegmentationOutput`.
    """
    parts = []
    for start in range(0, len(pixel_values), TILES_PER_PASS):
        some = slice(start, start + TILES_PER_PASS)
        parts.append(
            network(pixel_values=pixel_values[some], pixel_mask=None if pixel_mask is None else pixel_mask[some])
        )
    if len(parts) == 1:
        return parts[0]
    # Outputs of a batch are tensors, or tuples of tensors with one per pyramid level.
    joined: dict[str, Any] = {"decoding": parts[0]["decoding"]}
    for name in ("mask_features", "valid_sizes"):
        joined[name] = torch.cat([part[name] for part in parts])
    for name in ("class_logits", "kernels"):
        joined[name] = tuple(torch.cat(level) for level in zip(*(part[name] for part in parts), strict=True))
    return type(parts[0])(**joined)
