# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Target assignment of SOLOv2 and its two losses.

It follows the official code in what the paper leaves open: objects are assigned to levels by the square root of their
box area, positive cells lie around the center of mass, and a cell that several objects share learns the class of the
last one but the masks of all.
"""

from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ...ops.losses import dice_loss, sigmoid_focal_loss
from ...ops.mask_ops import downscale_masks, mask_extents
from ...ops.processes import sum_over_processes
from .grid_solov2 import LevelTargets, assign_cells
from .loss_mask_solov2 import IncompleteLabels

OBJECTS_PER_CHUNK = 8  # objects whose targets are computed together: bounds the memory, and is faster than all at once
LOSS_PIXELS_PER_CHUNK = 2**22  # pixels of predicted masks whose loss is computed together: 16 MiB per tensor


def image_targets(
    masks: Tensor, boxes: Tensor | None, canvas: tuple[int, int], config: Any
) -> tuple[list[LevelTargets], Tensor]:
    """Compute the targets of one image.

    Args:
        masks: (N, h, w) 0/1, the part of the canvas without padding.
        boxes: (N, 4) xyxy in the same frame, or None for the extents of the masks.
        canvas: (height, width) of the padded input.
        config: a `SOLOv2Config`.

    Returns:
        One `LevelTargets` per level, and the masks at a quarter of the padded canvas, (N, H/4, W/4) bool.
    """
    masks = masks.bool()
    extents = mask_extents(masks)
    boxes = extents.boxes if boxes is None else boxes.float()
    boxes = boxes.masked_fill(extents.areas[:, None] == 0, torch.nan)  # an object that vanished in resizing: no level
    # The positive cells of every level.
    levels = []
    for grid, scale_range in zip(config.num_grids, config.scale_ranges, strict=True):
        levels.append(assign_cells(extents.centers, boxes, grid, scale_range, canvas, config.center_sigma))
    # The masks at the resolution of the mask features, a few at a time to bound the memory.
    reduced = torch.zeros(len(masks), canvas[0] // 4, canvas[1] // 4, dtype=torch.bool, device=masks.device)
    for part, chunk in zip(reduced.split(OBJECTS_PER_CHUNK), masks.split(OBJECTS_PER_CHUNK), strict=True):
        small = downscale_masks(chunk)[:, : canvas[0] // 4, : canvas[1] // 4]
        part[:, : small.shape[1], : small.shape[2]] = small
    return levels, reduced


def solov2_loss(
    outputs: Any,
    mask_labels: list[Tensor],
    class_labels: list[Tensor],
    boxes: list[Tensor] | None,
    config: Any,
    incomplete: IncompleteLabels | None = None,
) -> dict[str, Tensor]:
    """Compute the weighted focal and dice loss of a batch.

    The dice loss is the mean over all positive cells of all images and levels. The focal loss is the sum over all cells
    divided by the number of cells with a class, plus one. `incomplete` extends paper and official code, which assume
    that every image is completely labeled and every mask equally reliable. In a training on several processes, both are
    the losses of their common batch; the official code averages the losses of its GPUs.

    Args:
        outputs: outputs of `SOLOv2Model`.
        mask_labels: per image (N, h, w) 0/1 masks in the frame of the padded input.
        class_labels: per image (N,) class ids.
        boxes: per image (N, 4) xyxy in the frame of the masks; None for the extents of the masks.
        config: a `SOLOv2Config`.
        incomplete: weights of masks, and what the labels leave open.

    Returns:
        `loss_class` and `loss_mask`, weighted as configured.

    Raises:
        ValueError: the labels do not fit the batch or each other.
    """
    batch, device = len(outputs.mask_features), outputs.mask_features.device
    canvas = tuple(4 * side for side in outputs.mask_features.shape[-2:])
    check_labels(outputs.valid_sizes.tolist(), canvas, mask_labels, class_labels, boxes, config.num_labels)
    incomplete = incomplete or IncompleteLabels()
    incomplete.check([len(labels) for labels in class_labels], config.num_labels)
    # Class targets and loss mask of all levels, filled image by image; the dice losses of all positive cells.
    class_targets = [torch.zeros_like(logits, dtype=torch.float32) for logits in outputs.class_logits]
    loss_mask = [torch.ones_like(target, dtype=torch.bool) for target in class_targets]
    dice, weights, num_cells = [], [], 0
    for image in range(batch):
        height, width = outputs.valid_sizes[image].tolist()
        masks = mask_labels[image].to(device)[:, :height, :width]
        labels = class_labels[image].to(device)
        image_boxes = None if boxes is None else boxes[image].to(device)
        levels, reduced = image_targets(masks, image_boxes, canvas, config)
        covered = reduced.any(dim=0)
        for target, has_loss, level, logits in zip(class_targets, loss_mask, levels, outputs.class_logits, strict=True):
            owned = (level.owners >= 0).nonzero().flatten()
            target[image].flatten(1)[labels[level.owners[owned]], owned] = 1
            unlikely = logits[image].detach().float().sigmoid() < config.background_threshold
            has_loss[image] = incomplete.loss_mask(image, level, covered, canvas, unlikely)
            num_cells += len(owned)
        objects = torch.cat([level.objects for level in levels])
        if len(objects):
            dice.append(positive_cell_losses(outputs, image, levels, reduced))
            mask_weights = torch.ones(len(masks)) if incomplete.mask_weights is None else incomplete.mask_weights[image]
            weights.append(mask_weights.to(dice[-1])[objects])  # of the mask that each positive cell learns
    focal = focal_loss_sum(outputs.class_logits, class_targets, loss_mask, config)
    mask_loss, weight = weighted_mask_loss(outputs, dice, weights)
    # Sums and their divisors are those of all processes that train together.
    sums = torch.stack([focal, focal.new_tensor(num_cells), mask_loss, weight])
    focal, total_cells, mask_loss, weight = sum_over_processes(sums)
    return {
        "loss_class": config.class_loss_weight * focal / (total_cells + 1),
        "loss_mask": config.mask_loss_weight * mask_loss / weight.clamp(min=1e-6),
    }


def positive_cell_losses(outputs: Any, image: int, levels: list[LevelTargets], reduced: Tensor) -> Tensor:
    """Return the (P,) dice losses of the masks that the P positive cells of one image predict, at least one.

    Many cells are computed in chunks that keep no intermediate masks for the backward pass, which computes them again:
    the memory does not grow with the number of cells.

    Args:
        outputs: outputs of `SOLOv2Model`.
        image: index in the batch.
        levels: targets of each level.
        reduced: (N, H/4, W/4) bool, the masks of the image's objects.
    """
    kernels = torch.cat(
        [k[image].flatten(1)[:, level.cells].T for k, level in zip(outputs.kernels, levels, strict=True)]
    )
    objects = torch.cat([level.objects for level in levels])
    features, masks = outputs.mask_features[image].flatten(1), reduced.flatten(1)
    # Nothing is computed twice for the few cells of most images.
    count = max(1, LOSS_PIXELS_PER_CHUNK // features.shape[1])
    if len(kernels) <= count:
        return _dice_losses(kernels, features, masks, objects)
    losses = []
    for some_kernels, some_objects in zip(kernels.split(count), objects.split(count), strict=True):
        inputs = (some_kernels, features, masks, some_objects)
        losses.append(checkpoint(_dice_losses, *inputs, use_reentrant=False, preserve_rng_state=False))
    return torch.cat(losses)


def _dice_losses(kernels: Tensor, features: Tensor, masks: Tensor, objects: Tensor) -> Tensor:
    """Return the (P,) dice losses of (P, E) kernels on (E, pixels) features and the (N, pixels) masks of objects."""
    mask_logits = kernels @ features  # (P, H/4 · W/4)
    return dice_loss(mask_logits.float().sigmoid(), masks[objects])


def weighted_mask_loss(outputs: Any, losses: list[Tensor], weights: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the weighted sum of the dice losses of a batch, and the sum of the weights, both () float32.

    In a batch without positive cells both are zero, and the loss still reaches every parameter; the official code
    raises an error.

    Args:
        outputs: outputs of `SOLOv2Model`.
        losses: (P,) dice losses of each image with positive cells.
        weights: (P,) weights of each of these images.
    """
    if not losses:
        zero = 0 * (outputs.mask_features.float().sum() + sum(k.float().sum() for k in outputs.kernels))
        return zero, zero.detach()
    weight = torch.cat(weights)
    return (weight * torch.cat(losses)).sum(), weight.sum()


