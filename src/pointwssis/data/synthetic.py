# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Synthetic shapes: a miniature instance segmentation dataset that needs no download.

Ellipses, rectangles, triangles and stars, from tiny to half the image, are randomly rotated, textured, shaded and
overlapping. Textures and colors of shapes and backgrounds come from the same distribution and neighbors may share them,
so that they neither reveal the class nor separate two objects; distractor lines cross the background. Masks are the
visible parts.
"""

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from PIL import Image, ImageDraw

from ..ops.coco_masks import encode_mask, rle_area, rle_box
from ..ops.points import point_from_mask
from .formats.coco_export import to_coco
from .schema import dataset_from_rows, make_object

SHAPE_CLASSES = ("ellipse", "rectangle", "triangle", "star")
Size = tuple[int, int]  # (height, width)

MAX_OBJECTS = 10
EMPTY_FRACTION = 0.05  # fraction of images without an object
TOUCHING_FRACTION = 0.4  # fraction of objects that are placed beside another one
MIN_RADIUS = 5.0  # pixels
MIN_VISIBLE_FRACTION = 0.45  # fraction of its pixels that an object keeps when others cover it
MIN_PIXELS = 20
_OVERSAMPLING = 4


def make_shapes_dataset(num_images: int, image_size: Size | Sequence[Size] = (128, 128), seed: int = 0) -> Dataset:
    """Draw a dataset of the schema; image i depends only on `seed` and i.

    Args:
        num_images: number of images.
        image_size: (height, width) in pixels, or several of them, one of which is drawn for each image.
        seed: random seed.

    Returns:
        Rows with the PNG file in memory, the visible masks, and centers of mass as points. Classes: `SHAPE_CLASSES`.

    Example:
        >>> dataset = make_shapes_dataset(2, (64, 80))
        >>> dataset[0]["width"], len(dataset)
        (80, 2)
    """
    return dataset_from_rows(_rows(num_images, image_size, (seed, 0)), SHAPE_CLASSES)


def write_shapes_coco(
    directory: str | Path,
    num_train: int = 240,
    num_val: int = 60,
    image_size: Size | Sequence[Size] = (128, 128),
    seed: int = 0,
) -> Path:
    """Draw a folder in COCO's layout: `images/*.png`, `annotations/instances_train.json` and `instances_val.json`.

    Args:
        directory: output folder, created if missing; files with the same names are overwritten.
        num_train: number of training images.
        num_val: number of validation images, drawn from another stream of the same seed.
        image_size: (height, width) in pixels, or several of them, as in `make_shapes_dataset`.
        seed: random seed.

    Returns:
        The directory, ready for `load_coco_folder`.
    """
    directory = Path(directory)
    for folder in ("images", "annotations"):
        (directory / folder).mkdir(parents=True, exist_ok=True)
    # Training and validation use different streams of random numbers and consecutive image ids.
    for stream, (split, count) in enumerate((("train", num_train), ("val", num_val))):
        rows = []
        for row in _rows(
            count, image_size, (seed, stream), name=f"{split}_{{:05d}}.png", first_id=stream * num_train + 1
        ):
            # The image becomes a file; the annotations refer to it by name.
            (directory / "images" / row["file_name"]).write_bytes(row["image"]["bytes"])
            rows.append({**row, "image": row["file_name"]})
        # Export with the package's own writer, so that the file has the form of a real COCO file.
        content = to_coco(dataset_from_rows(rows, SHAPE_CLASSES))
        for annotation in content["annotations"]:
            del annotation["point"]  # real COCO files have none; loading derives it
        (directory / "annotations" / f"instances_{split}.json").write_text(json.dumps(content), encoding="utf-8")
    return directory


def _rows(
    count: int, image_size: Size | Sequence[Size], seed: tuple[int, int], name: str = "{:05d}.png", first_id: int = 1
) -> Iterator[dict[str, Any]]:
    # A single size is a pair of integers, a list of sizes a sequence of pairs.
    sizes = [image_size] if isinstance(image_size[0], int) else list(image_size)
    for index in range(count):
        # A generator per image makes image i independent of the number of images.
        rng = np.random.default_rng([*seed, index])
        height, width = sizes[rng.integers(len(sizes))]
        pixels, labels, masks = draw_scene(rng, height, width)
        # Encode the file in memory; the lowest compression is the fastest.
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG", compress_level=1)
        image_id, file_name = first_id + index, name.format(index)
        # Object ids are unique, because an image has fewer than 100 objects.
        objects = []
        for number, (label, mask) in enumerate(zip(labels, masks, strict=True)):
            rle = encode_mask(mask)
            values = {"bbox": rle_box(rle), "area": float(rle_area(rle)), "segmentation": rle}
            point = list(point_from_mask(mask))
            objects.append(make_object(image_id * 100 + number, label, point=point, **values))
        row = {"image": {"path": file_name, "bytes": file.getvalue()}, "image_id": image_id, "file_name": file_name}
        yield {**row, "width": width, "height": height, "complete": True, "image_labels": None, "objects": objects}


def draw_scene(rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, list[int], np.ndarray]:
    """Draw one image and its objects.

    Returns:
        Pixels (H, W, 3) uint8; class index of each object; visible masks (n, H, W) bool, which do not overlap.
    """
    # Start with a textured background and distractor lines in the colors of the objects.
    background = rng.uniform(40, 215, 3)
    palette = _palette(rng, background)
    canvas = _texture(rng, height, width, background)
    _draw_clutter(rng, canvas, palette)
    # Full areas measure how much of an object later ones cover.
    labels: list[int] = []
    masks = np.zeros((0, height, width), dtype=bool)
    full_areas: list[int] = []
    circles: list[tuple[float, float, float]] = []  # (x, y, radius) of each object, to place others beside it
    # A few images stay empty, the others get 1 to MAX_OBJECTS objects.
    wanted = 0 if rng.random() < EMPTY_FRACTION else int(rng.integers(1, MAX_OBJECTS + 1))
    for _ in range(wanted * 4):  # a position that would hide another object is rejected
        if len(labels) == wanted:
            break
        # Draw the shape with antialiasing; its mask is where at least half of a pixel is covered.
        label, circle = int(rng.integers(len(SHAPE_CLASSES))), _place(rng, circles, height, width)
        alpha = _rasterize(_outline(rng, SHAPE_CLASSES[label]) * circle[2] + circle[:2], height, width)
        mask = alpha >= 0.5
        visible = np.array([np.count_nonzero(other & ~mask) for other in masks])
        needed = np.maximum(MIN_VISIBLE_FRACTION * np.array(full_areas), MIN_PIXELS)
        if (visible < needed).any() or np.count_nonzero(mask) < MIN_PIXELS:
            continue
        # Blend texture and light into the canvas by coverage.
        fill = _texture(rng, height, width, palette[rng.integers(len(palette))]) * _shade(rng, height, width, circle)
        canvas += alpha[:, :, None] * (fill - canvas)
        # The new object is in front, so earlier masks lose the pixels it covers.
        masks = np.concatenate([masks & ~mask, mask[None]])
        labels, circles, full_areas = [*labels, label], [*circles, circle], [*full_areas, np.count_nonzero(mask)]
    canvas += rng.normal(0, rng.uniform(2, 9), canvas.shape)
    return canvas.clip(0, 255).astype(np.uint8), labels, masks


def _palette(rng: np.random.Generator, background: np.ndarray) -> list[np.ndarray]:
    """Draw three colors, shared by the objects of an image, at least 55 (of 255) away from the background."""
    colors: list[np.ndarray] = []
    while len(colors) < 3:
        color = rng.uniform(20, 235, 3)
        if np.linalg.norm(color - background) >= 55:
            colors.append(color)
    return colors


def _place(
    rng: np.random.Generator, circles: list[tuple[float, float, float]], height: int, width: int
) -> tuple[float, float, float]:
    """Draw center x, y and radius of a new object: anywhere, or touching an existing one."""
    # Log-uniform: each doubling of the radius is equally likely.
    radius = float(np.exp(rng.uniform(np.log(MIN_RADIUS), np.log(max(0.27 * min(height, width), MIN_RADIUS + 1)))))
    # Circles touch or overlap slightly at 0.75 to 1 times the sum of their radii.
    if circles and rng.random() < TOUCHING_FRACTION:
        x, y, other = circles[rng.integers(len(circles))]
        angle, distance = rng.uniform(0, 2 * np.pi), (radius + other) * rng.uniform(0.75, 1.0)
        x, y = x + distance * np.cos(angle), y + distance * np.sin(angle)
        if 0 <= x < width and 0 <= y < height:
            return x, y, radius
    return rng.uniform(0, width), rng.uniform(0, height), radius


def _outline(rng: np.random.Generator, shape: str) -> np.ndarray:
    """Draw the corners (x, y), (n, 2), of a shape of radius 1 around (0, 0), randomly rotated and squeezed."""
    # Corners are given in polar coordinates: angles, radii, and a squeeze of the y axis.
    if shape == "ellipse":
        angles, radii, squeeze = np.linspace(0, 2 * np.pi, 40, endpoint=False), 1.0, rng.uniform(0.5, 1)
    elif shape == "rectangle":
        half = rng.uniform(0.35, 0.95)  # of the angle between the diagonals
        angles, radii, squeeze = np.array([half, np.pi - half, np.pi + half, -half]), 1.0, 1.0
    elif shape == "triangle":
        angles = np.array([0, 2 * np.pi / 3, 4 * np.pi / 3]) + rng.uniform(-0.25, 0.25, 3)
        radii, squeeze = 1.15, rng.uniform(0.75, 1)
    else:
        # The corners of a star alternate between its points and the notches between them.
        angles = np.linspace(0, 2 * np.pi, 10, endpoint=False)
        radii, squeeze = np.where(np.arange(10) % 2, rng.uniform(0.4, 0.5), 1.1), rng.uniform(0.85, 1)
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


def _shade(rng: np.random.Generator, height: int, width: int, circle: tuple[float, float, float]) -> np.ndarray:
    """Draw an (H, W, 1) factor of light from one side, so that there is an edge between neighbors of one color."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle, (center_x, center_y, radius) = rng.uniform(0, 2 * np.pi), circle
    # The factor goes from 0.8 to 1.2 across the object and stays constant beyond it.
    slope = ((x - center_x) * np.cos(angle) + (y - center_y) * np.sin(angle)) / radius
    return (1 + 0.2 * slope.clip(-1, 1))[:, :, None]


def _draw_clutter(rng: np.random.Generator, canvas: np.ndarray, palette: list[np.ndarray]) -> None:
    """Draw thin distractor lines in the colors of the objects."""
    height, width = canvas.shape[:2]
    for _ in range(rng.integers(0, 4)):
        # A line is a thin rectangle, 0.8 to 2 pixels wide: its ends are shifted to both sides, across its direction.
        ends = rng.uniform(0, 1, (2, 2)) * (width, height)
        direction = np.array([ends[1, 1] - ends[0, 1], ends[0, 0] - ends[1, 0]])
        side = direction / max(np.linalg.norm(direction), 1e-6) * rng.uniform(0.4, 1.0)
        alpha = _rasterize(np.concatenate([ends + side, ends[::-1] - side]), height, width)[:, :, None]
        canvas += alpha * 0.8 * (palette[rng.integers(len(palette))] - canvas)
