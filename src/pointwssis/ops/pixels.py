# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Pixels of every kind as 8-bit RGB, without clipping.

Grey images of more than 8 bits (16-bit, 32-bit, float) are scaled linearly from their own minimum … maximum to 0 … 255.
Microscopes put 12 or 14 bits into 16, so that any fixed divisor leaves such an image nearly black; nothing is clipped.
(Colour files of 16 bits a channel arrive from Pillow reduced to their upper 8 bits; that clips nothing.)
"""

from typing import Any

import numpy as np
from PIL import Image


def to_rgb(image: Image.Image) -> Image.Image:
    """Grey becomes RGB, palettes are looked up, alpha is dropped, deep grey is scaled.

    Example:
        >>> to_rgb(Image.fromarray(np.array([[0, 1000], [2000, 4000]], dtype=np.uint16))).getpixel((1, 1))
        (255, 255, 255)
    """
    if is_deep(image):
        image = Image.fromarray(scale_to_8_bits(np.asarray(image)))
    elif image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # else Pillow warns and keeps the transparent entry as a colour key
    return image.convert("RGB")


def is_deep(image: Any) -> bool:
    """Whether a PIL image is grey with more than 8 bits, which Pillow's own conversion to RGB would clip."""
    return isinstance(image, Image.Image) and (image.mode.startswith("I") or image.mode == "F")


def scale_to_8_bits(values: np.ndarray) -> np.ndarray:
    """(H, W) numbers → (H, W) uint8, linear from their minimum (0) to their maximum (255); flat becomes black."""
    values = values.astype(np.float64)
    low, high = values.min(), values.max()
    if not np.isfinite(high - low):
        raise ValueError("pixels are NaN or infinite")
    return np.rint((values - low) * (255 / max(high - low, 1e-12))).astype(np.uint8)
