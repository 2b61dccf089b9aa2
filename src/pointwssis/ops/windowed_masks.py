# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Masks that are stored only inside a window of their image, so that small objects in large images stay small."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from .rle import RLE, encode_window
from .tiles import Window


class WindowedMask(NamedTuple):
    """A mask that is empty outside a window of its image; the window need not be tight."""

    pixels: Tensor  # (h, w) bool inside the window
    window: Window
    image_size: tuple[int, int]  # (height, width)

    def contains(self, row: int, column: int) -> bool:
        """Return True if a pixel of the image is foreground."""
        left, top, right, bottom = self.window
        if not (left <= column < right and top <= row < bottom):
            return False
        return bool(self.pixels[row - top, column - left])

    def rle(self) -> RLE:
        """Return the mask of the image as a compressed COCO RLE."""
        return encode_window(self.pixels, self.window.left, self.window.top, self.image_size)

    def dense(self) -> Tensor:
        """Return the (height, width) bool mask of the image, on the same device."""
        mask = self.pixels.new_zeros(self.image_size)
        mask[self.window.slices] = self.pixels
        return mask


def stacked(masks: Iterable[WindowedMask], image_size: tuple[int, int], device: torch.device) -> Tensor:
    """Return masks of one image as one (N, height, width) bool tensor."""
    masks = list(masks)
    dense = torch.zeros(len(masks), *image_size, dtype=torch.bool, device=device)
    for target, mask in zip(dense, masks, strict=True):
        target[mask.window.slices] = mask.pixels
    return dense
