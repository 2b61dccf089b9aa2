# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Checks of points, labels and rough masks before the network runs; every error names the image."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..ops.plain_arrays import NUMBERS, plain_array
from ..ops.point_prompts import checked_labels, checked_points
from ..ops.rle import RLE, checked_rle, encode_mask
from ..ops.user_error import UserError


def checked_prompts(
    points: Any, labels: Any, image: Image.Image, id2label: Mapping[int, str], name: str
) -> dict[str, torch.Tensor | None]:
    """Return the points of one image and their classes as the decoding takes them.

    Args:
        points: see `checked_points`; None requests ordinary instance segmentation.
        labels: see `checked_labels`.
        image: the upright image.
        id2label: class names of the model.
        name: name of the image, for errors.

    Returns:
        `points` (N, 2) float64 and `labels` (N,) int64 class ids, −1 for an unknown class; both None without points.

    Raises:
        UserError: as in `checked_points` and `checked_labels`; or there are labels without points.
    """
    if points is None:
        if labels is not None and len(labels):
            raise UserError(f"labels of {name} are given without points; give both, or neither")
        return {"points": None, "labels": None}
    array = checked_points(points, image, name)
    ids = checked_labels(labels, len(array), id2label, name)
    known_ids = [-1 if class_id is None else class_id for class_id in ids]
    return {"points": torch.from_numpy(array), "labels": torch.tensor(known_ids, dtype=torch.long)}


def checked_rough_masks(masks: Any, num_points: int, image: Image.Image, name: str) -> list[RLE]:
    """Return rough masks as N compressed RLEs, because many dense ones of a large image would not fit into memory.

    Args:
        masks: one mask of the image's size per point: an array, a tensor, a PIL image, a COCO RLE or COCO polygons.
        num_points: expected number of masks.
        image: the upright image.
        name: name of the image, for errors.

    Raises:
        UserError: the number of masks differs from that of the points, or a mask does not fit the image.
    """
    # A single mask would be taken apart into its rows.
    if not isinstance(masks, Sequence) and not (hasattr(masks, "ndim") and masks.ndim == 3):
        raise UserError(f"rough_masks of {name} must be a list with one mask per point, got {type(masks).__name__}")
    if len(masks) != num_points:
        raise UserError(f"rough_masks of {name} must have one mask per point, got {len(masks)} for {num_points} points")
    return [_rough_mask(mask, image, f"rough_masks[{index}] of {name}") for index, mask in enumerate(masks)]


def _rough_mask(mask: Any, image: Image.Image, where: str) -> RLE:
    """Return one rough mask as a compressed RLE."""
    if isinstance(mask, (Mapping, list)):
        try:
            return _as_rle(mask, image.height, image.width)
        except ValueError as error:
            raise UserError(f"{where}: {error}") from error
    array = plain_array(mask)
    if array.shape != (image.height, image.width):
        raise UserError(
            f"{where} must have the size of the image, (height, width) = {(image.height, image.width)}, got the shape "
            f"{array.shape}"
        )
    return encode_mask(_inside(array, where))


def _inside(array: np.ndarray, where: str) -> np.ndarray:
    """Return the pixels of a mask of 0 and 1, of 0 and 255, or of 0 and the number of an object, as bool."""
    inside = array != 0
    if array.dtype == bool:
        return inside
    values = array[inside]
    is_numeric = array.dtype.kind in NUMBERS
    # Probabilities and logits have many values, of which few are 0.
    if not is_numeric or not (values > 0).all() or (values != values[:1]).any():
        found = f"values from {array.min():.3g} to {array.max():.3g}" if is_numeric else f"the dtype {array.dtype}"
        raise UserError(f"{where} must hold 0, and one other number inside the object, got {found}; threshold it")
    return inside


def _as_rle(segmentation: Any, height: int, width: int) -> RLE:
    """Return a COCO RLE or COCO polygons as a compressed RLE."""
    if isinstance(segmentation, Mapping):
        return checked_rle(segmentation, height, width)
    # Polygons need pycocotools, which a pipeline loaded with trust_remote_code does without: imported on use.
    from ..ops.coco_masks import segmentation_to_rle

    return segmentation_to_rle(segmentation, height, width)
