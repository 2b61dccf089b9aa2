# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The drawings of shapes-v1: scenes of ellipses, rectangles, triangles and stars, at three levels of difficulty.

**This version is frozen.** Published figures refer to it, so a change of any pixel or mask requires a new version; a
test compares checksums.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

SHAPE_CLASSES = ("ellipse", "rectangle", "triangle", "star")
Circle = tuple[float, float, float]  # center x, center y and radius of an object, in pixels

EMPTY_FRACTION = 0.05  # fraction of images without an object
MIN_PIXELS = 20
_OVERSAMPLING = 4


@dataclass(frozen=True)
class SceneLevel:
    """Difficulty of a scene.

    Args:
        max_objects: most objects per image.
        radii: smallest radius of an object in pixels, and largest as a fraction of the shorter side of the image.
        touching: fraction of the objects that are placed beside another one.
        twins: fraction of these that have its class and its color.
        min_visible: fraction of its pixels that an object keeps when others cover it.
        min_contrast: least distance of an object's color to that of the background, in RGB from 0 to 255.
        max_lines: most distractor lines per image.
        max_distractors: most distractor objects per image, crosses, which belong to no class.
        noise: range of the standard deviation of the noise, from 0 to 255.
    """

    max_objects: int
    radii: tuple[float, float]
    touching: float
    twins: float
    min_visible: float
    min_contrast: float
    max_lines: int
    max_distractors: int
    noise: tuple[float, float]


SHAPE_LEVELS = {
    "easy": SceneLevel(6, (8.0, 0.25), 0.15, 0.0, 0.85, 90, 1, 0, (1, 4)),
    "medium": SceneLevel(10, (5.0, 0.27), 0.4, 0.0, 0.45, 55, 3, 0, (2, 9)),
    "hard": SceneLevel(16, (3.5, 0.32), 0.6, 0.6, 0.3, 40, 6, 4, (4, 14)),
}


def draw_scene(
    rng: np.random.Generator, height: int, width: int, level: str = "medium"
) -> tuple[np.ndarray, list[int], np.ndarray]:
    """Draw one image and its objects.

    Args:
        rng: source of randomness.
        height: height in pixels.
        width: width in pixels.
        level: one of `SHAPE_LEVELS`.

    Returns:
        Pixels (H, W, 3) uint8; class index of each object; visible masks (n, H, W) bool, which do not overlap.
    """
    limits = SHAPE_LEVELS[level]
    # Start with a textured background, and distractors in the colors of the objects.
    background = rng.uniform(40, 215, 3)
    palette = _palette(rng, background, limits.min_contrast)
    canvas = _texture(rng, height, width, background)
    _draw_lines(rng, canvas, palette, limits.max_lines)
    if limits.max_distractors:
        _draw_crosses(rng, canvas, palette, limits)
    # Full areas measure how much of an object later ones cover.
    labels: list[int] = []
    masks = np.zeros((0, height, width), dtype=bool)
    full_areas: list[int] = []
    circles: list[Circle] = []  # to place others beside them
    colors: list[np.ndarray] = []
    # A few images stay empty, the others get at least one object.
    wanted = 0 if rng.random() < EMPTY_FRACTION else int(rng.integers(1, limits.max_objects + 1))
    for _ in range(wanted * 4):  # a position that would hide another object is rejected
        if len(labels) == wanted:
            break
        # A twin of the object beside it has its class.
        label = int(rng.integers(len(SHAPE_CLASSES)))
        circle, neighbor = _place(rng, circles, height, width, limits)
        is_twin = bool(limits.twins) and neighbor is not None and rng.random() < limits.twins
        label = labels[neighbor] if is_twin else label
        # Draw the shape with antialiasing; its mask is where at least half of a pixel is covered.
        alpha = _rasterize(_outline(rng, SHAPE_CLASSES[label]) * circle[2] + circle[:2], height, width)
        mask = alpha >= 0.5
        visible = np.array([np.count_nonzero(other & ~mask) for other in masks])
        needed = np.maximum(limits.min_visible * np.array(full_areas), MIN_PIXELS)
        if (visible < needed).any() or np.count_nonzero(mask) < MIN_PIXELS:
            continue
        # Blend texture and light into the canvas by coverage.
        color = colors[neighbor] if is_twin else palette[rng.integers(len(palette))]
        fill = _texture(rng, height, width, color) * _shade(rng, height, width, circle)
        canvas += alpha[:, :, None] * (fill - canvas)
        # The new object is in front, so earlier masks lose the pixels it covers.
        masks = np.concatenate([masks & ~mask, mask[None]])
        labels.append(label)
        full_areas.append(np.count_nonzero(mask))
        circles.append(circle)
        colors.append(color)
    canvas += rng.normal(0, rng.uniform(*limits.noise), canvas.shape)
    return canvas.clip(0, 255).astype(np.uint8), labels, masks


