# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Crops of objects: images, rough masks and points in, one crop per object out, for both image processor backends."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ...ops.crop_boxes import CropBox, crop_box_around, points_to_crops


@dataclass
class ObjectPrompts:
    """Objects of a batch of images; each field has one entry per image, each entry one row per object.

    Attributes:
        rough_masks: (N, H, W) bool, in the frame of the image.
        input_points: (N, 2), (x, y) in pixels of the image.
        class_labels: (N,) int, or None for a class-agnostic refiner.
        mask_labels: (N, H, W), the ground-truth masks (0, 1, or 255 for ignored), or None.
        box_scales: (N,), size of each crop relative to the extent of its rough mask; None for the processor's setting.
    """

    rough_masks: Sequence
    input_points: Sequence | None
    class_labels: Sequence | None = None
    mask_labels: Sequence | None = None
    box_scales: Sequence | None = None

    def check(self, sizes: list[tuple[int, int]]):
        """Raise a ValueError that names the first entry that does not fit images of these (height, width)."""
        if self.input_points is None:
            raise ValueError("rough_masks are given without input_points; MaskRefineNet needs one point per rough mask")
        for name, entries in vars(self).items():
            if entries is not None and len(entries) != len(sizes):
                raise ValueError(f"{name} has {len(entries)} entries for {len(sizes)} images; give one entry per image")
        for i, size in enumerate(sizes):
            self._check_image(i, size)

    def _check_image(self, i: int, size: tuple[int, int]) -> None:
        """Raise a ValueError for an entry of one image whose shape does not fit its (height, width) and its objects."""
        count = len(self.rough_masks[i])
        expected = {
            "rough_masks": (count, *size),
            "input_points": (count, 2),
            "class_labels": (count,),
            "mask_labels": (count, *size),
            "box_scales": (count,),
        }
        for name, entries in vars(self).items():
            if entries is None:
                continue
            shape = _shape(entries[i])
            # An image without objects may come with any empty entry.
            is_empty = count == 0 and shape[0] == 0
            if shape != expected[name] and not is_empty:
                raise ValueError(f"{name}[{i}] must have the shape {expected[name]}, got {shape}")

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Iterate over all objects as (image index, object index)."""
        return ((i, j) for i, masks in enumerate(self.rough_masks) for j in range(len(masks)))


def crop_objects(
    images: Sequence,
    prompts: ObjectPrompts,
    size: tuple[int, int],
    box_scale: float,
    gain: np.ndarray,
    offset: np.ndarray,
) -> dict[str, torch.Tensor]:
    """Crop, resize and normalize every object of a batch of images.

    As in the official code, images are resized bilinearly without antialiasing, masks to the nearest pixel, without
    keeping the aspect ratio.

    Args:
        images: (3, H, W) arrays or tensors, not yet normalized.
        prompts: the objects of these images.
        size: (height, width) of the resized crops, S × S.
        box_scale: size of a crop relative to the extent of its rough mask, unless the prompts contain scales.
        gain: (3,), factor of each channel that normalizes its pixels, see `normalization`.
        offset: (3,), what is added to each channel after that.

    Returns:
        Tensors over all M objects, in order: `pixel_values` (M, 3, S, S) float, `rough_masks` (M, 1, S, S) float,
        `input_points` (M, 2) int64, (x, y) in pixels of the resized crop, `crop_boxes` (M, 4) int64, (x0, y0, x1, y1)
        in pixels of the image with exclusive maximum, `image_indices` (M,) int64, and if given `class_labels` (M,)
        int64 and `mask_labels` (M, S, S) int64.

    Raises:
        ValueError: an entry of the prompts does not fit its image.
    """
    prompts.check([tuple(image.shape[-2:]) for image in images])
    # Geometry of all crops.
    objects = list(prompts)
    boxes = np.array([_crop_box(prompts, i, j, box_scale) for i, j in objects], dtype=np.int64).reshape(-1, 4)
    points = np.array([to_numpy(prompts.input_points[i][j]) for i, j in objects], dtype=np.float64).reshape(-1, 2)
    device = getattr(images[0], "device", "cpu") if len(images) else "cpu"
    pixel_values, masks = _resized_crops(images, prompts, boxes.tolist(), size, device)
    # A bilinear mean of normalized pixels is the normalized mean, so all small crops are normalized at once.
    factors = torch.as_tensor(gain, dtype=torch.float32, device=device)
    offsets = torch.as_tensor(offset, dtype=torch.float32, device=device)
    pixel_values.mul_(factors[:, None, None]).add_(offsets[:, None, None])
    # Inputs of the model and what post-processing needs to paste masks back.
    data = {
        "pixel_values": pixel_values,
        "rough_masks": masks["rough_masks"][:, None],
        "input_points": torch.from_numpy(points_to_crops(points, boxes, size)).to(device),
        "crop_boxes": torch.from_numpy(boxes).to(device),
        "image_indices": torch.tensor([i for i, _ in objects], dtype=torch.int64, device=device),
    }
    if prompts.class_labels is not None:
        labels = [int(prompts.class_labels[i][j]) for i, j in objects]
        data["class_labels"] = torch.tensor(labels, dtype=torch.int64, device=device)
    if prompts.mask_labels is not None:
        data["mask_labels"] = masks["mask_labels"].long()
    return data


def _resized_crops(
    images: Sequence, prompts: ObjectPrompts, boxes: list[list[int]], size: tuple[int, int], device: Any
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return the (M, 3, S, S) float pixels of all crops, and name in `prompts` → (M, S, S) float of their masks."""
    # Tensors are allocated once, and written crop by crop.
    pixel_values = torch.empty(len(boxes), 3, *size, device=device)
    masks = {"rough_masks": torch.empty(len(boxes), *size, device=device)}
    if prompts.mask_labels is not None:
        masks["mask_labels"] = torch.empty(len(boxes), *size, device=device)
    for row, ((i, j), box) in enumerate(zip(prompts, boxes, strict=True)):
        # Only the pixels of the crop become floats.
        crop = _part(images[i], box)
        pixel_values[row] = F.interpolate(crop[None], size=size, mode="bilinear", align_corners=False)[0]
        for name, resized in masks.items():
            mask = _part(getattr(prompts, name)[i][j], box).to(device)
            resized[row] = F.interpolate(mask[None, None], size=size, mode="nearest")[0, 0]
    return pixel_values, masks


