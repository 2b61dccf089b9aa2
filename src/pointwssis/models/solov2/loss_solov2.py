# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Which cell learns which object (target assignment), and the two losses of SOLOv2 on it.

Follows the official code, which settles what the paper leaves open: objects are assigned to levels by the square root
of their box's area, positive cells lie around the center of mass, later objects take over shared cells of the class
map while the earlier ones keep learning their mask there.
"""

from typing import Any

import torch
from torch import Tensor

from ...ops.losses import dice_loss, sigmoid_focal_loss
from ...ops.mask_ops import centers_of_mass, downscale_masks, masks_to_boxes
from .grid_solov2 import LevelTargets, assign_cells
from .loss_mask_solov2 import IncompleteLabels

CHUNK = (
    8  # objects whose targets are made at the same time, which bounds the memory and is twice as fast as all at once
)


def image_targets(
    masks: Tensor, boxes: Tensor | None, canvas: tuple[int, int], config: Any
) -> tuple[list[LevelTargets], Tensor]:
    """Targets of one image.

    Args:
        masks: (N, h, w) 0/1, valid part of the image only.
        boxes: (N, 4) xyxy in the same frame, or None for the masks' extents.
        canvas: (height, width) of the padded input.

    Returns:
        One `LevelTargets` a level and the masks reduced to a quarter on the padded canvas, (N, H/4, W/4) bool.
    """
    # A few objects at a time: in between, masks take four bytes a pixel.
    chunks = masks.split(CHUNK)
    boxes = torch.cat([masks_to_boxes(chunk) for chunk in chunks]) if boxes is None else boxes.float()
    visible = torch.cat([chunk.flatten(1).any(dim=1) for chunk in chunks])
    boxes = boxes.masked_fill(~visible[:, None], torch.nan)  # an object that vanished in resizing fits no level's range
    centers = torch.cat([centers_of_mass(chunk) for chunk in chunks])
    levels = [
        assign_cells(centers, boxes, grid, scale_range, canvas, config.center_sigma)
        for grid, scale_range in zip(config.num_grids, config.scale_ranges, strict=True)
    ]
    reduced = torch.zeros(len(masks), canvas[0] // 4, canvas[1] // 4, dtype=torch.bool, device=masks.device)
    for part, chunk in zip(reduced.split(CHUNK), chunks, strict=True):
        small = downscale_masks(chunk)[:, : canvas[0] // 4, : canvas[1] // 4]
        part[:, : small.shape[1], : small.shape[2]] = small
    return levels, reduced


def solov2_loss(
    outputs: Any,
    mask_labels: list[Tensor],
    class_labels: list[Tensor],
    boxes: list[Tensor] | None,
    config: Any,
    partial: IncompleteLabels | None = None,
) -> dict[str, Tensor]:
    """Weighted focal and dice loss of a batch.

    The dice loss is the mean over all positive cells of all images and levels, the focal loss the sum over all cells
    divided by the number of cells with a class, plus one. A batch without any positive cell has a mask loss of zero
    that still reaches every parameter (the official code raises there). `partial` goes beyond paper and official code,
    which take every image for completely labeled and every mask for equally good.
    """
    batch, device = len(outputs.mask_features), outputs.mask_features.device
    canvas = tuple(4 * side for side in outputs.mask_features.shape[-2:])
    check_labels(outputs.valid_sizes.tolist(), canvas, mask_labels, class_labels, boxes, config.num_labels)
    partial = partial or IncompleteLabels()
    partial.check([len(labels) for labels in class_labels], config.num_labels)
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
        for target, known, level, logits in zip(class_targets, loss_mask, levels, outputs.class_logits, strict=True):
            owned = (level.owners >= 0).nonzero().flatten()
            target[image].flatten(1)[labels[level.owners[owned]], owned] = 1
            unlikely = logits[image].detach().float().sigmoid() < config.background_threshold
            known[image] = partial.loss_mask(image, level, covered, canvas, unlikely)
            num_cells += len(owned)
        kernels = [k[image].flatten(1)[:, level.cells].T for k, level in zip(outputs.kernels, levels, strict=True)]
        objects = torch.cat([level.objects for level in levels])
        if len(objects):
            masks_logits = torch.cat(kernels) @ outputs.mask_features[image].flatten(1)  # (P, H/4 · W/4)
            dice.append(dice_loss(masks_logits.float().sigmoid(), reduced.flatten(1)[objects]))
            of_objects = torch.ones(len(masks)) if partial.mask_weights is None else partial.mask_weights[image]
            weights.append(of_objects.to(dice[-1])[objects])

    focal = sum(
        (sigmoid_focal_loss(logits.float(), target, config.focal_alpha, config.focal_gamma) * known).sum()
        for logits, target, known in zip(outputs.class_logits, class_targets, loss_mask, strict=True)
    )
    if dice:
        weight = torch.cat(weights)
        mask_loss = (weight * torch.cat(dice)).sum() / weight.sum().clamp(min=1e-6)
    else:
        mask_loss = 0 * (outputs.mask_features.float().sum() + sum(k.float().sum() for k in outputs.kernels))
    return {
        "loss_class": config.class_loss_weight * focal / (num_cells + 1),
        "loss_mask": config.mask_loss_weight * mask_loss,
    }


def check_labels(
    valid_sizes: list[list[int]],
    canvas: tuple[int, int],
    mask_labels: list[Tensor],
    class_labels: list[Tensor],
    boxes: list[Tensor] | None,
    num_labels: int,
) -> None:
    """One clear error instead of an index error deep inside, or of masks that lie in another frame than the image."""
    batch = len(valid_sizes)
    for name, labels in (("mask_labels", mask_labels), ("class_labels", class_labels), ("boxes", boxes)):
        if labels is not None and len(labels) != batch:
            raise ValueError(f"{name} has {len(labels)} entries for a batch of {batch} images")
    for image, (masks, labels) in enumerate(zip(mask_labels, class_labels, strict=True)):
        if masks.ndim != 3 or len(masks) != len(labels):
            raise ValueError(
                f"image {image} of the batch: mask_labels {tuple(masks.shape)} and class_labels "
                f"{tuple(labels.shape)} do not fit;"
                " they take (N, height, width) and (N,)"
            )
        height, width = valid_sizes[image]
        if not (height <= masks.shape[1] <= canvas[0] and width <= masks.shape[2] <= canvas[1]):
            raise ValueError(
                f"image {image} of the batch: mask_labels are {masks.shape[1]} × {masks.shape[2]} pixels, but the "
                f"image is {height} × {width};"
                " they take the frame of pixel_values, so resize and pad them with the image (the image processor does)"
            )
        if boxes is not None and tuple(boxes[image].shape) != (len(labels), 4):
            raise ValueError(
                f"image {image} of the batch: boxes have shape {tuple(boxes[image].shape)}; they take "
                f"({len(labels)}, 4), one an object"
            )
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < num_labels:
            raise ValueError(
                f"image {image} of the batch: class_labels hold {labels.tolist()!r:.60}; they lie in 0 … "
                f"{num_labels - 1}"
            )
