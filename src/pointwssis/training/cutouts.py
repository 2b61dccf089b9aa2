# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Cut an object out of its image, turn it, and resize it, so that it can be pasted elsewhere."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from ..ops.coco_masks import decode_rle, rle_box
from .augmentation import Augmentation, augmented

EDGE = 2  # pixels around a mask over which a pasted object fades out


def cut_out(
    item: Mapping[str, Any], source: np.ndarray, turns: Augmentation, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Cut the window of an object out of its image, and turn it.

    Args:
        item: object with a mask.
        source: (H, W, 3) uint8, its image.
        turns: flips and rotations of the window.
        generator: source of randomness.

    Returns:
        The (h, w, 3) uint8 pixels of the window and the (h, w) bool mask in it. The window has a margin of `EDGE`
        pixels around the mask, except where the image ends.
    """
    x, y, width, height = (int(value) for value in rle_box(item["segmentation"]))
    window = (slice(max(0, y - EDGE), y + height + EDGE), slice(max(0, x - EDGE), x + width + EDGE))
    mask = decode_rle(item["segmentation"])[window]
    pixels, masks, _ = augmented(source[window], mask[None], np.zeros((0, 2)), turns, generator)
    return pixels, masks[0]


def resized_cutout(pixels: np.ndarray, mask: np.ndarray, factor: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Resize an object that was cut out.

    Args:
        pixels: (h, w, 3) uint8.
        mask: (h, w) bool.
        factor: new size relative to the old one.

    Returns:
        The (h', w', 3) uint8 pixels, the (h', w') bool mask, and the (h', w', 1) float32 opacity, which is 1 on the
        mask and falls to 0 around it.
    """
    height, width = mask.shape
    new_size = (max(1, int(width * factor)), max(1, int(height * factor)))
    pixels = np.asarray(Image.fromarray(pixels).resize(new_size, Image.Resampling.BILINEAR))
    shade = Image.fromarray(mask.astype(np.uint8) * 255).resize(new_size, Image.Resampling.BILINEAR)
    mask = np.asarray(shade) >= 128
    # Outside of the mask, a blurred one is the opacity.
    blurred = np.asarray(shade.filter(ImageFilter.GaussianBlur(EDGE / 2)), dtype=np.float32) / 255
    return pixels, mask, np.where(mask, np.float32(1), blurred)[..., None]


def blended(below: np.ndarray, above: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Return (h, w, 3) uint8 pixels over others of the same size; the (h, w, 1) opacity is that of the upper ones."""
    return (opacity * above + (1 - opacity) * below).round().astype(np.uint8)