def _crop_box(prompts: ObjectPrompts, i: int, j: int, box_scale: float) -> CropBox:
    """Return the crop of object j of image i; errors name its point."""
    x, y = to_numpy(prompts.input_points[i][j]).tolist()
    scale = box_scale if prompts.box_scales is None else float(prompts.box_scales[i][j])
    try:
        return crop_box_around(to_numpy(prompts.rough_masks[i][j]), (x, y), scale)
    except ValueError as error:
        raise ValueError(f"input_points[{i}][{j}]: {error}") from error


def normalization(
    rescale_factor: float | None, image_mean: Sequence[float] | float | None, image_std: Sequence[float] | float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rescaling and normalization of an image processor as one gain and one offset per channel, (3,) each.

    Args:
        rescale_factor: factor of the pixels before normalization; None leaves them as they are.
        image_mean: mean of each channel after rescaling; None does not normalize.
        image_std: standard deviation of each channel after rescaling; None does not normalize.

    Example:
        >>> gain, offset = normalization(0.5, [1.0, 2.0, 3.0], 2.0)
        >>> gain.tolist(), offset.tolist()
        ([0.25, 0.25, 0.25], [-0.5, -1.0, -1.5])
    """
    gain, offset = np.full(3, 1.0 if rescale_factor is None else rescale_factor), np.zeros(3)
    if image_mean is not None and image_std is not None:
        gain, offset = gain / image_std, offset - np.asarray(image_mean) / image_std
    return gain, offset


def _part(array: np.ndarray | torch.Tensor, box: Sequence[int]) -> torch.Tensor:
    """Return a (…, y1 - y0, x1 - x0) float32 copy of a part of an image or a mask."""
    x0, y0, x1, y1 = box
    if isinstance(array, torch.Tensor):
        return array[..., y0:y1, x0:x1].to(torch.float32)
    return torch.from_numpy(np.array(np.asarray(array)[..., y0:y1, x0:x1], dtype=np.float32))


def _shape(entry: Sequence) -> tuple[int, ...]:
    """Return the shape of an array, a tensor, or a list of equal ones, without copying the list to one array."""
    if hasattr(entry, "shape"):
        return tuple(entry.shape)
    shapes = {tuple(np.shape(row)) for row in entry}
    return (len(entry), *(shapes.pop() if len(shapes) == 1 else ()))


def to_numpy(values: object) -> np.ndarray:
    """Return values as a NumPy array, from any device."""
    return values.cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
