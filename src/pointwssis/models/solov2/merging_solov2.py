# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Instances of overlapping tiles, merged to those of the image, on the device of the outputs."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ...ops.tile_merging import TileMasks, merge_masks
from ...ops.windowed_masks import WindowedMask
from .frames_solov2 import Frame


class TileInstances(NamedTuple):
    """Instances of one tile."""

    frame: Frame
    masks: Sequence[WindowedMask]  # N, in the image
    labels: Tensor  # (N,)
    scores: Tensor  # (N,)


def merge_tiles(
    parts: Iterable[TileInstances], image_size: tuple[int, int], device: torch.device, max_detections: int | None
) -> tuple[Iterable[WindowedMask], Tensor, Tensor]:
    """Merge the instances of all tiles of one image, see `merge_masks`.

    Args:
        parts: instances of each tile, of which one at a time is in memory if they are computed one by one.
        image_size: (height, width) of the image.
        device: device of the results.
        max_detections: most instances of the image; None sets no limit.

    Returns:
        N masks in the image, which can be read once, (N,) labels and (N,) scores, in descending order of score.
    """
    merged = merge_masks(map(_as_arrays, parts), image_size, max_detections)
    masks = (WindowedMask(torch.from_numpy(pixels).to(device), box, image_size) for pixels, box in merged.masks)
    labels = torch.tensor(merged.labels, dtype=torch.long)
    scores = torch.tensor(merged.scores, dtype=torch.float32)
    return masks, labels.to(device), scores.to(device)


def _as_arrays(part: TileInstances) -> TileMasks:
    """Return the instances of one tile as arrays."""
    masks = [(mask.pixels.cpu().numpy(), mask.window) for mask in part.masks]
    return TileMasks(part.frame.window, masks, part.labels.tolist(), part.scores.tolist())


__all__ = ["TileInstances", "merge_tiles"]
