# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Datasets that turn rows of the schema into training and evaluation samples, for SOLOv2 and for MaskRefineNet.

Augmentation draws from a generator seeded by (seed, epoch, index), so that a resumed run sees exactly the samples of an
uninterrupted one. Samples use the names of the image processors: `images`, `mask_labels`, `class_labels`,
`input_points`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from datasets import Dataset as HFDataset
from torch.utils.data import Dataset

from ..data.schema import class_names, objects_with_mask
from ..ops.coco_masks import decode_rle, rle_area
from ..ops.images import read_image
from ..ops.user_error import UserError
from .augmentation import Augmentation, augmented, cropped
from .incomplete_labels import ignore_points, incomplete_classes, mask_weight
from .windows import objects_in_window, points_in_window, random_window

DEFAULT_POINT_JITTER = 0.15  # fraction of the object's width and height


class _SeededDataset(Dataset):
    """A dataset whose random numbers depend only on seed, epoch and index; the Trainer sets the epoch."""

    def __init__(self, seed: int):
        self.seed, self.epoch = seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, on which all random numbers depend."""
        self.epoch = epoch

    def generator(self, index: int) -> np.random.Generator:
        """Return the random generator of one sample in the current epoch."""
        return np.random.default_rng([self.seed, self.epoch, index])


class InstanceDataset(_SeededDataset):
    """Training samples of SOLOv2: one image with the masks of its objects; crowds are left out.

    An object without a mask (or with an empty one, where the teacher found nothing) does not count as background: its
    point is part of the sample. Neither do unlabeled regions of an image that is not `complete`.

    A sample holds:

    - `images`: (H, W, 3) uint8.
    - `mask_labels`: (N, H, W) bool.
    - `class_labels`: (N,) int64.
    - `mask_weights`: (N,) float32, weights in the mask loss.
    - `input_points`: (M, 2) float, (x, y) in pixels of the image: points of objects without a mask.
    - `incomplete_classes`: (C,) bool, the classes without background in this image.
    - `scale_draw`: float in [0, 1), from which `InstanceCollator` picks the scale of the batch.
    - `window_side`: int, with `tile_size` only: side in pixels of the window, which a smaller image does not fill.

    Args:
        rows: rows of the schema.
        augmentation: random changes of each image; None leaves images unchanged.
        seed: seed of the augmentation.
        weigh_pseudo_labels: weigh the masks of pseudo labels by `mask_weight`; False gives all masks the weight 1.
        tile_size: side in pixels of a random square window that stands for the image in this epoch, that of the image
            processor; `Augmentation.min_crop` to 1 times this side is drawn. None takes whole images.
    """

    def __init__(
        self,
        rows: HFDataset,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        weigh_pseudo_labels: bool = False,
        tile_size: int | None = None,
    ):
        super().__init__(seed)
        self.tile_size = tile_size
        self.rows, self.augmentation = rows.with_format(None), augmentation
        self.weigh_pseudo_labels = weigh_pseudo_labels
        self.num_labels = len(class_names(rows))
        # Sizes come from the rows, so that samplers need not open the images.
        self.sizes = list(zip(rows["height"], rows["width"], strict=True))
        if tile_size is not None:
            self.sizes = [(min(height, tile_size), min(width, tile_size)) for height, width in self.sizes]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.rows[index]
        image = np.asarray(read_image(row))
        # A mask without a class cannot be learned; its point is among those to ignore.
        objects = [item for item in objects_with_mask(row) if item["category"] is not None]
        points = ignore_points(row)

        # One generator draws everything about a sample, in a fixed order.
        generator = self.generator(index)
        window_side = self._window_side(generator)
        if window_side is None:
            masks = decode_masks(objects, *image.shape[:2])
        else:
            # The window is cut first: masks outside of it need not be decoded.
            window = random_window(*image.shape[:2], window_side, objects, generator)
            image, points = image[window.slices], points_in_window(points, window)
            objects, masks = objects_in_window(objects, window)
        if self.augmentation is not None:
            image, masks, points = augmented(image, masks, points, self.augmentation, generator)
            if window_side is None:
                fraction = generator.uniform(self.augmentation.min_crop, 1)
                image, masks, points = cropped(image, masks, points, fraction, generator)

        # Drop masks without a pixel: empty ones, and those that left the window.
        visible = masks.any(axis=(1, 2))
        objects = [item for item, is_visible in zip(objects, visible, strict=True) if is_visible]
        # Pseudo labels weigh like annotated masks, as in the paper, unless asked otherwise.
        weights = [mask_weight(item) if self.weigh_pseudo_labels else 1 for item in objects]
        sample = {
            "images": image,
            "mask_labels": masks if visible.all() else masks[visible],
            "class_labels": np.array([item["category"] for item in objects], dtype=np.int64),
            "mask_weights": np.array(weights, dtype=np.float32),
            "input_points": points,
            "incomplete_classes": incomplete_classes(row, self.num_labels),
            "scale_draw": float(generator.random()),
        }
        return sample if window_side is None else {**sample, "window_side": window_side}

    def _window_side(self, generator: np.random.Generator) -> int | None:
        """Draw the side of the window in pixels; None for whole images."""
        if self.tile_size is None:
            return None
        fraction = 1.0 if self.augmentation is None else generator.uniform(self.augmentation.min_crop, 1)
        return max(1, round(self.tile_size * fraction))


def decode_masks(objects: Sequence[Mapping[str, Any]], height: int, width: int) -> np.ndarray:
    """Decode the `segmentation` of objects into one (N, H, W) bool array."""
    # COCO run lengths go down the columns, so the memory layout does too; the shape stays (N, H, W).
    masks = np.zeros((len(objects), width, height), dtype=bool).transpose(0, 2, 1)
    for mask, item in zip(masks, objects, strict=True):
        mask[:] = decode_rle(item["segmentation"])
    return masks


class ImageDataset(Dataset):
    """Images for prediction and evaluation, each one preprocessed separately.

    A sample holds `image_id`, `size` (height, width in pixels of the original image) and the tensors of the image
    processor, whose batch axis holds the image, or its tiles.

    Args:
        rows: rows of the schema.
        image_processor: image processor of the model.
    """

    def __init__(self, rows: HFDataset, image_processor: Any):
        self.rows, self.image_processor = rows.with_format(None), image_processor
        self.sizes = list(zip(rows["height"], rows["width"], strict=True))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.rows[index]
        encoded = self.image_processor([read_image(row)], return_tensors="pt")
        return {"image_id": row["image_id"], "size": (row["height"], row["width"]), **encoded}


class RefinementDataset(_SeededDataset):
    """Training samples of MaskRefineNet: one object with its mask, its point and one of its rough masks.

    The crop is that of inference (`crop_box_around`) at a random scale. The point is drawn near the center of mass,
    inside the mask, because clicks by annotators miss the center; the official code puts it at the center of the
    cropped mask.

    Args:
        rows: rows of the schema, with `segmentation` and `rough_segmentation`; an image may occur several times with
            different rough masks.
        image_processor: image processor of MaskRefineNet.
        box_scales: range of the crop's size divided by the rough mask's extent.
        point_jitter: standard deviation of the point's offset, as a fraction of the object's width and height.
        augmentation: random changes of image and masks together; None leaves them unchanged.
        seed: seed of augmentation, crop scale and point.

    Raises:
        UserError: no object has both masks.
    """

    def __init__(
        self,
        rows: HFDataset,
        image_processor: Any,
        box_scales: tuple[float, float] = (1.0, 2.0),
        point_jitter: float = DEFAULT_POINT_JITTER,
        augmentation: Augmentation | None = None,
        seed: int = 0,
    ):
        super().__init__(seed)
        self.rows, self.image_processor = rows.with_format(None), image_processor
        self.box_scales, self.point_jitter, self.augmentation = box_scales, point_jitter, augmentation
        # Samples are objects, not images.
        self.objects: list[tuple[int, int]] = []  # row index, position in its `objects`
        for index, objects in enumerate(self.rows["objects"]):
            self.objects += [(index, position) for position, item in enumerate(objects) if is_refinable(item)]
        if not self.objects:
            raise UserError(
                "no object has both a mask and a rough mask; first predict rough masks of images with masks "
                "(predict_rough_masks)"
            )

    def __len__(self) -> int:
        return len(self.objects)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        row_index, position = self.objects[index]
        row, generator = self.rows[row_index], self.generator(index)
        item = row["objects"][position]
        image = np.asarray(read_image(row))
        # Both masks are augmented together; the point is drawn from the true mask afterwards.
        masks = np.stack([decode_rle(item["segmentation"]), decode_rle(item["rough_segmentation"])])
        if self.augmentation is not None:
            image, masks, _ = augmented(image, masks, np.zeros((0, 2)), self.augmentation, generator)
        mask, rough_mask = masks
        # The image processor crops around the rough mask, scaled at random, and draws the point as a heatmap.
        encoded = self.image_processor(
            [image],
            rough_masks=[rough_mask[None]],
            input_points=[np.array([jittered_point(mask, self.point_jitter, generator)])],
            class_labels=[[item["category"]]],
            mask_labels=[mask[None].astype(np.int64)],
            box_scales=[[generator.uniform(*self.box_scales)]],
            return_tensors="pt",
        )
        # The image processor returns a batch of one.
        names = ("pixel_values", "rough_masks", "input_points", "class_labels", "mask_labels")
        return {name: encoded[name][0] for name in names}


def is_refinable(item: Mapping[str, Any]) -> bool:
    """Return True for an object with a mask that is not empty and a rough mask (which may be empty); not a crowd."""
    if item["iscrowd"] or item["rough_segmentation"] is None:
        return False
    return item["segmentation"] is not None and rle_area(item["segmentation"]) > 0


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