def focal_loss_sum(
    class_logits: tuple[Tensor, ...], class_targets: list[Tensor], loss_mask: list[Tensor], config: Any
) -> Tensor:
    """Return the sum of the focal losses of all cells that have one, over all levels.

    Args:
        class_logits: (B, C, S, S) of each level.
        class_targets: (B, C, S, S) 0/1 of each level.
        loss_mask: (B, C, S, S) bool of each level, True for the cells that have a class loss.
        config: a `SOLOv2Config`.
    """
    total = class_logits[0].new_zeros((), dtype=torch.float32)
    for logits, target, has_loss in zip(class_logits, class_targets, loss_mask, strict=True):
        losses = sigmoid_focal_loss(logits.float(), target, config.focal_alpha, config.focal_gamma)
        total = total + (losses * has_loss).sum()
    return total


def check_labels(
    valid_sizes: list[list[int]],
    canvas: tuple[int, int],
    mask_labels: list[Tensor],
    class_labels: list[Tensor],
    boxes: list[Tensor] | None,
    num_labels: int,
) -> None:
    """Raise a ValueError for labels that do not fit the batch, each other, or the frame of the images.

    Args:
        valid_sizes: [height, width] of each image inside the canvas.
        canvas: (height, width) of the padded input.
        mask_labels: per image (N, h, w) masks.
        class_labels: per image (N,) class ids.
        boxes: per image (N, 4) xyxy, or None.
        num_labels: number of classes.
    """
    # One entry per image; then the entries of each image.
    batch = len(valid_sizes)
    for name, labels in (("mask_labels", mask_labels), ("class_labels", class_labels), ("boxes", boxes)):
        if labels is not None and len(labels) != batch:
            raise ValueError(f"{name} has {len(labels)} entries for a batch of {batch} images")
    for image, (masks, labels) in enumerate(zip(mask_labels, class_labels, strict=True)):
        if masks.ndim != 3 or len(masks) != len(labels):
            raise ValueError(
                f"image {image} of the batch: mask_labels and class_labels must have the shapes (N, height, width) and "
                f"(N,), got {tuple(masks.shape)} and {tuple(labels.shape)}"
            )
        height, width = valid_sizes[image]
        # Masks of the original image would be larger or smaller than the resized one.
        if not (height <= masks.shape[1] <= canvas[0] and width <= masks.shape[2] <= canvas[1]):
            raise ValueError(
                f"image {image} of the batch: mask_labels are {masks.shape[1]} × {masks.shape[2]} pixels, but the "
                f"image is {height} × {width}; resize and pad them with the image, as the image processor does"
            )
        if boxes is not None and tuple(boxes[image].shape) != (len(labels), 4):
            raise ValueError(
                f"image {image} of the batch: boxes must have the shape ({len(labels)}, 4), one per object, got "
                f"{tuple(boxes[image].shape)}"
            )
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < num_labels:
            raise ValueError(
                f"image {image} of the batch: class_labels must lie between 0 and {num_labels - 1}, got "
                f"{labels.tolist()!r:.60}"
            )
