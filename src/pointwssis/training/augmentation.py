# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Random augmentation of a training image together with its masks and points."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Augmentation:
    """The augmentation of a training image before it is resized; the defaults are those of the official code.

    Args:
        horizontal_flip: probability of a horizontal flip.
        vertical_flip: probability of a vertical flip.
        rotate90: rotate by a random multiple of 90°, for images without an upright orientation.
        brightness: largest change of brightness; the factor is drawn from 1 ± this value.
        contrast: largest change of contrast; the factor is drawn from 1 ± this value.
        min_crop: SOLOv2 only: the sides of a random window are drawn between this fraction and 1 of the image's sides.
    """

    horizontal_flip: float = 0.5
    vertical_flip: float = 0.0
    rotate90: bool = False
    brightness: float = 0.0
    contrast: float = 0.0
    min_crop: float = 1.0


def augmented(
    image: np.ndarray,
    masks: np.ndarray,
    points: np.ndarray,
    augmentation: Augmentation,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Flip and rotate an image with its masks and points, and change its brightness and contrast.

    Args:
        image: (H, W, 3) uint8.
        masks: (N, H, W) bool.
        points: (M, 2) float, (x, y) in pixels of the image.
        augmentation: probabilities and ranges.
        generator: source of randomness.

    Returns:
        The three arrays in the new frame; height and width are swapped after a rotation by 90° or 270°.
    """
    # Flips: column x moves to width − 1 − x, row y to height − 1 − y, and points with them.
    if generator.random() < augmentation.horizontal_flip:
        image, masks = image[:, ::-1], masks[:, :, ::-1]
        points = np.array([image.shape[1] - 1, 0]) + points * np.array([-1, 1])
    if generator.random() < augmentation.vertical_flip:
        image, masks = image[::-1], masks[:, ::-1]
        points = np.array([0, image.shape[0] - 1]) + points * np.array([1, -1])

    # Rotate counterclockwise: the last column becomes the first row.
    turns = int(generator.integers(4)) if augmentation.rotate90 else 0
    for _ in range(turns):
        points = np.array([0, image.shape[1] - 1]) + points[:, ::-1] * np.array([1, -1])
        image, masks = np.rot90(image), np.rot90(masks, axes=(1, 2))

    # Brightness scales all values; contrast stretches them around their mean.
    brightness = 1 + generator.uniform(-1, 1) * augmentation.brightness
    contrast = 1 + generator.uniform(-1, 1) * augmentation.contrast
    if (brightness, contrast) != (1, 1):
        values = image.astype(np.float32) * brightness
        mean = values.mean()
        image = (mean + (values - mean) * contrast).round().clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(image), masks, points


def cropped(
    image: np.ndarray, masks: np.ndarray, points: np.ndarray, fraction: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut a random window out of an image with its masks and points; points outside the window are dropped.

    Args:
        image: (H, W, 3) uint8.
        masks: (N, H, W) bool; a mask may be empty afterwards.
        points: (M, 2) float, (x, y) in pixels of the image.
        fraction: window side / image side, for both sides.
        generator: source of randomness.
    """
    # A window with the aspect ratio of the image, at a random place
    full_height, full_width = image.shape[:2]
    height, width = max(1, round(full_height * fraction)), max(1, round(full_width * fraction))
    top = int(generator.integers(full_height - height + 1))
    left = int(generator.integers(full_width - width + 1))
    window = (slice(top, top + height), slice(left, left + width))

    # Points move into the frame of the window.
    points = points - np.array([left, top])
    inside = ((points >= 0) & (points <= np.array([width - 1, height - 1]))).all(axis=1)
    return image[window], masks[:, *window], points[inside]
