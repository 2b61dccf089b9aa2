# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Images → inputs of the encoder, as the image processor of the trained model makes them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from ..ops.image_sizes import shortest_edge_size
from ..ops.tiles import Window


class InputFrame(NamedTuple):
    """The place of an input of the encoder, an image or a tile of it."""

    valid_size: tuple[int, int]  # (height, width) inside the padded canvas
    window: Window  # in pixels of the original image

    def on_canvas(self, points: np.ndarray) -> np.ndarray:
        """Return (N, 2) points of the original image in float32 pixels of the padded canvas."""
        height, width = self.window.size
        inside = (points - (self.window.left, self.window.top)).astype(np.float32)
        # A point on the right or bottom border lies in the last pixel, not in the padding behind it.
        inside = np.minimum(inside, np.array([width - 1, height - 1], np.float32))
        scale = (self.valid_size[1] / width, self.valid_size[0] / height)
        return inside * np.array(scale, np.float32)


def network_inputs(
    image: Image.Image, settings: Mapping[str, Any], windows: Sequence[Window]
) -> Iterator[tuple[np.ndarray, InputFrame]]:
    """Yield the inputs of one RGB image with their frames: one per window, all of one size.

    An input is (3, H, W) float32, normalized and padded.

    Args:
        image: upright RGB image.
        settings: `image_processor` of config.json.
        windows: some or all of the `tile_windows` of the image with `tile_size` of the settings.
    """
    tile_size, divisor = settings["tile_size"], settings["size_divisor"] or 1
    sizes = [_resized_size(window, settings) for window in windows]
    # Tiles share the canvas of a whole one.
    whole = _scaled_size(*((image.height, image.width) if tile_size is None else (1, 1)), settings)
    canvas = [-(-side // divisor) * divisor for side in whole]
    if settings["pad_size"]:
        canvas = [settings["pad_size"][side] for side in ("height", "width")]
    for window, (height, width) in zip(windows, sizes, strict=True):
        part = image if tile_size is None else image.crop(window)
        pixels = normalized(part.resize((width, height), settings["resample"]), settings)
        pixel_values = np.zeros((3, *canvas), np.float32)
        pixel_values[:, :height, :width] = pixels
        yield pixel_values, InputFrame((height, width), window)


def _resized_size(window: Window, settings: Mapping[str, Any]) -> tuple[int, int]:
    """Return (height, width) of a resized image or tile; a tile that the image does not fill is scaled like a whole."""
    height, width = window.size
    if settings["tile_size"] is None:
        return _scaled_size(height, width, settings)
    tall, wide = _scaled_size(1, 1, settings)
    tile_size = settings["tile_size"]
    return max(1, round(height * tall / tile_size)), max(1, round(width * wide / tile_size))


def _scaled_size(height: int, width: int, settings: Mapping[str, Any]) -> tuple[int, int]:
    """Return the (height, width) that an image is resized to."""
    size = settings["size"]
    if "shortest_edge" in size:
        return shortest_edge_size(height, width, size["shortest_edge"], size.get("longest_edge"))
    return size["height"], size["width"]


def normalized(image: Image.Image, settings: Mapping[str, Any]) -> np.ndarray:
    """Return a resized image as (3, height, width) float32 in the network's channel order."""
    pixels = np.asarray(image).transpose(2, 0, 1)
    if settings["do_flip_channel_order"]:
        pixels = pixels[::-1]
    if settings["do_rescale"]:
        pixels = pixels.astype(np.float64) * settings["rescale_factor"]
    pixels = pixels.astype(np.float32)
    if settings["do_normalize"]:
        mean, std = (np.array(settings[name], np.float32)[:, None, None] for name in ("image_mean", "image_std"))
        pixels = (pixels - mean) / std
    return pixels
