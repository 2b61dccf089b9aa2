# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Random changes of a training image together with its masks and points."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Augmentation:
    """What a training image goes through before it is resized. Defaults: those of the official code."""

    horizontal_flip: float = 0.5  # probability
    vertical_flip: float = 0.0  # probability
    rotate90: bool = False  # a random multiple of 90°, where nothing in the picture has an up
    brightness: float = 0.0  # factor drawn from 1 ± this
    contrast: float = 0.0  # factor drawn from 1 ± this
    min_crop: float = 1.0  # SOLOv2 sees a random part of the image, whose sides are drawn between this and 1 of it


def augmented(
    image: np.ndarray,
    masks: np.ndarray,
    points: np.ndarray,
    augmentation: Augmentation,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Flips and turns an (H, W, 3) image with its (N, H, W) masks and (M, 2) points, and changes its light."""
    if generator.random() < augmentation.horizontal_flip:
        image, masks = image[:, ::-1], masks[:, :, ::-1]
        points = np.array([image.shape[1] - 1, 0]) + points * np.array([-1, 1])
    if generator.random() < augmentation.vertical_flip:
        image, masks = image[::-1], masks[:, ::-1]
        points = np.array([0, image.shape[0] - 1]) + points * np.array([1, -1])
    turns = int(generator.integers(4)) if augmentation.rotate90 else 0
    for _ in range(turns):  # counterclockwise: the last column becomes the first row
        points = np.array([0, image.shape[1] - 1]) + points[:, ::-1] * np.array([1, -1])
        image, masks = np.rot90(image), np.rot90(masks, axes=(1, 2))
    brightness, contrast = (
        1 + generator.uniform(-1, 1) * limit for limit in (augmentation.brightness, augmentation.contrast)
    )
    if (brightness, contrast) != (1, 1):
        values = image.astype(np.float32) * brightness
        mean = values.mean()
        image = (mean + (values - mean) * contrast).round().clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(image), masks, points


def cropped(
    image: np.ndarray, masks: np.ndarray, points: np.ndarray, part: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A random window with `part` of each side of an (H, W, 3) image, its (N, H, W) masks and (M, 2) points; points
    outside of it are gone.
    """
    height, width = (max(1, round(side * part)) for side in image.shape[:2])
    top, left = (
        int(generator.integers(full - side + 1)) for full, side in zip(image.shape, (height, width), strict=False)
    )
    window = (slice(top, top + height), slice(left, left + width))
    points = points - np.array([left, top])
    inside = ((points >= 0) & (points <= np.array([width - 1, height - 1]))).all(axis=1)
    return image[window], masks[:, *window], points[inside]
