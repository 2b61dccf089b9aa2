# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Random augmentation of a training image together with its masks and points."""

import math
from dataclasses import dataclass

import numpy as np

from ..ops.tiles import Window
from ..ops.user_error import UserError
from .windows import points_in_window


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
        copy_paste: SOLOv2 only: probability that objects with annotated masks of another training image are pasted into
            an image; see `CopyPaste`.
        scale_jitter: SOLOv2 only: the content is scaled by a random factor from 1 / this value to this value, uniform
            on a logarithmic scale; 1 keeps its scale. Content that becomes larger is cropped to a random window;
            content that becomes smaller lies at a random place on a canvas of the image's mean color. The sides of the
            window are those of `min_crop` divided by the factor, so both settings multiply.

    Raises:
        UserError: a value is out of its range.
    """

    horizontal_flip: float = 0.5
    vertical_flip: float = 0.0
    rotate90: bool = False
    brightness: float = 0.0
    contrast: float = 0.0
    min_crop: float = 1.0
    copy_paste: float = 0.0
    scale_jitter: float = 1.0

    def __post_init__(self) -> None:
        for name in ("horizontal_flip", "vertical_flip", "copy_paste"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"augmentation.{name} is {getattr(self, name)}; it must be a probability from 0 to 1")
        for name in ("brightness", "contrast"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"augmentation.{name} is {getattr(self, name)}; it must be a change from 0 to 1")
        if not 0 < self.min_crop <= 1:
            raise UserError(f"augmentation.min_crop is {self.min_crop}; it must be a fraction, 0 < fraction ≤ 1")
        if not 1 <= self.scale_jitter < math.inf:
            raise UserError(
                f"augmentation.scale_jitter is {self.scale_jitter}; it must be at least 1, the largest factor of scale"
            )

    def window_fraction(self, generator: np.random.Generator) -> float:
        """Draw the side of a sample's window divided by the image's side, for `windowed`."""
        fraction = float(generator.uniform(self.min_crop, 1))
        if self.scale_jitter > 1:
            fraction /= self.scale_jitter ** generator.uniform(-1, 1)
        return fraction


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


def windowed(
    image: np.ndarray, masks: np.ndarray, points: np.ndarray, fraction: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take a random window of an image with its masks and points: a part of it, or a canvas around it.

    Args:
        image: (H, W, 3) uint8.
        masks: (N, H, W) bool; a mask may be empty afterwards.
        points: (M, 2) float, (x, y) in pixels of the image; those outside of the window are dropped.
        fraction: window side / image side, for both sides; above 1, the window exceeds the image and is filled with its
            mean color.
        generator: source of randomness.
    """
    # A window with the aspect ratio of the image, at a random place
    full_height, full_width = image.shape[:2]
    height, width = max(1, round(full_height * fraction)), max(1, round(full_width * fraction))
    top = int(generator.integers(abs(full_height - height) + 1))
    left = int(generator.integers(abs(full_width - width) + 1))
    if fraction > 1:
        return _on_canvas(image, masks, points, (height, width), (top, left))
    window = Window(left, top, left + width, top + height)
    return image[window.slices], masks[:, *window.slices], points_in_window(points, window)


def _on_canvas(
    image: np.ndarray, masks: np.ndarray, points: np.ndarray, size: tuple[int, int], corner: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Place an image with its masks and points at a corner (top, left) of a larger canvas of (height, width)."""
    (height, width), (top, left) = size, corner
    window = (slice(top, top + image.shape[0]), slice(left, left + image.shape[1]))
    canvas = np.empty((height, width, 3), dtype=np.uint8)
    canvas[:] = image.mean(axis=(0, 1)).round()
    canvas[window] = image
    # Masks keep their memory layout, which goes down the columns.
    placed = np.zeros((len(masks), width, height), dtype=bool).transpose(0, 2, 1)
    placed[:, *window] = masks
    return canvas, placed, points + np.array([left, top])
