# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Datasets that turn rows of the schema into training and evaluation samples of SOLOv2.

Augmentation draws from a generator seeded by (seed, epoch, index), so that a resumed run sees exactly the samples of an
uninterrupted one. Samples use the names of the image processors: `images`, `mask_labels`, `class_labels`,
`input_points`.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from datasets import Dataset as HFDataset
from torch.utils.data import Dataset

from ..data.schema import class_names, image_title, objects_with_mask
from ..ops.coco_masks import decode_rle
from ..ops.images import read_image
from ..ops.user_error import UserError, as_user_error
from .augmentation import Augmentation, augmented, windowed
from .copy_paste import CopyPaste
from .incomplete_labels import ignore_points, incomplete_classes, mask_weight
from .windows import objects_in_window, points_in_window, random_window

logger = logging.getLogger(__name__)


class SeededDataset(Dataset, ABC):
    """A dataset whose random numbers depend only on seed, epoch and index; the Trainer sets the epoch.

    Args:
        seed: seed of all random numbers.
        skip_bad: where an image cannot be read, warn and take the next sample instead of raising.
    """

    def __init__(self, seed: int, skip_bad: bool = False):
        self.seed, self.epoch, self.skip_bad = seed, 0, skip_bad
        self._warned: set[str] = set()

    @abstractmethod
    def sample(self, index: int) -> dict[str, Any]:
        """Return one sample.

        Raises:
            UserError: its image cannot be read; the message names the file.
        """

    def __getitem__(self, index: int) -> dict[str, Any]:
        if not self.skip_bad:
            return self.sample(index)
        problem: UserError | None = None
        for following in range(len(self)):
            try:
                return self.sample((index + following) % len(self))
            except UserError as error:
                problem = error
                if str(error) not in self._warned:
                    self._warned.add(str(error))
                    logger.warning("%s (skip_bad: training goes on with the next sample)", error)
        raise UserError("no image of the training data can be read") from problem

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, on which all random numbers depend."""
        self.epoch = epoch

    def generator(self, index: int) -> np.random.Generator:
        """Return the random generator of one sample in the current epoch."""
        return np.random.default_rng([self.seed, self.epoch, index])


class InstanceDataset(SeededDataset):
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
        weigh_pseudo_labels: True weighs the masks of pseudo labels by `mask_weight`; a function returns the weight of
            an object with a pseudo label, such as `ExpectedIou`; False gives all masks the weight 1.
        tile_size: side in pixels of a random square window that stands for the image in this epoch, that of the image
            processor; the fraction of this side that `Augmentation.window_fraction` draws. None takes whole images.
        skip_bad: where an image cannot be read, warn and take the next sample instead of raising.
    """

    def __init__(
        self,
        rows: HFDataset,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        weigh_pseudo_labels: bool | Callable[[Mapping[str, Any]], float] = False,
        tile_size: int | None = None,
        skip_bad: bool = False,
    ):
        super().__init__(seed, skip_bad)
        self.tile_size = tile_size
        self.rows, self.augmentation = rows.with_format(None), augmentation
        self.weigh_pseudo_labels = weigh_pseudo_labels
        self.num_labels = len(class_names(rows))
        # Objects to paste are found once, without opening an image.
        pastes = augmentation is not None and augmentation.copy_paste > 0
        self.copy_paste = CopyPaste(self.rows, augmentation, tile_size is None) if pastes else None
        # Sizes come from the rows, so that samplers need not open the images.
        self.sizes = list(zip(rows["height"], rows["width"], strict=True))
        if tile_size is not None:
            self.sizes = [(min(height, tile_size), min(width, tile_size)) for height, width in self.sizes]

    def __len__(self) -> int:
        return len(self.rows)

    def row_index(self, index: int) -> int:
        """Return the position of the row of a sample in the current epoch."""
        return index

    def sample(self, index: int) -> dict[str, Any]:
        """Return one sample, see the class."""
        # One generator draws everything about a sample, in a fixed order.
        row_index = self.row_index(index)
        return self.sample_of(self.rows[row_index], row_index, self.generator(index))

    def sample_of(self, row: Mapping[str, Any], row_index: int, generator: np.random.Generator) -> dict[str, Any]:
        """Return the sample of a row at a position of the data; see the class."""
        image = np.asarray(read_image(row))
        if image.shape[:2] != (row["height"], row["width"]):
            raise UserError(_other_size(row, *image.shape[:2]))
        # A mask without a class cannot be learned; its point is among those to ignore.
        objects = [item for item in objects_with_mask(row) if item["category"] is not None]
        points = ignore_points(row)

        window_side = self._window_side(generator)
        if window_side is None:
            with as_user_error(ValueError, source=image_title(row)):
                masks = decode_masks(objects, *image.shape[:2])
        else:
            # The window is cut first: masks outside of it need not be decoded.
            window = random_window(*image.shape[:2], window_side, objects, generator)
            image, points = image[window.slices], points_in_window(points, window)
            objects, masks = objects_in_window(objects, window)
        if self.copy_paste is not None and generator.random() < self.augmentation.copy_paste:
            image, masks, points, pasted = self.copy_paste(row_index, image, masks, points, generator)
            objects += pasted
        if self.augmentation is not None:
            image, masks, points = augmented(image, masks, points, self.augmentation, generator)
            if window_side is None:
                fraction = self.augmentation.window_fraction(generator)
                image, masks, points = windowed(image, masks, points, fraction, generator)

        # Drop masks without a pixel: empty ones, hidden ones, and those that left the window.
        visible = masks.any(axis=(1, 2))
        objects = [item for item, is_visible in zip(objects, visible, strict=True) if is_visible]
        # Pseudo labels weigh like annotated masks, as in the paper, unless asked otherwise.
        weights = [self._mask_weight(item) for item in objects]
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
        fraction = 1.0 if self.augmentation is None else self.augmentation.window_fraction(generator)
        return max(1, round(self.tile_size * fraction))

    def _mask_weight(self, item: Mapping[str, Any]) -> float:
        """Return the weight of an object in the mask loss; 1 for an annotated mask."""
        if not self.weigh_pseudo_labels or item["score"] is None:
            return 1.0
        return mask_weight(item) if self.weigh_pseudo_labels is True else self.weigh_pseudo_labels(item)


def _other_size(row: Mapping[str, Any], height: int, width: int) -> str:
    """Return the message about an image whose file has another size than its row."""
    return (
        f"{image_title(row)}: the file has {width} × {height} pixels, but {row['width']} × {row['height']} when it was "
        "loaded; the labels would not fit: restore the file, or load the annotations again"
    )


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
    processor for this image. With its `tile_size`, the sample holds the `image` instead, whose tiles are prepared a few
    at a time.

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
        sample, image = {"image_id": row["image_id"], "size": (row["height"], row["width"])}, read_image(row)
        if self.image_processor.tile_size is not None:
            return {**sample, "image": image}
        return {**sample, **self.image_processor([image], return_tensors="pt")}