def _palette(rng: np.random.Generator, background: np.ndarray, min_contrast: float) -> list[np.ndarray]:
    """Draw three colors, shared by the objects of an image, at least `min_contrast` away from the background."""
    colors: list[np.ndarray] = []
    while len(colors) < 3:
        color = rng.uniform(20, 235, 3)
        if np.linalg.norm(color - background) >= min_contrast:
            colors.append(color)
    return colors


def _place(
    rng: np.random.Generator, circles: list[Circle], height: int, width: int, limits: SceneLevel
) -> tuple[Circle, int | None]:
    """Draw the circle of a new object, anywhere or touching an existing one, whose index is the second result."""
    # Log-uniform: each doubling of the radius is equally likely.
    least, largest = limits.radii[0], limits.radii[1] * min(height, width)
    radius = float(np.exp(rng.uniform(np.log(least), np.log(max(largest, least + 1)))))
    # Circles touch or overlap slightly at 0.75 to 1 times the sum of their radii.
    if circles and rng.random() < limits.touching:
        neighbor = int(rng.integers(len(circles)))
        x, y, other = circles[neighbor]
        angle, distance = rng.uniform(0, 2 * np.pi), (radius + other) * rng.uniform(0.75, 1.0)
        x, y = x + distance * np.cos(angle), y + distance * np.sin(angle)
        if 0 <= x < width and 0 <= y < height:
            return (x, y, radius), neighbor
    return (rng.uniform(0, width), rng.uniform(0, height), radius), None


def _outline(rng: np.random.Generator, shape: str) -> np.ndarray:
    """Draw the corners (x, y), (n, 2), of a shape of radius 1 around (0, 0), randomly rotated and squeezed."""
    # Corners are given in polar coordinates: angles, radii, and a squeeze of the y axis.
    radii, squeeze = 1.0, 1.0
    if shape == "ellipse":
        angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        squeeze = rng.uniform(0.5, 1)
    elif shape == "rectangle":
        half = rng.uniform(0.35, 0.95)  # of the angle between the diagonals
        angles = np.array([half, np.pi - half, np.pi + half, -half])
    elif shape == "triangle":
        angles = np.array([0, 2 * np.pi / 3, 4 * np.pi / 3]) + rng.uniform(-0.25, 0.25, 3)
        radii, squeeze = 1.15, rng.uniform(0.75, 1)
    else:
        # The corners of a star alternate between its points and the notches between them.
        angles = np.linspace(0, 2 * np.pi, 10, endpoint=False)
        radii = np.where(np.arange(10) % 2, rng.uniform(0.4, 0.5), 1.1)
        squeeze = rng.uniform(0.85, 1)
    # A random rotation after the squeeze, so that the long axis has no preferred direction.
    corners = np.stack([np.cos(angles) * radii, np.sin(angles) * radii * squeeze], axis=1)
    turn = rng.uniform(0, 2 * np.pi)
    return corners @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])


