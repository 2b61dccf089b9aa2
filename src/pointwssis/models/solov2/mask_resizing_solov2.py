# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Masks from a quarter of the canvas to the original image, computed only in the window where they are.

The official code enlarges bilinearly by 4, crops the padding, resizes bilinearly to the image, and applies the
threshold. All resizes are linear along each axis, so here they are one matrix per axis, without an intermediate at the
network's resolution. Every pixel is a weighted mean of neighbors, so it is foreground only where one of them is: the
window follows from the extent of the foreground at a quarter of the canvas.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...ops.mask_ops import masks_to_boxes
from ...ops.tiles import Window

# Weights add up to 1 within rounding errors, so a mean may exceed its largest value by this fraction.
ROUNDING = 1e-5
PIXELS_PER_STRIP = 2**20  # of the image that are computed together, which fit into the cache of a CPU


class AxisResizing(NamedTuple):
    """Resizing along one axis."""

    weights: Tensor  # (target, source)
    first: np.ndarray  # (target,) first source pixel with a weight, ascending
    last: np.ndarray  # (target,) last source pixel with a weight, ascending

    @classmethod
    def between(cls, source: int, valid: int, target: int, device: torch.device) -> "AxisResizing":
        """Return the resizing from a quarter of the canvas (`source`), of which `valid` pixels show image."""
        weights, first, last = _weights_and_range(source, valid, target)
        return cls(weights.to(device), first, last)

    def sources(self, start: int, stop: int) -> slice:
        """Return the source pixels that target pixels from `start` to before `stop` depend on; none for none."""
        if start >= stop:
            return slice(0, 0)
        return slice(int(self.first[start]), int(self.last[stop - 1]) + 1)

    def targets(self, start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the ranges of target pixels that depend on source pixels from `start` to before `stop`."""
        return np.searchsorted(self.last, start, "left"), np.searchsorted(self.first, stop - 1, "right")


@lru_cache(maxsize=8)
@torch.inference_mode(False)  # tensors of inference mode could not be used outside of it
def _weights_and_range(source: int, valid: int, target: int) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Return the fields of an `AxisResizing` on the CPU; clicks on one image need the same ones again and again."""
    weights = resize_matrix(source, valid, target, torch.device("cpu"))
    has_weight = weights.numpy() != 0
    return weights, has_weight.argmax(axis=1), source - 1 - has_weight[:, ::-1].argmax(axis=1)


class MaskResizing(NamedTuple):
    """Resizing of masks from a quarter of the canvas to an image."""

    rows: AxisResizing
    columns: AxisResizing

    @classmethod
    def between(
        cls,
        source_size: tuple[int, int],
        valid_size: tuple[int, int],
        target_size: tuple[int, int],
        device: torch.device,
    ) -> "MaskResizing":
        """Return the resizing between (height, width) of three kinds.

        Args:
            source_size: a quarter of the padded canvas.
            valid_size: the image inside the canvas, in pixels of the canvas.
            target_size: the original image.
            device: device of the probabilities.
        """
        axes = zip(source_size, valid_size, target_size, strict=True)
        return cls(*(AxisResizing.between(*sides, device) for sides in axes))

    def windows(self, probabilities: Tensor, mask_threshold: float) -> list[Window]:
        """Return for each of (N, h, w) probabilities the window of the image outside of which its mask is empty."""
        boxes = masks_to_boxes(probabilities > mask_threshold * (1 - ROUNDING)).long().cpu().numpy()
        left, right = self.columns.targets(boxes[:, 0], boxes[:, 2])
        top, bottom = self.rows.targets(boxes[:, 1], boxes[:, 3])
        # Padding and skipped pixels have no target, nor has an empty mask.
        is_empty = (boxes[:, 2] == 0) | (left >= right) | (top >= bottom)
        corners = np.stack([left, top, right, bottom], axis=1) * ~is_empty[:, None]
        return [Window(*corner) for corner in corners.tolist()]

    def probabilities(self, source: Tensor, window: Window) -> Tensor:
        """Return the (height, width) probabilities in a window of the image of (h, w) ones, in column-major order."""
        left, top, right, bottom = window
        rows, columns = self.rows.sources(top, bottom), self.columns.sources(left, right)
        with torch.autocast(source.device.type, enabled=False):  # a mean of bfloat16 would miss the threshold
            half = self.rows.weights[top:bottom, rows] @ source[rows, columns]
            return (self.columns.weights[left:right, columns] @ half.T).T

    def mask(self, source: Tensor, window: Window, mask_threshold: float) -> Tensor:
        """Return the (height, width) bool mask in a window of (h, w) probabilities, in column-major order."""
        height, width = window.size
        pixels = torch.empty(width, height, dtype=torch.bool, device=source.device)
        # Strips of columns, which depend on few source pixels each
        step = max(1, PIXELS_PER_STRIP // max(1, height))
        for start in range(0, width, step):
            stop = min(start + step, width)
            strip = Window(window.left + start, window.top, window.left + stop, window.bottom)
            columns = self.probabilities(source, strip).T
            pixels[start:stop] = columns > mask_threshold
        return pixels.T

    def masks(self, probabilities: Tensor, mask_threshold: float) -> Iterator[tuple[Window, Tensor]]:
        """Yield window and (height, width) bool mask inside it of each of (N, h, w) probabilities."""
        for source, window in zip(probabilities, self.windows(probabilities, mask_threshold), strict=True):
            yield window, self.mask(source, window, mask_threshold)


def resize_matrix(source: int, valid: int, target: int, device: torch.device) -> Tensor:
    """Return the (target, source) weights of three steps along one axis.

    They enlarge bilinearly by 4, keep the first `valid` pixels and resize bilinearly to `target`.
    """
    enlarged = F.interpolate(
        torch.eye(source, device=device)[None], size=4 * source, mode="linear", align_corners=False
    )
    return F.interpolate(enlarged[..., :valid], size=target, mode="linear", align_corners=False)[0].T
