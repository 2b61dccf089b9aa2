# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Training samples of MaskRefineNet: an object with its mask, a point, and a rough mask."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from datasets import Dataset as HFDataset

from ..ops.coco_masks import decode_rle, rle_area, rle_box, rle_iou
from ..ops.crop_boxes import CropBox, crop_box_around
from ..ops.images import read_image
from ..ops.user_error import UserError
from .augmentation import Augmentation, augmented
from .datasets import SeededDataset
from .pasted_neighbors import NeighborPaste
from .refinement_sampling import RefinementSampling
from .rough_masks import disc_mask, leaked_mask, perturbed_mask

EMPTY_FRACTION = 0.25  # fraction of the dropped rough masks that are empty; the others are discs around the point
DISC_DIAMETERS = (0.15, 1.0)  # range of the disc's diameter, as a fraction of the object's longer side


class RefinementDataset(SeededDataset):
    """Training samples of MaskRefineNet: one object with its mask, its point and one rough mask.

    The crop is that of inference (`crop_box_around`) at a random scale. The point is drawn near the center of mass,
    inside the mask, because clicks by annotators miss the center; the official code puts it at the center of the
    cropped mask. Predicted rough masks are used unless `sampling` replaces some of them, which the official code does
    not. The length is the number of annotated objects; with `self_training`, pseudo labels take the place of some.

    Args:
        rows: rows of the schema, with `segmentation` and, unless all rough masks are replaced, `rough_segmentation`; an
            image may occur several times with different rough masks.
        image_processor: image processor of MaskRefineNet.
        box_scales: range of the crop's size divided by the rough mask's extent.
        sampling: choice of the objects, the points and the rough masks.
        augmentation: random changes of image and masks together; None leaves them unchanged.
        seed: seed of all random numbers.
        skip_bad: where an image cannot be read, warn and take the next sample instead of raising.

    Raises:
        UserError: no object has the required masks.
    """

    def __init__(
        self,
        rows: HFDataset,
        image_processor: Any,
        box_scales: tuple[float, float] = (1.0, 2.0),
        sampling: RefinementSampling | None = None,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        skip_bad: bool = False,
    ):
        super().__init__(seed, skip_bad)
        self.rows, self.image_processor, self.box_scales = rows.with_format(None), image_processor, box_scales
        self.sampling, self.augmentation = sampling or RefinementSampling(), augmentation
        # Samples are objects, not images. Perturbation needs no predicted mask.
        needs_rough = self.sampling.perturb == 0
        self.objects: list[tuple[int, int]] = []  # row index, position in its `objects`
        self.pseudo_objects: list[tuple[int, int]] = []  # the samples of self-training
        for index, objects in enumerate(self.rows["objects"]):
            for place, item in enumerate(objects):
                if not is_refinable(item, needs_rough):
                    continue
                if not self.sampling.self_training or item["score"] is None:
                    self.objects.append((index, place))
                elif agreement_of(item) >= self.sampling.agreement:
                    self.pseudo_objects.append((index, place))
        if not self.objects and not needs_rough:
            raise UserError("no object has a mask; annotate some masks")
        if not self.objects:
            raise UserError(
                "no object has both a mask and a rough mask; first predict rough masks of images with masks "
                "(predict_rough_masks)"
            )
        self.paste_neighbor: NeighborPaste | None = None
        if self.sampling.paste_neighbors:
            self.paste_neighbor = NeighborPaste(self.rows, self.objects, augmentation)

    def __len__(self) -> int:
        return len(self.objects)

    def sample(self, index: int) -> dict[str, torch.Tensor]:
        """Return one sample, see the class."""
        generator = self.generator(index)
        row_index, position = self._drawn_object(index, generator)
        row = self.rows[row_index]
        image, mask = np.asarray(read_image(row)), decode_rle(row["objects"][position]["segmentation"])
        neighbor = None
        if self.paste_neighbor is not None and generator.random() < self.sampling.paste_neighbors:
            image, mask, neighbor = self.paste_neighbor(row_index, image, mask, generator)
        point = jittered_point(mask, self.sampling.point_jitter, generator)
        rough_mask = self._rough_mask(row["objects"], position, mask, point, generator, neighbor)
        scale = generator.uniform(*self.box_scales)
        # Only the crop is augmented. The crop around an empty mask depends on the size of the whole image.
        masks, points = np.stack([mask, rough_mask]), np.array([point])
        if rough_mask.any():
            x0, y0, x1, y1 = with_point(crop_box_around(rough_mask, point, scale), point)
            image, masks, points = image[y0:y1, x0:x1], masks[:, y0:y1, x0:x1], points - np.array([x0, y0])
        if self.augmentation is not None:
            image, masks, points = augmented(image, masks, points, self.augmentation, generator)
        image = recolored(image, self.sampling.color_jitter, generator)
        # The image processor finds the same crop, resizes it, and draws the point as a heatmap.
        encoded = self.image_processor(
            [image],
            rough_masks=[masks[1:]],
            input_points=[points],
            class_labels=[[row["objects"][position]["category"]]],
            mask_labels=[masks[:1].astype(np.int64)],
            box_scales=[[scale]],
            input_data_format="channels_last",  # a crop may be 1 or 3 pixels high
            return_tensors="pt",
        )
        # The image processor returns a batch of one.
        names = ("pixel_values", "rough_masks", "input_points", "class_labels", "mask_labels")
        return {name: encoded[name][0] for name in names}

    def _drawn_object(self, index: int, generator: np.random.Generator) -> tuple[int, int]:
        """Return the object of a sample: its own, or a random one with a pseudo label."""
        if self.pseudo_objects and generator.random() < self.sampling.self_training:
            return self.pseudo_objects[int(generator.integers(len(self.pseudo_objects)))]
        return self.objects[index]

    def _rough_mask(
        self,
        objects: list[dict[str, Any]],
        position: int,
        mask: np.ndarray,
        point: tuple[float, float],
        generator: np.random.Generator,
        pasted: np.ndarray | None,
    ) -> np.ndarray:
        """Return the rough mask of a sample: predicted, perturbed, or dropped; it may leak into a pasted neighbor."""
        item, draw = objects[position], generator.random()
        if draw < self.sampling.drop_rough:
            return uninformative_mask(mask, point, generator)
        is_pseudo = bool(self.sampling.self_training) and item["score"] is not None
        keeps_predicted = item["rough_segmentation"] is not None and not is_pseudo
        if keeps_predicted and draw >= self.sampling.drop_rough + self.sampling.perturb:
            rough = decode_rle(item["rough_segmentation"])
            # The neighbor was not there when the mask was predicted.
            rough = rough if pasted is None else rough & ~pasted
        else:
            neighbor = random_neighbor(objects, position, generator) if pasted is None else pasted
            rough = perturbed_mask(mask, generator, neighbor)
        return rough if pasted is None else leaked_mask(rough, mask, pasted, generator)


