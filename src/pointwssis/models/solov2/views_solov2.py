# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Decoding of points from several views of one image: flipped, at other scales, or cropped (test-time augmentation)."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ...ops.tiles import Window
from ...ops.windowed_masks import WindowedMask
from .decoding_solov2 import DecodingSettings, ImageOutputs, masks_per_chunk
from .frames_solov2 import Frame
from .level_selection_solov2 import CellReadings, best_levels, level_scores, read_cells
from .mask_resizing_solov2 import MaskResizing


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

    def mirrored(self, window: Window) -> Window:
        """Return a part of the view's window, in the frame of the window, as the network saw it, and the other way."""
        if not self.is_flipped:
            return window
        width = self.frame.window.size[1]
        return Window(width - window.right, window.top, width - window.left, window.bottom)

    def probabilities(self, resizing: MaskResizing, source: Tensor, window: Window) -> Tensor:
        """Return the (height, width) probabilities in a part of the view's window of (h, w) ones on the canvas."""
        found = resizing.probabilities(source, self.mirrored(window))
        return found.flip(1) if self.is_flipped else found


class ViewInstances(NamedTuple):
    """One instance per point, from several views."""

    masks: Iterator[WindowedMask]  # N masks in the original image, computed in chunks
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
) -> Iterator[WindowedMask]:
    """Yield the mask of each point at its level: where the mean probability of the views exceeds the threshold."""
    resizings = [view.frame.resizing(view.outputs) for view in views]
    step = min(masks_per_chunk(*view.outputs.mask_features.shape[-2:]) for view in views)
    for chunk in torch.arange(len(levels), device=levels.device).split(step):
        # Probabilities of the chunk in each view, and the windows in which they exceed the threshold.
        sources, windows = [], []
        for view, reading, resizing in zip(views, readings, resizings, strict=True):
            sources.append(view.outputs.mask_probabilities(reading.kernels[chunk, levels[chunk]]))
            windows.append([view.mirrored(window) for window in resizing.windows(sources[-1], mask_threshold)])
        for row, own_windows in enumerate(zip(*windows, strict=True)):
            # The mean exceeds the threshold only where one of the views does.
            window = _union(own_windows)
            total: Tensor | int = 0
            for view, resizing, source in zip(views, resizings, sources, strict=True):
                total = total + view.probabilities(resizing, source[row], window)
            yield views[0].frame.in_image(total / len(views) > mask_threshold, window)


def _union(windows: Sequence[Window]) -> Window:
    """Return the smallest window that holds all windows; those without a pixel do not count."""
    filled = [window for window in windows if window.right > window.left]
    if not filled:
        return Window(0, 0, 0, 0)
    left, top, right, bottom = zip(*filled, strict=True)
    return Window(min(left), min(top), max(right), max(bottom))
