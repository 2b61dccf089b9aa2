# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Paste another object beside or over the object of a refiner's sample, so that the refiner learns to tell them apart.

Few masks show few touching objects, and a rough mask often covers both of them.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from datasets import Dataset as HFDataset

from ..ops.coco_masks import rle_box
from ..ops.images import read_image
from .augmentation import Augmentation
from .cutouts import blended, cut_out, resized_cutout

SAME_IMAGE = 0.8  # fraction of the neighbors that come from the image itself, whose colors they share
SIZES = (0.6, 1.6)  # square root of the neighbor's area relative to that of the object
DISTANCES = (0.6, 1.05)  # distance of the centers relative to that at which both outlines touch
IN_FRONT = 0.5  # fraction of the neighbors that hide what they overlap; the others lie behind the object
MIN_VISIBLE = 0.5  # visible fraction of the object below which the neighbor lies behind it


class NeighborPaste:
    """Objects with masks of a training set, each of which can become the neighbor of any object.

    Most neighbors come from the image of the object, the others from any image. A neighbor is turned as the
    augmentation allows, resized to about the size of the object, and put next to it in a random direction, with a small
    gap or partly over or under it. Outside of the image it is cut off. Objects that the border of their own image cuts
    off are never pasted.

    Args:
        rows: rows of the schema.
        objects: row index and position in its `objects` of each possible neighbor, which has a mask.
        augmentation: its flips and rotations apply to each neighbor; None turns none.
    """

    def __init__(self, rows: HFDataset, objects: Sequence[tuple[int, int]], augmentation: Augmentation | None):
        self.rows = rows
        # Row index → positions in its `objects`
        self.places: dict[int, list[int]] = {}
        all_objects = rows["objects"][:]
        for index, position in objects:
            if is_whole(all_objects[index][position]):
                self.places.setdefault(index, []).append(position)
        self.sources = list(self.places)
        # Colors change once, together with those of the whole crop.
        turns = augmentation or Augmentation(horizontal_flip=0.0)
        self.turns = dataclasses.replace(turns, brightness=0.0, contrast=0.0)

    def __call__(
        self, index: int, image: np.ndarray, mask: np.ndarray, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Paste a random object beside another one.

        Args:
            index: row of the image.
            image: (H, W, 3) uint8; it is not changed.
            mask: (H, W) bool, mask of the object, not empty.
            generator: source of randomness.

        Returns:
            The image, the mask of the visible part of the object, and that of the visible part of its neighbor, all in
            the frame of the image. The neighbor is empty if it lies outside of the image or behind the object, or if
            there is none.
        """
        if not self.sources:
            return image, mask, np.zeros_like(mask)
        pixels, shape = self._random_cutout(index, image, generator)
        # Sizes spread evenly on a logarithmic scale. A long thin object may not be larger than the image.
        ratio = np.exp(generator.uniform(*np.log(SIZES))) * np.sqrt(mask.sum() / shape.sum())
        factor = min(ratio, *(np.array(mask.shape) / shape.shape))
        pixels, shape, opacity = resized_cutout(pixels, shape, factor)
        top, left = corner_beside(mask, shape, generator)

        # The part of the neighbor's window that lies inside the image, in both frames
        (height, width), (rows, columns) = shape.shape, mask.shape
        y0, x0 = max(top, 0), max(left, 0)
        y1, x1 = max(min(top + height, rows), y0), max(min(left + width, columns), x0)
        window = (slice(y0, y1), slice(x0, x1))
        part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        neighbor = np.zeros_like(mask)
        neighbor[window], opacity = shape[part], opacity[part]

        # One of both hides the other; most of the object stays visible.
        visible = mask & ~neighbor
        if generator.random() < IN_FRONT and visible.sum() >= MIN_VISIBLE * mask.sum():
            mask = visible
        else:
            neighbor, opacity = neighbor & ~mask, opacity * ~mask[window][..., None]
        image = image.copy()
        image[window] = blended(image[window], pixels[part], opacity)
        return image, mask, neighbor

    def _random_cutout(
        self, index: int, image: np.ndarray, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw a neighbor for an object of a row, and cut it out; see `cut_out`."""
        from_same = generator.random() < SAME_IMAGE and index in self.places
        source = index if from_same else self.sources[int(generator.integers(len(self.sources)))]
        item = self.rows[source]["objects"][int(generator.choice(self.places[source]))]
        pixels = image if source == index else np.asarray(read_image(self.rows[source]))
        return cut_out(item, pixels, self.turns, generator)


def is_whole(item: Mapping[str, Any]) -> bool:
    """Return True for an object whose mask does not reach the border of its image."""
    x, y, width, height = rle_box(item["segmentation"])
    rows, columns = item["segmentation"]["size"]
    return x > 0 and y > 0 and x + width < columns and y + height < rows


def corner_beside(mask: np.ndarray, shape: np.ndarray, generator: np.random.Generator) -> tuple[int, int]:
    """Draw the place of a neighbor next to an object.

    Args:
        mask: (H, W) bool, mask of the object in its image.
        shape: (h, w) bool, mask of the neighbor in its window.
        generator: source of randomness.

    Returns:
        First row and first column of the window in the image; they may lie outside of it.
    """
    angle = generator.uniform(0, 2 * np.pi)
    direction = np.array([np.sin(angle), np.cos(angle)])  # (y, x)
    # The outlines touch where the farthest pixel of the one meets the nearest pixel of the other.
    center, reach = center_and_reach(mask, direction)
    other_center, other_reach = center_and_reach(shape, -direction)
    distance = (reach + other_reach + 1) * generator.uniform(*DISTANCES)
    top, left = np.rint(center + distance * direction - other_center).astype(int).tolist()
    return top, left


def center_and_reach(mask: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the center of mass (y, x), and the distance of the farthest pixel in a direction; 0 without a pixel."""
    pixels = np.argwhere(mask)
    if not len(pixels):
        return np.array(mask.shape) / 2, 0.0
    center = pixels.mean(axis=0)
    return center, float(((pixels - center) @ direction).max())