def _rasterize(corners: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the (H, W) float coverage 0 … 1 of a polygon, antialiased by oversampling."""
    drawing = Image.new("L", (width * _OVERSAMPLING, height * _OVERSAMPLING))
    ImageDraw.Draw(drawing).polygon([tuple(corner) for corner in (corners + 0.5) * _OVERSAMPLING], fill=255)
    return np.asarray(drawing.reduce(_OVERSAMPLING), dtype=np.float32) / 255


def _texture(rng: np.random.Generator, height: int, width: int, color: np.ndarray) -> np.ndarray:
    """Draw an (H, W, 3) float32 texture: two related colors in stripes, checks, blotches, grain or a gradient."""
    # Rotated coordinates give the pattern a random direction.
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), rng.uniform(5, 24)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    # Share of the second color per pixel: stripes, checks, blotches, grain or a gradient, in this order.
    kind = rng.integers(5)
    # The mixture of the two colors, 0 … 1, at each pixel.
    if kind == 0:
        mix = 0.5 + 0.5 * np.sin(2 * np.pi * along / period)
    elif kind == 1:
        mix = (along // period + across // period) % 2
    elif kind == 2:
        # Blotches are coarse noise, enlarged smoothly.
        coarse = rng.random((int(height / period) + 2, int(width / period) + 2)).astype(np.float32)
        mix = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    elif kind == 3:
        mix = rng.random((height, width))
    else:
        mix = (along - along.min()) / max(float(np.ptp(along)), 1.0)
    # The second color is a variation of the first, so that the texture does not split the object.
    other = color + rng.normal(0, 28, 3)
    return (color + mix[:, :, None] * (other - color)).astype(np.float32)


def _shade(rng: np.random.Generator, height: int, width: int, circle: Circle) -> np.ndarray:
    """Draw an (H, W, 1) factor of light from one side, so that there is an edge between neighbors of one color."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle, (center_x, center_y, radius) = rng.uniform(0, 2 * np.pi), circle
    # The factor goes from 0.8 to 1.2 across the object and stays constant beyond it.
    slope = ((x - center_x) * np.cos(angle) + (y - center_y) * np.sin(angle)) / radius
    return (1 + 0.2 * slope.clip(-1, 1))[:, :, None]


def _draw_lines(rng: np.random.Generator, canvas: np.ndarray, palette: list[np.ndarray], max_lines: int) -> None:
    """Draw thin distractor lines in the colors of the objects."""
    height, width = canvas.shape[:2]
    for _ in range(rng.integers(0, max_lines + 1)):
        # A line is a thin rectangle, 0.8 to 2 pixels wide: its ends are shifted to both sides, across its direction.
        ends = rng.uniform(0, 1, (2, 2)) * (width, height)
        direction = np.array([ends[1, 1] - ends[0, 1], ends[0, 0] - ends[1, 0]])
        side = direction / max(np.linalg.norm(direction), 1e-6) * rng.uniform(0.4, 1.0)
        alpha = _rasterize(np.concatenate([ends + side, ends[::-1] - side]), height, width)[:, :, None]
        canvas += alpha * 0.8 * (palette[rng.integers(len(palette))] - canvas)


def _draw_crosses(rng: np.random.Generator, canvas: np.ndarray, palette: list[np.ndarray], limits: SceneLevel) -> None:
    """Draw distractor objects, crosses with the textures and colors of the objects, which belong to no class."""
    height, width = canvas.shape[:2]
    for _ in range(rng.integers(0, limits.max_distractors + 1)):
        circle, _ = _place(rng, [], height, width, limits)
        # Corners of a cross of radius 1: two at the end of each arm, and one in each notch between two arms
        arm, turn = rng.uniform(0.15, 0.3), rng.uniform(0, 2 * np.pi)
        corners = []
        for quarter in range(4):
            angle = turn + quarter * np.pi / 2
            along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
            corners += [along - arm * across, along + arm * across, arm * (along + across)]
        alpha = _rasterize(np.array(corners) * circle[2] + circle[:2], height, width)[:, :, None]
        canvas += alpha * (_texture(rng, height, width, palette[rng.integers(len(palette))]) - canvas)
