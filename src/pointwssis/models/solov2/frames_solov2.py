# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Frames of the network's inputs: whole images or tiles of images, between which points and masks are translated."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...ops.tiles import Window, tile_windows
from ...ops.windowed_masks import WindowedMask
from .decoding_solov2 import ImageOutputs
from .mask_resizing_solov2 import MaskResizing
from .prompts_solov2 import check_counts


class Frame(NamedTuple):
    """One input of the network: an image or a tile of it."""

    index: int  # in the batch of the network
    valid_size: tuple[int, int]  # (height, width) inside the padded canvas
    window: Window  # in pixels of the original image
    image_size: tuple[int, int]  # (height, width) of the original image

    def scale(self, device: torch.device) -> Tensor:
        """Return the (2,) factors (x, y) from the original image to the network's input."""
        height, width = self.window.size
        return torch.tensor([self.valid_size[1] / width, self.valid_size[0] / height], device=device)

    def on_canvas(self, points: Tensor, device: torch.device) -> Tensor:
        """Return (N, 2) points of the original image in float32 pixels of the padded canvas."""
        corner = torch.tensor([self.window.left, self.window.top], dtype=points.dtype, device=points.device)
        points = (points - corner).float().to(device)
        # A point on the right or bottom border lies in the last pixel, not in the padding behind it.
        height, width = self.window.size
        return torch.minimum(points, torch.tensor([width - 1, height - 1], device=device)) * self.scale(device)

    def resizing(self, outputs: ImageOutputs) -> MaskResizing:
        """Return the resizing of masks from a quarter of the canvas to the window."""
        features = outputs.mask_features
        return MaskResizing.between(features.shape[-2:], self.valid_size, self.window.size, features.device)

    def in_image(self, pixels: Tensor, window: Window) -> WindowedMask:
        """Return the mask in the original image of (h, w) pixels in a part of the own window."""
        left, top = self.window.left, self.window.top
        place = Window(window.left + left, window.top + top, window.right + left, window.bottom + top)
        return WindowedMask(pixels, place, self.image_size)

    def masks(self, outputs: ImageOutputs, chunks: Iterable[Tensor], mask_threshold: float) -> Iterator[WindowedMask]:
        """Yield the masks in the original image of chunks of (n, h, w) probabilities of these outputs."""
        resizing = self.resizing(outputs)
        for probabilities in chunks:
            for window, pixels in resizing.masks(probabilities, mask_threshold):
                yield self.in_image(pixels, window)


def frames_of_images(
    outputs: Any, target_sizes: Sequence[tuple[int, int]] | Tensor | None, tile_size: int | None
) -> list[list[Frame]]:
    """Return for each image the frames of its inputs: one, or with `tile_size` one per tile.

    Args:
        outputs: outputs of `SOLOv2ForInstanceSegmentation` for a whole batch.
        target_sizes: (height, width) of each original image; None stands for whole images of the size of the network's
            input without padding.
        tile_size: side of the tiles in pixels of the original image; None for whole images.

    Raises:
        ValueError: the outputs do not belong to images of these sizes.
    """
    valid_sizes = [tuple(size) for size in torch.as_tensor(outputs["valid_sizes"]).tolist()]
    if target_sizes is None:
        if tile_size is not None:
            raise ValueError(f"tile_size is {tile_size}: pass target_sizes, which tell the tiles of each image")
        target_sizes = valid_sizes
    image_sizes = [(int(height), int(width)) for height, width in target_sizes]
    # Windows follow from the sizes, exactly as the image processor cut them.
    windows = [tile_windows(*size, tile_size) for size in image_sizes]
    if tile_size is None:
        check_counts(len(valid_sizes), target_sizes=image_sizes)
    elif len(valid_sizes) != sum(map(len, windows)):
        raise ValueError(
            f"the outputs belong to {len(valid_sizes)} inputs; images of the target_sizes have "
            f"{sum(map(len, windows))} tiles of {tile_size} pixels; encode them with the same tile_size"
        )
    frames, first = [], 0
    for size, own in zip(image_sizes, windows, strict=True):
        valid = valid_sizes[first : first + len(own)]
        frames.append([Frame(first + n, valid[n], window, size) for n, window in enumerate(own)])
        first += len(own)
    return frames
