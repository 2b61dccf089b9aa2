# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The official algorithms in plain words, one object at a time, as yardsticks.

They compute what the official code computes in the way in which it does (`docs/decisions.md` names its source), without
its text: a convolution per kernel, a loop over objects and levels, one crop at a time, one pair of masks at a time.
"""

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

GAUSSIAN_RADIUS = 19  # pixels: the official heat map is a square of 39


def official_points(outputs: Any, points: Tensor, labels: Tensor, target_size: tuple[int, int]) -> tuple[Tensor, list]:
    """Return the masks of points: a convolution per point and level, then the decoding of ordinary proposals.

    Args:
        outputs: raw outputs of one image.
        points: (N, 2), (x, y) in pixels of the canvas.
        labels: (N,) class ids.
        target_size: (height, width) of the masks.

    Returns:
        (M, height, width) bool, and the M points whose masks non-maximum suppression keeps, best first.
    """
    features = outputs.mask_features  # (1, E, h, w)
    canvas = torch.tensor([4 * features.shape[3], 4 * features.shape[2]])
    chosen = []
    for point, label in zip(points, labels.tolist(), strict=True):
        best, best_kernel = -1.0, None
        for logits, kernels in zip(outputs.class_logits, outputs.kernels, strict=True):
            grid = logits.shape[-1]
            column, row = (point / canvas * grid).long().tolist()
            # One convolution with the cell's kernel makes its mask.
            kernel = kernels[0, :, row, column]
            mask = F.conv2d(features, kernel[None, :, None, None])[0, 0].sigmoid()
            score = float(maskness(mask) * logits[0].sigmoid()[label, row, column])
            if score > best:
                best, best_kernel = score, kernel
        chosen.append(best_kernel)
    # The chosen cells are decoded like ordinary proposals: masks again, best first, and mask NMS.
    masks = F.conv2d(features, torch.stack(chosen)[:, :, None, None])[0].sigmoid()
    order = torch.stack([maskness(mask) for mask in masks]).argsort(descending=True)
    kept = order[pairwise_mask_nms((masks[order] > 0.5).float(), labels[order])]
    # Enlarge by 4 and crop the padding, then resize to the image, all masks at once.
    return dense_masks(masks[kept], tuple(outputs.valid_sizes[0].tolist()), target_size), kept.tolist()


def maskness(mask: Tensor) -> Tensor:
    """Return the mean probability of the foreground pixels of a mask."""
    foreground = mask > 0.5
    return (mask * foreground).sum() / (foreground.sum() + 1e-8)


def official_targets(masks: Tensor, canvas: tuple[int, int], config: Any) -> list[tuple[Tensor, list[Tensor]]]:
    """Return the targets of one image, object by object and level by level.

    Args:
        masks: (N, H, W) 0/1.
        canvas: (height, width) of the padded input.
        config: a `SOLOv2Config`.

    Returns:
        Per level the (S, S) index of the object of each cell, −1 for background, and the masks at a quarter of the
        resolution of all positive cells.
    """
    boxes = [box_of(mask) for mask in masks]
    results = []
    for grid, (lower, upper) in zip(config.num_grids, config.scale_ranges, strict=True):
        owners, cell_masks = torch.full((grid, grid), -1), []
        for number, (mask, box) in enumerate(zip(masks, boxes, strict=True)):
            size = math.sqrt((box[2] - box[0]) * (box[3] - box[1]))
            if not lower <= size < upper:
                continue
            # The mask at a quarter of the resolution, by voting of the four central pixels.
            small = F.avg_pool2d(mask[None, None].float()[..., 1:, 1:], 2, stride=4)[0, 0] >= 0.5
            center = center_of(mask)
            for row in cells_along(center[1], box[3] - box[1], canvas[0], grid, config.center_sigma):
                for column in cells_along(center[0], box[2] - box[0], canvas[1], grid, config.center_sigma):
                    owners[row, column] = number
                    cell_masks.append(small)
        results.append((owners, cell_masks))
    return results


def box_of(mask: Tensor) -> tuple[int, int, int, int]:
    """Return the extent (x0, y0, x1, y1) of a mask, exclusive maximum; zeros if it is empty."""
    rows, columns = mask.nonzero(as_tuple=True)
    if len(rows) == 0:
        return 0, 0, 0, 0
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def center_of(mask: Tensor) -> tuple[float, float]:
    """Return the center of mass (x, y) of a mask over integer pixel indices."""
    height, width = mask.shape
    total = mask.sum().clamp(min=1e-6)
    x = (mask * torch.arange(width)).sum() / total
    y = (mask * torch.arange(height)[:, None]).sum() / total
    return float(x), float(y)


def cells_along(center: float, extent: int, side: int, grid: int, sigma: float) -> range:
    """Return the positive cells along one axis: the middle of the object, at most one cell from its center."""
    middle = int(center / side // (1 / grid))
    half = 0.5 * sigma * extent
    first = max(int((center - half) / side // (1 / grid)), 0, middle - 1)
    last = min(int((center + half) / side // (1 / grid)), grid - 1, middle + 1)
    return range(first, last + 1)


def official_refinement(model: Any, image: Image.Image, rough_masks: np.ndarray, points: Tensor) -> list[np.ndarray]:
    """Refine one crop at a time, with one dense heat map per class.

    The model takes points as indices. A dense map has a channel per class, of which all but one are zero; it is built
    here as in the official code, and reduced to what the model takes.

    Args:
        model: a `MaskRefineNetForMaskRefinement`.
        image: RGB image.
        rough_masks: (N, H, W) bool.
        points: (N, 2), (x, y) in pixels of the image.

    Returns:
        N refined masks, each (H, W) bool.
    """
    size, refined = model.config.crop_size, []
    for mask, point in zip(rough_masks, points.tolist(), strict=True):
        # Normalize the whole image, then cut the crop.
        pixels = torch.from_numpy(np.asarray(image, np.float32) / 255).permute(2, 0, 1)
        pixels = (pixels - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / 0.225
        x0, y0, x1, y1 = scaled_box(mask, 2.0)
        crop = F.interpolate(pixels[None, :, y0:y1, x0:x1], size=(size, size), mode="bilinear")
        rough = F.interpolate(torch.from_numpy(mask[None, None, y0:y1, x0:x1]).float(), size=(size, size))
        x, y = (point[0] - x0) / (x1 - x0) * size, (point[1] - y0) / (y1 - y0) * size
        x, y = min(max(x, 0), size - 1), min(max(y, 0), size - 1)
        dense = torch.zeros(1, model.config.num_point_channels, size, size)
        dense[0, min(1, len(dense[0]) - 1)] = gaussian_at(x, y, size)
        position = dense[0].amax(dim=0).argmax()
        input_points = torch.stack([position % size, position // size])[None]
        labels = torch.zeros(1, dtype=torch.long)
        with torch.inference_mode():
            logits = model(pixel_values=crop, rough_masks=rough, input_points=input_points, class_labels=labels).logits
        # Back to the size of the crop, then into an image of zeros.
        foreground = F.interpolate(logits.softmax(1), size=(y1 - y0, x1 - x0), mode="bilinear")[0].argmax(0)
        full = np.zeros(mask.shape, bool)
        full[y0:y1, x0:x1] = foreground.numpy().astype(bool)
        refined.append(full)
    return refined


def scaled_box(mask: np.ndarray, scale: float) -> tuple[int, int, int, int]:
    """Return the extent of a mask, scaled about its center and clipped to the image."""
    rows, columns = np.nonzero(mask)
    sides = []
    for indices, length in ((columns, mask.shape[1]), (rows, mask.shape[0])):
        middle = (indices.min() + indices.max()) / 2
        half = (indices.max() - indices.min()) / 2 * scale
        sides.append((max(int(middle - half), 0), min(int(middle + half), length - 1) + 1))
    (x0, x1), (y0, y1) = sides
    return x0, y0, x1, y1


def gaussian_at(x: float, y: float, size: int) -> Tensor:
    """Return a (size, size) Gaussian of sigma 6 around a point, zero outside a square of 39 pixels."""
    steps = torch.arange(size)
    columns, rows = (steps - int(x)).float(), (steps - int(y)).float()
    heat = torch.exp(-(rows[:, None] ** 2 + columns[None] ** 2) / (2 * 6.0**2))
    inside = (rows.abs()[:, None] <= GAUSSIAN_RADIUS) & (columns.abs()[None] <= GAUSSIAN_RADIUS)
    return heat * inside


def pairwise_mask_nms(masks: Tensor, labels: Tensor, iou_threshold: float = 0.5) -> list[int]:
    """Return the masks that survive, by comparing one pair at a time.

    Args:
        masks: (N, H, W) float 0/1, best first.
        labels: (N,) class ids.
        iou_threshold: IoU above which the worse of two masks of a class is suppressed.
    """
    areas = masks.flatten(1).sum(1)
    kept = [True] * len(masks)
    for better in range(len(masks)):
        if not kept[better]:
            continue
        for worse in range(better + 1, len(masks)):
            if not kept[worse] or labels[better] != labels[worse]:
                continue
            intersection = (masks[better] * masks[worse]).sum()
            union = areas[better] + areas[worse] - intersection
            if union > 0 and intersection / union > iou_threshold:
                kept[worse] = False
    return [index for index, keep in enumerate(kept) if keep]


def float_matrix_nms(masks: Tensor, labels: Tensor, scores: Tensor, sigma: float = 2.0) -> Tensor:
    """Return scores decayed by Matrix NMS with a Gaussian kernel, on masks as floats."""
    flat = masks.flatten(1).float()
    intersection, areas = flat @ flat.T, flat.sum(1)
    union = areas[None] + areas[:, None] - intersection
    same = (labels[None] == labels[:, None]).float()
    overlap = (intersection / union.clamp(min=1)).triu(1) * same
    compensation = overlap.amax(0)[:, None].expand_as(overlap)
    return scores * (torch.exp(-sigma * overlap**2) / torch.exp(-sigma * compensation**2)).amin(0)


def dense_masks(probabilities: Tensor, valid_size: tuple[int, int], target_size: tuple[int, int]) -> Tensor:
    """Return (N, height, width) bool masks by two bilinear resizes of whole images.

    Args:
        probabilities: (N, h, w) at a quarter of the canvas.
        valid_size: (height, width) of the image inside the canvas.
        target_size: (height, width) of the masks.
    """
    enlarged = F.interpolate(probabilities[None], scale_factor=4, mode="bilinear", align_corners=False)
    valid = enlarged[..., : valid_size[0], : valid_size[1]]
    return F.interpolate(valid, size=target_size, mode="bilinear", align_corners=False)[0] > 0.5
