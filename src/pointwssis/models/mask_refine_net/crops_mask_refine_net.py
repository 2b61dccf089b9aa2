# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""From images with rough masks and points to one crop an object; shared by both image processor backends."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from ...ops.points import crop_box_around, points_to_crops


@dataclass
class ObjectPrompts:
    """The objects of a batch of images; each field has one entry an image, each entry one row an object.

    Attributes:
        rough_masks: (N, H, W) bool, in the image's frame.
        input_points: (N, 2), (x, y) in the image's pixels.
        class_labels: (N,) int, or None for a class-agnostic refiner.
        mask_labels: (N, H, W), the true masks (0, 1, or 255 for ignored), or None.
        box_scales: (N,), size of each crop over the extent of its rough mask, or None for the processor's own.
    """

    rough_masks: Sequence
    input_points: Sequence | None
    class_labels: Sequence | None = None
    mask_labels: Sequence | None = None
    box_scales: Sequence | None = None

    def check(self, sizes: list[tuple[int, int]]):
        """Raise a ValueError that names the first entry which does not fit the images of these (height, width)."""
        if self.input_points is None:
            raise ValueError(
                "rough_masks are given without input_points; MaskRefineNet needs a point for each rough mask"
            )
        for name, entries in vars(self).items():
            if entries is not None and len(entries) != len(sizes):
                raise ValueError(f"{name} has {len(entries)} entries for {len(sizes)} images; give one entry an image")
        for i, size in enumerate(sizes):
            count = len(self.rough_masks[i])
            expected = {"rough_masks": (count, *size), "input_points": (count, 2), "mask_labels": (count, *size)}
            for name, entries in vars(self).items():
                shape = () if entries is None else _shape(entries[i])
                # An image without objects may come with any empty entry.
                if entries is not None and (count or shape[0]) and shape != expected.get(name, (count,)):
                    raise ValueError(f"{name}[{i}] has the shape {shape}; expected {expected.get(name, (count,))}")

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """All (image index, object index)."""
        return ((i, j) for i, masks in enumerate(self.rough_masks) for j in range(len(masks)))


def crop_objects(
    images: Sequence,
    prompts: ObjectPrompts,
    size: tuple[int, int],
    box_scale: float,
    prepare_crop: Callable[[object], torch.Tensor],
) -> dict[str, torch.Tensor]:
    """Cut out, normalise and resize every object of a batch of images.

    As in the official code, images are resized bilinearly without antialiasing, masks to the nearest pixel, and the
    aspect ratio is not kept.

    Args:
        images: (3, H, W) arrays or tensors, not yet normalised.
        prompts: the objects of these images.
        size: (height, width) S of the crops.
        box_scale: where the prompts bring none of their own.
        prepare_crop: rescales and normalises a (3, h, w) part of an image to a float tensor.

    Returns:
        Tensors over all M objects, in order: `pixel_values` (M, 3, S, S) float, `rough_masks` (M, 1, S, S) float,
        `input_points` (M, 2) int64, (x, y) in pixels of the resized crop, `crop_boxes` (M, 4) int64, (x0, y0, x1, y1)
        in the image's pixels with exclusive maximum, `image_indices` (M,) int64, and if given `class_labels` (M,) int64
        and `mask_labels` (M, S, S) int64.
    """
    prompts.check([tuple(image.shape[-2:]) for image in images])
    objects = list(prompts)
    boxes = np.array([_crop_box(prompts, i, j, box_scale) for i, j in objects], dtype=np.int64).reshape(-1, 4)
    points = np.array([to_numpy(prompts.input_points[i][j]) for i, j in objects], dtype=np.float64).reshape(-1, 2)
    device = getattr(images[0], "device", "cpu") if len(images) else "cpu"
    pixel_values = torch.empty(len(objects), 3, *size, device=device)
    masks = {"rough_masks": torch.empty(len(objects), *size, device=device)}
    if prompts.mask_labels is not None:
        masks["mask_labels"] = torch.empty(len(objects), *size, device=device)
    for row, ((i, j), (x0, y0, x1, y1)) in enumerate(zip(objects, boxes.tolist(), strict=True)):
        crop = prepare_crop(images[i][:, y0:y1, x0:x1])
        pixel_values[row] = F.interpolate(crop[None], size=size, mode="bilinear", align_corners=False)[0]
        for name, resized in masks.items():
            mask = _mask_crop(getattr(prompts, name)[i][j], (x0, y0, x1, y1)).to(device)
            resized[row] = F.interpolate(mask[None, None], size=size, mode="nearest")[0, 0]
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


def _crop_box(prompts: ObjectPrompts, i: int, j: int, box_scale: float) -> tuple[int, int, int, int]:
    x, y = to_numpy(prompts.input_points[i][j]).tolist()
    scale = box_scale if prompts.box_scales is None else float(prompts.box_scales[i][j])
    try:
        return crop_box_around(to_numpy(prompts.rough_masks[i][j]), (x, y), scale)
    except ValueError as error:
        raise ValueError(f"input_points[{i}][{j}]: {error}") from error


def _mask_crop(mask: np.ndarray | torch.Tensor, box: tuple[int, int, int, int]) -> torch.Tensor:
    """(y1 - y0, x1 - x0) float32 copy of a part of a mask."""
    x0, y0, x1, y1 = box
    if isinstance(mask, torch.Tensor):
        return mask[y0:y1, x0:x1].to(torch.float32)
    return torch.from_numpy(np.array(np.asarray(mask)[y0:y1, x0:x1], dtype=np.float32))


def _shape(entry: Sequence) -> tuple[int, ...]:
    """The shape of an array, a tensor, or a list of equal ones, without joining the list to one array."""
    if hasattr(entry, "shape"):
        return tuple(entry.shape)
    shapes = {tuple(np.shape(row)) for row in entry}
    return (len(entry), *(shapes.pop() if len(shapes) == 1 else ()))


def to_numpy(values: object) -> np.ndarray:
    """A numpy array, wherever the values are."""
    return values.cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