def with_point(box: CropBox, point: tuple[float, float]) -> CropBox:
    """Return a box that holds a point too, which may lie beside the crop of a rough mask that misses its object.

    Example:
        >>> with_point((4, 4, 8, 8), (2.5, 6.0))
        (2, 4, 8, 8)
    """
    # A point between two pixels needs both, so that it stays inside when the crop is flipped.
    (x, y), (right, bottom) = np.floor(point).astype(int).tolist(), np.ceil(point).astype(int).tolist()
    return min(box[0], x), min(box[1], y), max(box[2], right + 1), max(box[3], bottom + 1)


def is_refinable(item: Mapping[str, Any], needs_rough: bool = True) -> bool:
    """Return True for an object that can be a sample: not a crowd, with a mask that is not empty.

    Args:
        item: object of a row.
        needs_rough: also require a rough mask (which may be empty).
    """
    if item["iscrowd"] or (needs_rough and item["rough_segmentation"] is None):
        return False
    return item["segmentation"] is not None and rle_area(item["segmentation"]) > 0


def agreement_of(item: Mapping[str, Any]) -> float:
    """Return the IoU of the rough mask of an object and its mask; 0 without a rough mask."""
    rough = item["rough_segmentation"]
    return 0.0 if rough is None else rle_iou(rough, item["segmentation"])


def jittered_point(mask: np.ndarray, jitter: float, generator: np.random.Generator) -> tuple[float, float]:
    """Draw a point near the center of mass, inside the mask where one of a few draws hits it.

    Args:
        mask: (H, W) bool, not empty.
        jitter: standard deviation as a fraction of the mask's width and height.
        generator: source of randomness.

    Returns:
        (x, y) in pixels; the center of mass itself if no draw hits the mask.
    """
    # Center and extent in the order of (x, y)
    rows, columns = np.nonzero(mask)
    center = np.array([columns.mean(), rows.mean()])
    extent = np.array([np.ptp(columns) + 1, np.ptp(rows) + 1])
    # A draw may miss a thin or concave mask, so there are several.
    for _ in range(8):
        x, y = np.rint(center + generator.normal(0, jitter, 2) * extent).astype(int)
        if 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and mask[y, x]:
            return float(x), float(y)
    return float(center[0]), float(center[1])


def random_neighbor(objects: list[dict[str, Any]], position: int, generator: np.random.Generator) -> np.ndarray | None:
    """Return the (H, W) bool mask of a random object whose box touches that of the object at `position`, or None."""
    x, y, width, height = rle_box(objects[position]["segmentation"])
    touching = []
    for place, item in enumerate(objects):
        if place == position or item["segmentation"] is None:
            continue
        left, top, other_width, other_height = rle_box(item["segmentation"])
        # Boxes touch if neither lies beside the other.
        if left <= x + width and x <= left + other_width and top <= y + height and y <= top + other_height:
            touching.append(item)
    return decode_rle(touching[generator.integers(len(touching))]["segmentation"]) if touching else None


def uninformative_mask(mask: np.ndarray, point: tuple[float, float], generator: np.random.Generator) -> np.ndarray:
    """Return an empty rough mask, or a disc around the point that is smaller than the object (H, W)."""
    if generator.random() < EMPTY_FRACTION:
        return np.zeros_like(mask)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    longer_side = max(np.ptp(rows), np.ptp(columns)) + 1
    return disc_mask(mask.shape, point, generator.uniform(*DISC_DIAMETERS) * longer_side)


def recolored(image: np.ndarray, jitter: float, generator: np.random.Generator) -> np.ndarray:
    """Return a (H, W, 3) uint8 image with another gain of each channel, and another gamma.

    Args:
        image: (H, W, 3) uint8.
        jitter: largest change, see `RefinementSampling`; 0 returns the image itself.
        generator: source of randomness.
    """
    if jitter == 0:
        return image
    gains, gamma = 1 + generator.uniform(-jitter, jitter, 3), np.exp(generator.uniform(-jitter, jitter))
    # One table of 256 values per channel
    values = (np.arange(256) / 255) ** gamma
    table = (values * gains[:, None] * 255).round().clip(0, 255).astype(np.uint8)  # (3, 256)
    return np.stack([table[channel][image[..., channel]] for channel in range(3)], axis=-1)
