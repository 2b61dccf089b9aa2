# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Images of more than 8 bits as 8-bit ones: one rule for gray and color.

Values are scaled linearly so that the percentiles 0.1 and 99.9 of the image become 0 and 255; what lies beyond is
clipped. Microscopes store 12 or 14 bits in 16, so a fixed divisor would leave such images nearly black, and a single
hot pixel would do the same to a scale from minimum to maximum. The channels of a color image share one scale.
"""

import sys
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from .user_error import UserError

PERCENTILES = (0.1, 99.9)

# The unpackers of Pillow keep one byte of two: ";16B" the first one, ";16L" the second one.
_OTHER_BYTE = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}


@dataclass(frozen=True)
class DeepRange:
    """Values of an image of more than 8 bits.

    Args:
        minimum: smallest value.
        low: value that becomes 0.
        high: value that becomes 255.
        maximum: largest value.
    """

    minimum: float
    low: float
    high: float
    maximum: float

    @property
    def has_outliers(self) -> bool:
        """True if few pixels, such as hot ones, take up most of the range of values."""
        return self.maximum - self.minimum > 4 * (self.high - self.low)


def is_deep(image: Any) -> bool:
    """Return True for a PIL image of more than 8 bits, which Pillow's own conversion to RGB would clip or darken."""
    if not isinstance(image, Image.Image):
        return False
    return image.mode.startswith("I") or image.mode == "F" or _has_deep_colors(image)


def deep_values(image: Image.Image) -> np.ndarray:
    """Return the values of an image of more than 8 bits: (H, W), or (H, W, 3) of colors; alpha is dropped.

    Args:
        image: PIL image for which `is_deep` holds; the file of a color image must still be open.
    """
    if not _has_deep_colors(image):
        return np.asarray(image)
    # Pillow has no mode for deep colors, so both bytes of each value are read one after the other.
    file: BinaryIO = image.fp
    file.seek(0)
    other = Image.open(file, formats=[image.format])
    other.tile = [_with_other_byte(tile) for tile in other.tile]
    low = np.asarray(other).astype(np.uint16)
    file.seek(0)
    values = np.asarray(Image.open(file, formats=[image.format])).astype(np.uint16) * 256 + low
    # Gray with alpha has two channels, of which the first counts.
    return values[..., 0] if values.shape[-1] == 2 else values[..., :3]


def deep_range(values: np.ndarray) -> DeepRange:
    """Return the range of values of an image and the part of it that is shown.

    Raises:
        UserError: a number is NaN or infinite.
    """
    minimum, maximum = float(values.min()), float(values.max())
    if not np.isfinite(maximum - minimum):
        raise UserError("pixels are NaN or infinite")
    # Rounding the ranks inward leaves out the extreme pixel even of a small image.
    low = float(np.percentile(values, PERCENTILES[0], method="higher"))
    high = float(np.percentile(values, PERCENTILES[1], method="lower"))
    # Fewer than one pixel in a thousand differ from the rest: show all there is.
    return DeepRange(minimum, low, high, maximum) if high > low else DeepRange(minimum, minimum, maximum, maximum)


def scale_to_8_bits(values: np.ndarray) -> np.ndarray:
    """Scale numbers to uint8 by the rule of this module; an image of one value becomes black.

    Args:
        values: (H, W) or (H, W, 3) numbers.

    Raises:
        UserError: a number is NaN or infinite.
    """
    values = values.astype(np.float64)
    found = deep_range(values)
    scaled = (values - found.low) * (255 / max(found.high - found.low, 1e-12))
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def _has_deep_colors(image: Image.Image) -> bool:
    """Return True for a file of colors, or gray with alpha, of 16 bits per channel that is not loaded yet."""
    tiles = getattr(image, "tile", None)
    if not tiles or image.mode not in ("RGB", "RGBA", "RGBX", "LA"):
        return False
    # Of gray with alpha Pillow can read the first byte only.
    return all(_raw_mode(tile)[-4:-1] == ";16" and not _raw_mode(tile).startswith("LA") for tile in tiles)


def _raw_mode(tile: Any) -> str:
    """Return how Pillow will read a tile, such as "RGB;16B"; "" for decoders that are not told."""
    # The arguments of a decoder are this text, or begin with it.
    if isinstance(tile.args, str):
        return tile.args
    first = tile.args[0] if tile.args else ""
    return first if isinstance(first, str) else ""


def _with_other_byte(tile: Any) -> Any:
    raw = _raw_mode(tile)
    raw = raw[:-1] + _OTHER_BYTE[raw[-1]]
    return tile._replace(args=raw if isinstance(tile.args, str) else (raw, *tile.args[1:]))
