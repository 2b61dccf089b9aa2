# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Decoding of points from several views of one image: flipped, at other scales, or cropped (test-time augmentation)."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .decoding_solov2 import DecodingSettings, ImageOutputs, masks_per_chunk, resize_matrix
from .frames_solov2 import Frame
from .level_selection_solov2 import CellReadings, best_levels, level_scores, read_cells


class EncodedView(NamedTuple):
    """The network's outputs for one view of an image, or of a window of it."""

    frame: Frame
    outputs: ImageOutputs
    is_flipped: bool = False  # horizontally, inside the window

    def on_canvas(self, points: Tensor, device: torch.device) -> Tensor:
        """Return (N, 2) points of the original image in float32 pixels of the padded canvas."""
        if self.is_flipped:
            # Column x moves to last − x within the window; the right border belongs to the last column.
            left, last = self.frame.window.left, self.frame.window.right - 1
            x, y = points.unbind(dim=1)
            points = torch.stack([left + last - x.clamp(max=last), y], dim=1)
        return self.frame.on_canvas(points, device)

    def in_window(self, probabilities: Tensor) -> Tensor:
        """Return (N, height, width) probabilities in the window of (N, h, w) ones at a quarter of the canvas."""
        (valid_height, valid_width), (height, width) = self.frame.valid_size, self.frame.window.size
        rows = resize_matrix(probabilities.shape[1], valid_height, height, probabilities.device)
        columns = resize_matrix(probabilities.shape[2], valid_width, width, probabilities.device)
        # Columns of a mirrored view return to their place.
        columns = columns.flip(0) if self.is_flipped else columns
        return rows @ probabilities @ columns.T


class ViewInstances(NamedTuple):
    """One instance per point, from several views."""

    masks: Iterator[Tensor]  # N (height, width) bool masks in the window of the views, computed in chunks
    labels: Tensor  # (N,)
    scores: Tensor  # (N,) class confidence × maskness at the chosen level, averaged over the views
    levels: Tensor  # (N,) chosen level, 0 … 4 for P2 … P6


def decode_views(
    views: Sequence[EncodedView], points: Tensor, class_labels: Tensor, settings: DecodingSettings
) -> ViewInstances:
    """Decode one instance per point from several views of one window of an image.

    Class scores, the scores that the level selection compares, and the probabilities of the masks are averaged over the
    views before class, level and pixels are decided. One view gives the result of `decode_points`.

    Args:
        views: views of one window, at least one.
        points: (N, 2) float64 on the CPU, (x, y) in pixels of the original image, inside the window.
        class_labels: (N,) int64 classes, −1 for an unknown class.
        settings: decoding settings.
    """
    device = views[0].outputs.mask_features.device
    # The same points on the canvas of each view, read there at one cell per level.
    positions = [view.on_canvas(points, device) for view in views]
    readings = [read_cells(view.outputs, own, settings) for view, own in zip(views, positions, strict=True)]
    scores = level_scores(readings, class_labels.to(device), settings)
    levels = best_levels(scores.compared)
    own_scores = scores.scores.gather(1, levels[:, None])[:, 0]
    masks = _masks(views, readings, levels, settings.mask_threshold)
    return ViewInstances(masks, scores.labels, own_scores, levels)


def _masks(
    views: Sequence[EncodedView], readings: Sequence[CellReadings], levels: Tensor, mask_threshold: float
) -> Iterator[Tensor]:
    """Yield the mask of each point at its level: where the mean probability of the views exceeds the threshold."""
    rows = torch.arange(len(levels), device=levels.device)
    for chunk in rows.split(masks_per_chunk(*views[0].frame.window.size)):
        total: Tensor | int = 0
        for view, reading in zip(views, readings, strict=True):
            total = total + view.in_window(view.outputs.mask_probabilities(reading.kernels[chunk, levels[chunk]]))
        yield from total / len(views) > mask_threshold
