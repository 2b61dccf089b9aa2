# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Paste objects with annotated masks of one training image into another one.

Pasted objects bring exact masks into images that have pseudo labels only, and show objects in new surroundings.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from datasets import Dataset as HFDataset
from PIL import Image, ImageFilter

from ..ops.coco_masks import decode_rle, rle_area, rle_box
from ..ops.images import read_image
from ..ops.points import pixel_of
from .augmentation import Augmentation, augmented

MAX_OBJECTS = 5  # per image
SCALES = (0.5, 1.5)  # relative to the object's size in its own image, when both images have the same shorter side
MIN_VISIBLE = 0.1  # visible fraction below which an object that was covered is dropped
EDGE = 2  # pixels around a mask over which a pasted object fades out


class CopyPaste:
    """Objects with annotated masks, which are pasted into the images of the same training set.

    Pseudo labels, crowds and objects without a class are never pasted. Each object is flipped and rotated as the
    augmentation allows, scaled and put at a random place inside the image; it hides what lies beneath.

    Args:
        rows: rows of the schema, both sources and targets.
        augmentation: its flips and rotations apply to each pasted object.
        relative: scale objects by the ratio of the shorter sides of both images, because the network sees images
            resized by these. False keeps their scale in pixels, for tiles.
    """

    def __init__(self, rows: HFDataset, augmentation: Augmentation, relative: bool = True):
        self.rows, self.relative = rows, relative
        # Colors change once, together with those of the whole image.
        self.turns = dataclasses.replace(augmentation, brightness=0.0, contrast=0.0)
        # Images with objects to paste, and the positions of these in `objects`; read in chunks to save memory.
        self.sources: list[tuple[int, list[int]]] = []
        for chunk in rows.select_columns(["objects"]).iter(batch_size=1000):
            for objects in chunk["objects"]:
                positions = [position for position, item in enumerate(objects) if is_annotated(item)]
                self.sources.append((len(self.sources), positions))
        self.sources = [source for source in self.sources if source[1]]

    def __call__(
        self, index: int, image: np.ndarray, masks: np.ndarray, points: np.ndarray, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Paste one to `MAX_OBJECTS` objects of a random other image into an image.

        Args:
            index: row of the image.
            image: (H, W, 3) uint8; it is not changed.
            masks: (N, H, W) bool.
            points: (M, 2) float, (x, y) in pixels of the image.
            generator: source of randomness.

        Returns:
            The image; the (N + k, H, W) masks of visible pixels, those of the k pasted objects last and those of
            objects that are hidden (almost) entirely empty; the points that are not covered; the k pasted objects. All
            remain unchanged if no other image has an annotated mask.
        """
        # An image is not its own source.
        place = int(generator.integers(len(self.sources))) if self.sources else 0
        if self.sources and self.sources[place][0] == index:
            place = (place + 1) % len(self.sources)
        if not self.sources or self.sources[place][0] == index:
            return image, masks, points, []
        row_index, positions = self.sources[place]
        source_row = self.rows[row_index]
        source = np.asarray(read_image(source_row))
        count = int(generator.integers(1, min(MAX_OBJECTS, len(positions)) + 1))
        chosen = generator.choice(positions, count, replace=False)
        items = [source_row["objects"][position] for position in chosen]

        # Masks of the pasted objects follow those of the image, in the same memory layout.
        image, known = image.copy(), len(masks)
        enlarged = np.zeros((known + count, *image.shape[1::-1]), dtype=bool).transpose(0, 2, 1)
        enlarged[:known] = masks
        lost = np.zeros(len(enlarged), dtype=np.int64)
        for number, item in enumerate(items, start=known):
            pixels, mask, alpha = self._cut(item, source, image.shape[:2], generator)
            top = int(generator.integers(image.shape[0] - mask.shape[0] + 1))
            left = int(generator.integers(image.shape[1] - mask.shape[1] + 1))
            window = (slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1]))
            # The object fades into the image around its mask, and hides the masks beneath.
            image[window] = (alpha * pixels + (1 - alpha) * image[window]).round().astype(np.uint8)
            lost[:number] += (enlarged[:number, *window] & mask).sum(axis=(1, 2))
            enlarged[:number, *window] &= ~mask
            enlarged[number, *window] = mask
        drop_hidden(enlarged, lost)
        covered = enlarged[known:].any(axis=0)
        return image, enlarged, uncovered(points, covered), items

    def _cut(
        self, item: Mapping[str, Any], source: np.ndarray, size: tuple[int, int], generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Cut an object out of its image, turn it and scale it.

        Args:
            item: object with a mask.
            source: (h, w, 3) uint8, its image.
            size: (height, width) of the image that it will be pasted into.
            generator: source of randomness.

        Returns:
            Pixels (a, b, 3) uint8, mask (a, b) bool, and opacity (a, b, 1) float from 0 to 1, which is 1 on the mask.
        """
        # Only the window of the object is processed.
        x, y, width, height = (int(value) for value in rle_box(item["segmentation"]))
        window = (slice(max(0, y - EDGE), y + height + EDGE), slice(max(0, x - EDGE), x + width + EDGE))
        mask = decode_rle(item["segmentation"])[window]
        pixels, masks, _ = augmented(source[window], mask[None], np.zeros((0, 2)), self.turns, generator)

        # The object must fit into the image.
        height, width = masks.shape[1:]
        factor = generator.uniform(*SCALES)
        if self.relative:
            factor *= min(size) / min(source.shape[:2])
        factor = min(factor, size[0] / height, size[1] / width)
        new_size = (max(1, int(width * factor)), max(1, int(height * factor)))
        pixels = np.asarray(Image.fromarray(pixels).resize(new_size, Image.Resampling.BILINEAR))
        shade = Image.fromarray(masks[0].astype(np.uint8) * 255).resize(new_size, Image.Resampling.BILINEAR)
        mask = np.asarray(shade) >= 128
        # Outside of the mask, a blurred one is the opacity.
        blurred = np.asarray(shade.filter(ImageFilter.GaussianBlur(EDGE / 2)), dtype=np.float32) / 255
        return pixels, mask, np.where(mask, np.float32(1), blurred)[..., None]


def is_annotated(item: Mapping[str, Any]) -> bool:
    """Return True for an object with a class and an annotated mask (no pseudo label), which is not empty; no crowd."""
    if item["iscrowd"] or item["category"] is None or item["score"] is not None:
        return False
    return item["segmentation"] is not None and rle_area(item["segmentation"]) > 0


def drop_hidden(masks: np.ndarray, lost: np.ndarray) -> None:
    """Empty the masks in place of which less than `MIN_VISIBLE` has remained.

    Args:
        masks: (N, H, W) bool, visible pixels.
        lost: (N,) number of pixels that each mask has lost.
    """
    for mask, pixels in zip(masks, lost, strict=True):
        if pixels and mask.sum() < MIN_VISIBLE * (mask.sum() + pixels):
            mask[:] = False


def uncovered(points: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Return the (M, 2) points whose pixel is not covered, a (H, W) bool mask."""
    kept = [not covered[pixel_of(point, *covered.shape)] for point in points]
    return points[np.array(kept, dtype=bool)]
