# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Paste objects with annotated masks of one training image into another one.

Pasted objects bring exact masks into images that have pseudo labels only, and show objects in new surroundings.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import Dataset as HFDataset

from ..ops.coco_masks import rle_area
from ..ops.images import read_image
from ..ops.points import pixel_of
from .augmentation import Augmentation
from .cutouts import blended, cut_out, resized_cutout

MAX_OBJECTS = 5  # per image
SCALES = (0.5, 1.5)  # relative to the object's size in its own image, when both images have the same shorter side
MIN_VISIBLE = 0.1  # visible fraction below which an object that was covered is dropped


@dataclass(frozen=True)
class Cutout:
    """An object cut out of its image.

    Args:
        pixels: (h, w, 3) uint8.
        mask: (h, w) bool.
        opacity: (h, w, 1) float from 0 to 1, which is 1 on the mask.
        cut_rows: the border of its image cuts the object off at the first row, at the last row.
        cut_columns: the same for the first and the last column.
    """

    pixels: np.ndarray
    mask: np.ndarray
    opacity: np.ndarray
    cut_rows: tuple[bool, bool]
    cut_columns: tuple[bool, bool]


class CopyPaste:
    """Objects with annotated masks, which are pasted into the images of the same training set.

    Pseudo labels, crowds and objects without a class are never pasted. Each object is flipped and rotated as the
    augmentation allows, scaled and put at a random place inside the image; it hides what lies beneath. An object that
    the border of its image cuts off is put at that border.

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
        source_row, items = self._draw(index, generator)
        if not items:
            return image, masks, points, []
        source = np.asarray(read_image(source_row))

        # Masks of the pasted objects follow those of the image, in the same memory layout.
        image, known = image.copy(), len(masks)
        enlarged = np.zeros((known + len(items), *image.shape[1::-1]), dtype=bool).transpose(0, 2, 1)
        enlarged[:known] = masks
        lost = np.zeros(len(enlarged), dtype=np.int64)
        for number, item in enumerate(items, start=known):
            cutout = self._cut(item, source, image.shape[:2], generator)
            mask, opacity = cutout.mask, cutout.opacity
            top = position_of(mask.shape[0], image.shape[0], cutout.cut_rows, generator)
            left = position_of(mask.shape[1], image.shape[1], cutout.cut_columns, generator)
            window = (slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1]))
            # The object fades into the image around its mask, and hides the masks beneath.
            image[window] = blended(image[window], cutout.pixels, opacity)
            lost[:number] += (enlarged[:number, *window] & mask).sum(axis=(1, 2))
            enlarged[:number, *window] &= ~mask
            enlarged[number, *window] = mask
        drop_hidden(enlarged, lost)
        covered = enlarged[known:].any(axis=0)
        return image, enlarged, uncovered(points, covered), items

    def _draw(self, index: int, generator: np.random.Generator) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Draw another row than `index` and some of its annotated objects; none if no other row has any."""
        if not self.sources or (len(self.sources) == 1 and self.sources[0][0] == index):
            return {}, []
        # An image is not its own source: the next one takes its place.
        place = int(generator.integers(len(self.sources)))
        if self.sources[place][0] == index:
            place = (place + 1) % len(self.sources)
        row_index, positions = self.sources[place]
        count = int(generator.integers(1, min(MAX_OBJECTS, len(positions)) + 1))
        chosen = generator.choice(positions, count, replace=False)
        row = self.rows[row_index]
        return row, [row["objects"][position] for position in chosen]

    def _cut(
        self, item: Mapping[str, Any], source: np.ndarray, size: tuple[int, int], generator: np.random.Generator
    ) -> Cutout:
        """Cut an object out of its image, turn it and scale it.

        Args:
            item: object with a mask.
            source: (h, w, 3) uint8, its image.
            size: (height, width) of the image that it will be pasted into.
            generator: source of randomness.
        """
        pixels, mask = cut_out(item, source, self.turns, generator)
        # The window has a margin around the mask except where the image ends.
        filled_rows, filled_columns = mask.any(axis=1), mask.any(axis=0)
        cut_rows = (bool(filled_rows[0]), bool(filled_rows[-1]))
        cut_columns = (bool(filled_columns[0]), bool(filled_columns[-1]))

        # The object must fit into the image.
        height, width = mask.shape
        factor = generator.uniform(*SCALES)
        if self.relative:
            factor *= min(size) / min(source.shape[:2])
        factor = min(factor, size[0] / height, size[1] / width)
        return Cutout(*resized_cutout(pixels, mask, factor), cut_rows, cut_columns)


def is_annotated(item: Mapping[str, Any]) -> bool:
    """Return True for an object with a class and an annotated mask (no pseudo label), which is not empty; no crowd."""
    if item["iscrowd"] or item["category"] is None or item["score"] is not None:
        return False
    return item["segmentation"] is not None and rle_area(item["segmentation"]) > 0


def position_of(length: int, side: int, is_cut: tuple[bool, bool], generator: np.random.Generator) -> int:
    """Return the first row or column of a cutout in an image: at the border that cuts it off, else at random."""
    at_start, at_end = is_cut
    if at_start != at_end:
        return 0 if at_start else side - length
    return int(generator.integers(side - length + 1))


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
