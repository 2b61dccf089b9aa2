# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Images for the pretraining of the general refiner: windows of photos, composites of photos, and drawn scenes.

Every function yields rows of the schema with one class, "object".
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from datasets import Dataset
from PIL import Image, ImageDraw, ImageFilter

from pointwssis.data import make_object
from pointwssis.data.shape_scenes import draw_scene
from pointwssis.ops.coco_masks import decode_rle, encode_mask
from pointwssis.ops.images import read_image

MIN_SIDE = 12  # pixels, shorter side of a photographed object
EXTENTS = (12, 160)  # range of an object's longer side in a window, in pixels
WINDOW = 3.2  # side of a window / longer side of its object
Row = dict[str, Any]


def row_of(image: Image.Image, masks: Sequence[np.ndarray]) -> Row:
    """Return an image and its (H, W) bool masks as a row; ids are not used."""
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    objects = [make_object(number, 0, segmentation=encode_mask(mask)) for number, mask in enumerate(masks)]
    row = {"image": {"path": None, "bytes": file.getvalue()}, "image_id": 0, "file_name": "", "width": image.width}
    return row | {"height": image.height, "complete": True, "image_labels": None, "objects": objects}


def log_uniform(generator: np.random.Generator, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniform."""
    return float(np.exp(generator.uniform(np.log(low), np.log(max(high, low)))))


def resized(image: Image.Image, masks: Sequence[np.ndarray], factor: float) -> tuple[Image.Image, list[np.ndarray]]:
    """Scale an image and its masks by a factor of at most 1."""
    size = (max(8, round(image.width * factor)), max(8, round(image.height * factor)))
    image = image.resize(size, Image.Resampling.BILINEAR)  # Pillow antialiases
    scaled = []
    for mask in masks:
        coverage = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)
        scaled.append(np.asarray(coverage) >= 128)
    return image, scaled


# -- photos


def photographed_objects(row: Mapping[str, Any]) -> list[np.ndarray]:
    """Return the masks of a photo's objects that are no crowds and not too small."""
    masks = []
    for item in row["objects"]:
        if not item["iscrowd"] and item["bbox"] is not None and min(item["bbox"][2:]) >= MIN_SIDE:
            masks.append(decode_rle(item["segmentation"]))
    return masks


def photo_windows(photos: Dataset, windows_per_object: int, generator: np.random.Generator) -> Iterator[Row]:
    """Yield windows around the objects of photos, each reduced to a random size; neighbors are objects too."""
    for row in photos.with_format(None):
        image, masks = read_image(row), photographed_objects(row)
        for index, mask in enumerate(masks):
            for _ in range(windows_per_object):
                rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
                extent = max(np.ptp(rows), np.ptp(columns)) + 1
                # A square window, in which the object need not be in the middle, clipped to the photo
                half = extent * WINDOW / 2
                x = (columns[0] + columns[-1]) / 2 + generator.uniform(-0.3, 0.3) * extent
                y = (rows[0] + rows[-1]) / 2 + generator.uniform(-0.3, 0.3) * extent
                left, top = max(0, int(x - half)), max(0, int(y - half))
                right, bottom = min(image.width, int(x + half)), min(image.height, int(y + half))
                # The object comes first; others follow if enough of them is visible.
                parts = [mask[top:bottom, left:right]]
                for other in [*masks[:index], *masks[index + 1 :]]:
                    part = other[top:bottom, left:right]
                    if np.count_nonzero(part) > 0.5 * np.count_nonzero(other):
                        parts.append(part)
                factor = min(1.0, log_uniform(generator, *EXTENTS) / extent)
                window, parts = resized(image.crop((left, top, right, bottom)), parts, factor)
                yield row_of(window, [part for part in parts if np.count_nonzero(part) >= 20])


def composites(photos: Dataset, count: int, generator: np.random.Generator) -> Iterator[Row]:
    """Yield photos with objects of other photos pasted into them; only the pasted objects are samples."""
    rows = list(photos.with_format(None))
    sources = []
    for row in rows:
        for mask in photographed_objects(row):
            if np.count_nonzero(mask) >= 1600:
                sources.append((row, mask))
    for _ in range(count):
        background = read_image(rows[generator.integers(len(rows))])
        background, _ = resized(background, [], min(1.0, generator.uniform(160, 320) / max(background.size)))
        canvas, masks = np.array(background, dtype=np.float32), []
        for _ in range(4):
            row, mask = sources[generator.integers(len(sources))]
            pixels, alpha = cutout(read_image(row), mask, generator)
            height, width = alpha.shape
            if height >= canvas.shape[0] or width >= canvas.shape[1]:
                continue
            # Paste at a random place; what lies below is covered.
            top = generator.integers(canvas.shape[0] - height)
            left = generator.integers(canvas.shape[1] - width)
            region = canvas[top : top + height, left : left + width]
            region += alpha[..., None] * (pixels - region)
            pasted = np.zeros(canvas.shape[:2], bool)
            pasted[top : top + height, left : left + width] = alpha >= 0.5
            masks = [below & ~pasted for below in masks] + [pasted]
        masks = [mask for mask in masks if np.count_nonzero(mask) >= 60]
        if masks:
            yield row_of(Image.fromarray(canvas.round().clip(0, 255).astype(np.uint8)), masks)


def cutout(image: Image.Image, mask: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return an object as (h, w, 3) float32 pixels and (h, w) coverage from 0 to 1, of random size and brightness."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    extent = max(box[2] - box[0], box[3] - box[1])
    factor = min(1.0, log_uniform(generator, 14, 120) / extent)
    size = (max(3, round((box[2] - box[0]) * factor)), max(3, round((box[3] - box[1]) * factor)))
    pixels = np.asarray(image.crop(box).resize(size, Image.Resampling.BILINEAR), dtype=np.float32)
    alpha = Image.fromarray(mask.astype(np.uint8) * 255).crop(box).resize(size, Image.Resampling.BILINEAR)
    return pixels * generator.uniform(0.7, 1.3), np.asarray(alpha, dtype=np.float32) / 255


# -- drawn scenes


def drawn_shapes(count: int, generator: np.random.Generator) -> Iterator[Row]:
    """Yield scenes of the package's synthetic shapes, blurred, faded and noisy."""
    while count > 0:
        side = int(generator.integers(96, 224))
        pixels, _, masks = draw_scene(generator, side, side)
        if len(masks):
            count -= 1
            yield row_of(degraded(pixels, generator), list(masks))


def drawn_blobs(count: int, generator: np.random.Generator) -> Iterator[Row]:
    """Yield scenes of many smooth, irregular blobs, bright or dark, alone or touching."""
    for _ in range(count):
        side = int(generator.integers(96, 192))
        background = generator.uniform(0, 255, 3)
        canvas = background + 25 * smooth_noise(side, generator)[..., None] * generator.random()
        # Blobs of one scene are alike: in size, color, contrast and softness.
        typical = log_uniform(generator, 5, 30)
        color = generator.uniform(0, 255, 3) if generator.random() < 0.5 else background + generator.uniform(-120, 120)
        masks: list[np.ndarray] = []
        centers: list[tuple[float, float, float]] = []
        for _ in range(int(generator.integers(3, 26))):
            radius = typical * generator.uniform(0.7, 1.4)
            x, y = generator.uniform(0, side, 2)
            if centers and generator.random() < 0.5:  # beside another one
                other_x, other_y, other = centers[generator.integers(len(centers))]
                angle, distance = generator.uniform(0, 2 * np.pi), (radius + other) * generator.uniform(0.8, 1.1)
                x, y = other_x + distance * np.cos(angle), other_y + distance * np.sin(angle)
            mask = blob(side, x, y, radius, generator)
            overlap = sum(np.count_nonzero(mask & other) for other in masks)
            if np.count_nonzero(mask) < 30 or overlap > 0.3 * np.count_nonzero(mask):
                continue
            centers.append((x, y, radius))
            # The later blob lies in front, with an intensity and a texture of its own.
            edge = Image.fromarray(mask.astype(np.uint8) * 255).filter(
                ImageFilter.GaussianBlur(generator.uniform(0.3, 0.08 * radius + 0.6))
            )
            alpha = np.asarray(edge, dtype=np.float32)[..., None] / 255 * generator.uniform(0.5, 1)
            texture = 18 * smooth_noise(side, generator, knots=(8, 24))[..., None] * generator.random()
            canvas = canvas + alpha * (color * generator.uniform(0.85, 1.15) + texture - canvas)
            masks = [below & ~mask for below in masks] + [mask]
        masks = [mask for mask in masks if np.count_nonzero(mask) >= 30]
        if masks:
            yield row_of(degraded(canvas.clip(0, 255).astype(np.uint8), generator), masks)


def blob(side: int, x: float, y: float, radius: float, generator: np.random.Generator) -> np.ndarray:
    """Return the (side, side) bool mask of a smooth closed outline."""
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radii = np.ones_like(angles)
    for wave in range(2, 6):
        radii += generator.normal(0, 0.16 / wave) * np.cos(wave * angles + generator.uniform(0, 2 * np.pi))
    squeeze, turn = generator.uniform(0.45, 1), generator.uniform(0, 2 * np.pi)
    along, across = radius * radii * np.cos(angles), radius * radii * np.sin(angles) * squeeze
    xs = x + along * np.cos(turn) - across * np.sin(turn)
    ys = y + along * np.sin(turn) + across * np.cos(turn)
    corners = np.stack([xs, ys], axis=1) * 2
    drawing = Image.new("L", (side * 2, side * 2))
    ImageDraw.Draw(drawing).polygon([tuple(corner) for corner in corners], fill=255)
    return np.asarray(drawing.reduce(2)) >= 128


def smooth_noise(side: int, generator: np.random.Generator, knots: tuple[int, int] = (2, 12)) -> np.ndarray:
    """Return (side, side) float32 noise of about unit variance, enlarged from few random knots."""
    coarse = generator.normal(0, 1, (generator.integers(*knots),) * 2).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def degraded(pixels: np.ndarray, generator: np.random.Generator) -> Image.Image:
    """Return an image after random loss of color, contrast and sharpness, and with noise; some are inverted."""
    image = Image.fromarray(pixels)
    if generator.random() < 0.35:
        image = image.convert("L").convert("RGB")
    if generator.random() < 0.4:
        image = image.filter(ImageFilter.GaussianBlur(generator.uniform(0.4, 1.5)))
    values = np.asarray(image, dtype=np.float32)
    if generator.random() < 0.2:
        values = 255 - values
    if generator.random() < 0.5:
        mean = values.mean(axis=(0, 1))
        values = mean * generator.uniform(0.5, 1.1) + (values - mean) * generator.uniform(0.25, 0.9)
    noise = generator.normal(0, 1, values.shape if generator.random() < 0.5 else values.shape[:2] + (1,))
    values = values + generator.uniform(0, 14) * noise
    return Image.fromarray(values.round().clip(0, 255).astype(np.uint8))
