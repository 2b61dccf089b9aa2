# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Rows of the schema → training samples → batches, for SOLOv2 and for MaskRefineNet.

Augmentation draws from a generator seeded by (seed, epoch, index), so that a resumed run sees exactly what an
uninterrupted one does.
"""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from datasets import Dataset as HFDataset
from torch.utils.data import Dataset

from ..data.schema import class_names, objects_with_mask, objects_with_point
from ..ops.coco_masks import decode_rle, rle_area, rle_iou
from ..ops.images import read_image
from .augmentation import Augmentation, augmented, cropped

logger = logging.getLogger(__name__)

LEAST_COMPLETE = 0.05  # of the images
SURE_BACKGROUND = 0.1  # probability of a class


class _SeededDataset(Dataset):
    """A dataset whose random numbers depend on nothing but seed, epoch and index; the Trainer tells it the epoch."""

    def __init__(self, seed: int):
        self.seed, self.epoch = seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def generator(self, index: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.epoch, index])


class InstanceDataset(_SeededDataset):
    """Training images of SOLOv2 with the masks of all their objects that have one; crowds are left out.

    An object without a mask (or with an empty one, of a point that found nothing) is not taken for background: its
    point goes along. Neither is what nobody marked in an image that is not `complete`.

    Args:
        rows: of the schema.
        augmentation: None leaves images as they are.
        seed: of the augmentation.
        weigh_pseudo_labels: pseudo labels count as much as `mask_weight` says, instead of as much as true masks.
    """

    def __init__(
        self,
        rows: HFDataset,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        weigh_pseudo_labels: bool = False,
    ):
        super().__init__(seed)
        self.rows, self.augmentation = rows.with_format(None), augmentation
        self.weigh_pseudo_labels = weigh_pseudo_labels
        self.num_labels = len(class_names(rows))
        self.sizes = list(zip(rows["height"], rows["width"], strict=True))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.rows[index]
        image = np.asarray(read_image(row))
        objects = [item for item in objects_with_mask(row) if item["category"] is not None]
        # Run lengths go down the columns, so the memory does too; the masks stay (N, H, W).
        masks = np.zeros((len(objects), *image.shape[1::-1]), dtype=bool).transpose(0, 2, 1)
        for mask, item in zip(masks, objects, strict=True):
            mask[:] = decode_rle(item["segmentation"])
        points = ignore_points(row)
        generator = self.generator(index)
        if self.augmentation is not None:
            image, masks, points = augmented(image, masks, points, self.augmentation, generator)
            part = generator.uniform(self.augmentation.min_crop, 1)
            image, masks, points = cropped(image, masks, points, part, generator)
        keep = masks.any(axis=(1, 2))
        seen = [item for item, kept in zip(objects, keep, strict=True) if kept]
        return {
            "image": image,
            "masks": masks if keep.all() else masks[keep],
            "labels": np.array([item["category"] for item in seen], dtype=np.int64),
            "weights": np.array(
                [mask_weight(item) if self.weigh_pseudo_labels else 1 for item in seen], dtype=np.float32
            ),
            "points": points,
            "incomplete_classes": incomplete_classes(row, self.num_labels),
            "draw": float(generator.random()),
        }


def ignore_points(row: Mapping[str, Any]) -> np.ndarray:
    """(M, 2) points of the objects of a row that have no mask with a class, (x, y) in pixels of the image."""
    points = [
        item["point"]
        for item in objects_with_point(row)
        if item["segmentation"] is None or item["category"] is None or not rle_area(item["segmentation"])
    ]
    return np.array(points, dtype=np.float32).reshape(-1, 2)


def mask_weight(item: Mapping[str, Any]) -> float:
    """How much the mask of an object counts in the mask loss: 1 for a true mask.

    A pseudo label is worth its score times the IoU of its rough and its final mask, which is high where teacher and
    MaskRefineNet agree.
    """
    if item["score"] is None or item["rough_segmentation"] is None:
        return 1.0
    return item["score"] * rle_iou(item["segmentation"], item["rough_segmentation"])


def incomplete_classes(row: Mapping[str, Any], num_labels: int) -> np.ndarray:
    """(C,) bool: the classes of which a row may hold objects that nobody marked.

    None of a complete image; of an image with image-level labels those that they name; else all.
    """
    if row["complete"]:
        return np.zeros(num_labels, dtype=bool)
    if row["image_labels"] is None:
        return np.ones(num_labels, dtype=bool)
    return np.isin(np.arange(num_labels), row["image_labels"])


def background_threshold(rows: HFDataset) -> float:
    """Which `background_threshold` of `SOLOv2Config` rows ask for.

    Background is learned from complete images. Where hardly any is, the network would be free to see objects all over
    the rest, so what it finds unlikely itself is background too.
    """
    complete = sum(rows["complete"])
    if complete >= LEAST_COMPLETE * len(rows):
        return 0.0
    logger.warning(
        "%d of %d images are complete, too few to learn background from; in the others it is where no label is and the "
        "network gives a class less than %g (background_threshold of the model)",
        complete,
        len(rows),
        SURE_BACKGROUND,
    )
    return SURE_BACKGROUND


class ImageDataset(Dataset):
    """Images for inference and evaluation, each prepared on its own."""

    def __init__(self, rows: HFDataset, image_processor: Any):
        self.rows, self.image_processor = rows.with_format(None), image_processor

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.rows[index]
        encoded = self.image_processor([read_image(row)], return_tensors="pt")
        return {"image_id": row["image_id"], "size": (row["height"], row["width"]), **encoded}


class RefinementDataset(_SeededDataset):
    """Training samples of MaskRefineNet: one object with its true mask, its point and one of its rough masks.

    The crop is that of inference (`crop_box_around`) at a random scale. The point is moved inside the true mask, so
    that clicks of people, who do not hit the center of mass, look familiar; the official code puts it at the center
    of the cropped truth.

    Args:
        rows: of the schema, with `segmentation` and `rough_segmentation`; an image may come several times with
            different rough masks.
        image_processor: of MaskRefineNet.
        box_scales: the crop's size over the rough mask's extent is drawn between these two.
        point_jitter: standard deviation of the move, as a part of the object's width and height.
        augmentation: of image, masks and point together.
        seed: of everything random.
    """

    def __init__(
        self,
        rows: HFDataset,
        image_processor: Any,
        box_scales: tuple[float, float] = (1.0, 2.0),
        point_jitter: float = 0.15,
        augmentation: Augmentation | None = None,
        seed: int = 0,
    ):
        super().__init__(seed)
        self.rows, self.image_processor = rows.with_format(None), image_processor
        self.box_scales, self.point_jitter, self.augmentation = box_scales, point_jitter, augmentation
        self.objects = [
            (index, position)
            for index, objects in enumerate(self.rows["objects"])
            for position, item in enumerate(objects)
            if not item["iscrowd"] and item["rough_segmentation"] is not None
            if item["segmentation"] is not None and rle_area(item["segmentation"])
        ]
        if not self.objects:
            raise ValueError(
                "no object has both a mask and a rough mask; make rough masks of fully labeled images first"
            )

    def __len__(self) -> int:
        return len(self.objects)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        row_index, position = self.objects[index]
        row, generator = self.rows[row_index], self.generator(index)
        item = row["objects"][position]
        image, masks = (
            np.asarray(read_image(row)),
            np.stack([decode_rle(item[name]) for name in ("segmentation", "rough_segmentation")]),
        )
        if self.augmentation is not None:
            image, masks, _ = augmented(image, masks, np.zeros((0, 2)), self.augmentation, generator)
        truth, rough = masks
        encoded = self.image_processor(
            [image],
            rough_masks=[rough[None]],
            input_points=[np.array([jittered_point(truth, self.point_jitter, generator)])],
            class_labels=[[item["category"]]],
            mask_labels=[truth[None].astype(np.int64)],
            box_scales=[[generator.uniform(*self.box_scales)]],
            return_tensors="pt",
        )
        names = ("pixel_values", "rough_masks", "input_points", "class_labels", "mask_labels")
        return {name: encoded[name][0] for name in names}


def jittered_point(mask: np.ndarray, jitter: float, generator: np.random.Generator) -> tuple[float, float]:
    """A point near the center of mass, inside of the mask where a few draws find one.

    Args:
        mask: (H, W) bool, not empty.
        jitter: standard deviation as a part of the mask's width and height.
        generator: source of randomness.
    """
    rows, columns = np.nonzero(mask)
    center, spread = np.array([columns.mean(), rows.mean()]), np.array([np.ptp(columns) + 1, np.ptp(rows) + 1])
    for _ in range(8):
        x, y = np.rint(center + generator.normal(0, jitter, 2) * spread).astype(int)
        if 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and mask[y, x]:
            return float(x), float(y)
    return float(center[0]), float(center[1])
