# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Crops of objects for the refiner, and refined masks back in the image."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..ops.crop_boxes import CropBox, crop_box_around, points_to_crops
from .mask_enlarging import linear_weights


def crops_of_objects(
    pixels: np.ndarray, rough_masks: Sequence[np.ndarray], points: np.ndarray, settings: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], list[CropBox]]:
    """Return the inputs of the refiner for objects of one image, and their crops.

    Args:
        pixels: (H, W, 3) uint8 image.
        rough_masks: N masks, (H, W) bool.
        points: (N, 2), (x, y) inside the image.
        settings: those of the refiner's image processor.

    Returns:
        `pixel_values` (N, 3, S, S) float32, `rough_masks` (N, 1, S, S) float32 and `input_points` (N, 2) int64, and
        N boxes (x0, y0, x1, y1) in pixels of the image, maximum exclusive.
    """
    size = (settings["size"]["height"], settings["size"]["width"])
    gain, offset = _gain_and_offset(settings)
    boxes = [
        crop_box_around(mask, tuple(point), settings["box_scale"])
        for mask, point in zip(rough_masks, points.tolist(), strict=True)
    ]
    images = np.empty((len(boxes), 3, *size), np.float32)
    masks = np.empty((len(boxes), 1, *size), np.float32)
    for row, (mask, (x0, y0, x1, y1)) in enumerate(zip(rough_masks, boxes, strict=True)):
        # The image bilinearly, the mask to the nearest pixel.
        crop = pixels[y0:y1, x0:x1].transpose(2, 0, 1).astype(np.float32)
        images[row] = resized(crop, size)
        rows, columns = _nearest_pixels(y1 - y0, size[0]), _nearest_pixels(x1 - x0, size[1])
        masks[row, 0] = mask[y0:y1, x0:x1][rows[:, None], columns]
    images *= gain[:, None, None]
    images += offset[:, None, None]
    found = points_to_crops(points, np.array(boxes).reshape(-1, 4), size)
    return {"pixel_values": images, "rough_masks": masks, "input_points": found}, boxes


def refined_crop(probabilities: np.ndarray, box: CropBox) -> np.ndarray:
    """Return the (y1 − y0, x1 − x0) bool mask of a crop from its (2, S, S) probabilities, background first."""
    x0, y0, x1, y1 = box
    background, foreground = resized(probabilities, (y1 - y0, x1 - x0))
    return foreground > background


def resized(channels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (C, h, w) channels bilinearly, without antialiasing, corners not aligned."""
    rows, columns = linear_weights(channels.shape[1], size[0]), linear_weights(channels.shape[2], size[1])
    return rows @ channels @ columns.T


def _nearest_pixels(source: int, target: int) -> np.ndarray:
    """Return the (target,) indices of the source pixels that a resize to the nearest pixel takes."""
    scale = np.float32(source / target)
    return np.minimum((np.arange(target, dtype=np.float32) * scale).astype(np.int64), source - 1)


def _gain_and_offset(settings: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return rescaling and normalization as one (3,) gain and one (3,) offset."""
    gain, offset = np.full(3, settings["rescale_factor"] if settings["do_rescale"] else 1.0), np.zeros(3)
    if settings["do_normalize"]:
        gain, offset = gain / settings["image_std"], offset - np.asarray(settings["image_mean"]) / settings["image_std"]
    return gain.astype(np.float32), offset.astype(np.float32)
