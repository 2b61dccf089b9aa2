# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Run SOLOv2 on whole images in one pass, and on tiles in several, which bounds the memory for large images."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

TILES_PER_PASS = 16


def run_network(
    network: Callable[..., Any], pixel_values: Tensor, pixel_mask: Tensor | None, tile_size: int | None
) -> Any:
    """Return the outputs of a SOLOv2; at most `TILES_PER_PASS` tiles go through the network together.

    Args:
        network: a `SOLOv2ForInstanceSegmentation`, its `encode`, or a wrapper of it.
        pixel_values: (B, 3, H, W) as from the image processor.
        pixel_mask: (B, H, W), or None.
        tile_size: that of the image processor; None runs all images together.

    Returns:
        One `SOLOv2InstanceSegmentationOutput`.
    """
    if tile_size is None or len(pixel_values) <= TILES_PER_PASS:
        return network(pixel_values=pixel_values, pixel_mask=pixel_mask)
    parts = []
    for start in range(0, len(pixel_values), TILES_PER_PASS):
        some = slice(start, start + TILES_PER_PASS)
        mask = None if pixel_mask is None else pixel_mask[some]
        parts.append(network(pixel_values=pixel_values[some], pixel_mask=mask))
    # Outputs of a batch are tensors, or tuples of tensors with one per pyramid level.
    joined: dict[str, Any] = {"decoding": parts[0]["decoding"]}
    for name in ("mask_features", "valid_sizes"):
        joined[name] = torch.cat([part[name] for part in parts])
    for name in ("class_logits", "kernels"):
        joined[name] = tuple(torch.cat(level) for level in zip(*(part[name] for part in parts), strict=True))
    return type(parts[0])(**joined)
