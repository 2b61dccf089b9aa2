# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Decoding of points from several views of one image: flipped, at other scales, or cropped (test-time augmentation)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from PIL import Image, ImageOps
from torch import Tensor

from .decoding_solov2 import DecodingSettings, ImageOutputs, masks_per_chunk, resize_matrix
from .level_selection_solov2 import (
    CellReadings,
    LevelScores,
    best_levels,
    level_scores,
    levels_by_points,
    points_in_masks,
    read_cells,
)


@dataclass(frozen=True)
class View:
    """A way to look at an image.

    Args:
        box: (x_min, y_min, x_max, y_max) of the part that is seen, in pixels of the image, with an exclusive maximum.
        scale: factor of the size of the network's input.
        is_flipped: mirror the part horizontally.
    """

    box: tuple[int, int, int, int]
    scale: float = 1.0
    is_flipped: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Return (height, width) of the part in pixels of the image."""
        return self.box[3] - self.box[1], self.box[2] - self.box[0]

    def image(self, image: Image.Image) -> Image.Image:
        """Return the part of an image, mirrored if the view is."""
        if self.box != (0, 0, *image.size):
            image = image.crop(self.box)
        return ImageOps.mirror(image) if self.is_flipped else image

    def on_canvas(self, points: Tensor, valid_size: tuple[int, int]) -> Tensor:
        """Return (N, 2) points of the image in float32 pixels of the view's canvas.

        Args:
            points: (N, 2), (x, y) in pixels of the image, inside the part.
            valid_size: (height, width) of the part inside the canvas.
        """
        height, width = self.size
        # A point on the right or bottom border lies in the last pixel, not in the padding behind it.
        points = torch.minimum(
            points.float() - points.new_tensor(self.box[:2]).float(),
            torch.tensor([width - 1.0, height - 1.0], device=points.device),
        )
        if self.is_flipped:
            points = points * points.new_tensor([-1, 1]) + points.new_tensor([width - 1, 0])
        return points * torch.tensor([valid_size[1] / width, valid_size[0] / height], device=points.device)


class EncodedView(NamedTuple):
    """A view of one image and the network's outputs for it."""

    view: View
    outputs: ImageOutputs
    valid_size: tuple[int, int]  # (height, width) of the part inside the padded canvas


class ViewInstances(NamedTuple):
    """One instance per point, from several views."""

    masks: Iterator[Tensor]  # N (height, width) bool masks, in pixels of the box that all views show
    scores: LevelScores  # averaged over the views
    levels: Tensor  # (N,) chosen level, 0 … 4 for P2 … P6


def decode_views(
    views: Sequence[EncodedView],
    points: Tensor,
    class_labels: Tensor | None,
    settings: DecodingSettings,
    level_strategy: str = "adaptive",
) -> ViewInstances:
    """Decode one instance per point from several views of the same part of an image.

    Class scores, the scores that the level selection compares, and the probabilities of the masks are averaged over the
    views before the class, the level and the pixels of the mask are decided. One view gives the result of
    `decode_points`.

    Args:
        views: views of one box.
        points: (N, 2) float, (x, y) in pixels of the image, on the device of the outputs.
        class_labels: (N,) classes, −1 for an unknown class; None if all are unknown.
        settings: decoding settings.
        level_strategy: "adaptive" or "points", see `decode_points`.
    """
    # The same points in the canvas of each view, read there at one cell per level.
    positions = [view.view.on_canvas(points, view.valid_size) for view in views]
    readings = [read_cells(view.outputs, own, settings) for view, own in zip(views, positions, strict=True)]
    scores = level_scores(readings, class_labels, settings)
    eligible = torch.ones_like(scores.compared, dtype=torch.bool)
    if level_strategy == "points":
        held = []
        for view, own, reading in zip(views, positions, readings, strict=True):
            held.append(points_in_masks(view.outputs, own, reading.kernels))
        eligible = levels_by_points(held, scores.compared > 0, settings)
    levels = best_levels(scores.compared, eligible)
    return ViewInstances(_masks(views, readings, levels, settings.mask_threshold), scores, levels)


def _masks(
    views: Sequence[EncodedView], readings: Sequence[CellReadings], levels: Tensor, mask_threshold: float
) -> Iterator[Tensor]:
    """Yield the mask of each point at its level: the mean probability of the views above the threshold."""
    height, width = views[0].view.size
    rows = torch.arange(len(levels), device=levels.device)
    for chunk in rows.split(masks_per_chunk(height, width)):
        total = 0
        for view, reading in zip(views, readings, strict=True):
            probabilities = view.outputs.mask_probabilities(reading.kernels[chunk, levels[chunk]])
            total = total + _in_part(view, probabilities)
        yield from total / len(views) > mask_threshold


def _in_part(view: EncodedView, probabilities: Tensor) -> Tensor:
    """Return (N, height, width) probabilities in pixels of the image of (N, h, w) ones at a quarter of the canvas."""
    height, width = view.view.size
    rows = resize_matrix(probabilities.shape[1], view.valid_size[0], height, probabilities.device)
    columns = resize_matrix(probabilities.shape[2], view.valid_size[1], width, probabilities.device)
    # Columns of a mirrored view return to their place.
    columns = columns.flip(0) if view.view.is_flipped else columns
    return rows @ probabilities @ columns.T
