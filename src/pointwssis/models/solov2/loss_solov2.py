# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Which cell learns which object (target assignment), and the two losses of SOLOv2 on it.

Follows the official code, which settles what the paper leaves open: objects are assigned to levels by the square root
of their box's area, positive cells lie around the centre of mass, later objects take over shared cells of the class
map while the earlier ones keep learning their mask there.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ...ops.losses import dice_loss, sigmoid_focal_loss
from ...ops.mask_ops import centers_of_mass, downscale_masks, masks_to_boxes

CHUNK = (
    8  # objects whose targets are made at the same time, which bounds the memory and is twice as fast as all at once
)


class LevelTargets(NamedTuple):
    """What one pyramid level learns of one image."""

    # (P,) flat index row · S + column of each positive cell, ordered by object, row, column; cells may repeat
    cells: Tensor
    objects: Tensor  # (P,) index of the object that each of them learns
    owners: Tensor  # (S · S,) index of the object whose class each cell learns, −1 for background


def assign_cells(
    centers: Tensor,
    boxes: Tensor,
    num_grid: int,
    scale_range: tuple[float, float],
    canvas: tuple[int, int],
    sigma: float,
) -> LevelTargets:
    """Positive cells of one level.

    Args:
        centers: (N, 2) centres of mass, (x, y) in pixels of the canvas.
        boxes: (N, 4) xyxy in pixels of the canvas; the square root of their area picks the level.
        num_grid: S, cells along each side.
        scale_range: [lower, upper) of that square root, in pixels.
        canvas: (height, width) of the padded input in pixels, over which the grid spans.
        sigma: fraction of the box around the centre whose cells are positive; never more than the 3 × 3 cells around
            it. 0 gives the centre's cell alone.
    """
    sizes = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0)  # (N, 2) width, height
    scale = (sizes[:, 0] * sizes[:, 1]).sqrt()
    chosen = ((scale >= scale_range[0]) & (scale < scale_range[1])).nonzero().flatten()
    centers, half = centers[chosen], 0.5 * sigma * sizes[chosen]

    middle = cell_of(centers, num_grid, canvas)  # (n, 2) column, row
    first = torch.maximum(cell_of(centers - half, num_grid, canvas).clamp(min=0), middle - 1)
    last = torch.minimum(cell_of(centers + half, num_grid, canvas).clamp(max=num_grid - 1), middle + 1)

    steps = torch.arange(-1, 2, device=centers.device)
    columns, rows = middle[:, :1] + steps, middle[:, 1:] + steps  # (n, 3) each
    inside_columns = (columns >= first[:, :1]) & (columns <= last[:, :1])
    inside_rows = (rows >= first[:, 1:]) & (rows <= last[:, 1:])
    objects, row, column = (inside_rows[:, :, None] & inside_columns[:, None, :]).nonzero(as_tuple=True)
    cells = rows[objects, row] * num_grid + columns[objects, column]
    objects = chosen[objects]

    owners = torch.full((num_grid**2,), -1, device=centers.device, dtype=torch.long)
    owners.scatter_reduce_(0, cells, objects, "amax")  # the later object takes a shared cell
    return LevelTargets(cells, objects, owners)


def cell_of(points: Tensor, num_grid: int, canvas: tuple[int, int]) -> Tensor:
    """(N, 2) column and row of the cells in which points lie; float32 floor division, as in the official code."""
    height, width = canvas
    relative = points / points.new_tensor([width, height])
    return torch.div(relative, 1.0 / num_grid, rounding_mode="floor").long()


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


class PartialLabels(NamedTuple):
    """What a batch's labels leave open; None everywhere: every object of every image has a mask that counts fully."""

    mask_weights: list[Tensor] | None = None  # one (N,) an image: weight of each object's dice loss
    incomplete_classes: Tensor | None = None  # (B, C) bool: the image may hold objects of this class without a label
    unmasked_points: list[Tensor] | None = None  # one (M, 2) an image: objects known by nothing but a point, (x, y)

    def check(self, counts: list[int], num_labels: int) -> None:
        """Raises a ValueError where this does not fit a batch.

        Args:
            counts: objects of each image.
            num_labels: C.
        """
        for name in ("mask_weights", "unmasked_points"):
            values = getattr(self, name)
            if values is not None and len(values) != len(counts):
                raise ValueError(f"{name} has {len(values)} entries for a batch of {len(counts)} images")
        for image, count in enumerate(counts):
            if self.mask_weights is not None and tuple(self.mask_weights[image].shape) != (count,):
                raise ValueError(
                    f"image {image} of the batch: mask_weights have shape {tuple(self.mask_weights[image].shape)}; "
                    f"they take ({count},), one an object"
                )
            if self.unmasked_points is not None and self.unmasked_points[image].shape[1:] != (2,):
                raise ValueError(
                    f"image {image} of the batch: unmasked_points have shape "
                    f"{tuple(self.unmasked_points[image].shape)}; they take (M, 2), (x, y) of each"
                )
        shape = (len(counts), num_labels)
        if self.incomplete_classes is not None and tuple(self.incomplete_classes.shape) != shape:
            raise ValueError(
                f"incomplete_classes has shape {tuple(self.incomplete_classes.shape)}; it takes {shape}, one an image "
                "and class"
            )

    def known_cells(
        self, image: int, targets: LevelTargets, covered: Tensor, canvas: tuple[int, int], unlikely: Tensor
    ) -> Tensor:
        """(C, S, S) bool, the cells of a level that have a class loss: those of which the labels say what is there.

        Where no object of an incomplete class claims a cell, nobody knows whether it is background, so that it counts
        only if the network finds the class unlikely there. Around the point of an object without a mask the 3 × 3 cells
        that could be its own teach nothing, at any level, since its size is not known either.

        Args:
            image: index in the batch.
            targets: of the level.
            covered: (H/4, W/4) bool, the pixels inside of any mask.
            canvas: (height, width) of the padded input.
            unlikely: (C, S, S) bool, where the network gives a class less than `background_threshold`.
        """
        grid = unlikely.shape[-1]
        known = torch.ones_like(unlikely)
        owned = (targets.owners >= 0).view(grid, grid)
        if self.incomplete_classes is not None:
            inside = F.adaptive_avg_pool2d(covered[None, None].float(), grid)[0, 0] >= 0.5
            open_classes = self.incomplete_classes[image].to(covered.device)
            known &= (owned | inside) | ~open_classes[:, None, None] | unlikely
        if self.unmasked_points is not None and len(self.unmasked_points[image]):
            columns, rows = cell_of(self.unmasked_points[image].to(covered.device), grid, canvas).T
            near = torch.zeros(1, 1, grid, grid, device=covered.device)
            near[0, 0, rows.clamp(0, grid - 1), columns.clamp(0, grid - 1)] = 1
            known &= owned | (F.max_pool2d(near, 3, stride=1, padding=1)[0, 0] == 0)
        return known


def solov2_loss(
    outputs: Any,
    mask_labels: list[Tensor],
    class_labels: list[Tensor],
    boxes: list[Tensor] | None,
    config: Any,
    partial: PartialLabels | None = None,
) -> dict[str, Tensor]:
    """Weighted focal and dice loss of a batch.

    The dice loss is the mean over all positive cells of all images and levels, the focal loss the sum over all cells
    divided by the number of cells with a class, plus one. A batch without any positive cell has a mask loss of zero
    that still reaches every parameter (the official code raises there). `partial` goes beyond paper and official code,
    which take every image for completely labelled and every mask for equally good.
    """
    batch, device = len(outputs.mask_features), outputs.mask_features.device
    canvas = tuple(4 * side for side in outputs.mask_features.shape[-2:])
    check_labels(outputs.valid_sizes.tolist(), canvas, mask_labels, class_labels, boxes, config.num_labels)
    partial = partial or PartialLabels()
    partial.check([len(labels) for labels in class_labels], config.num_labels)
    class_targets = [torch.zeros_like(logits, dtype=torch.float32) for logits in outputs.class_logits]
    known_cells = [torch.ones_like(target, dtype=torch.bool) for target in class_targets]
    dice, weights, num_cells = [], [], 0
    for image in range(batch):
        height, width = outputs.valid_sizes[image].tolist()
        masks = mask_labels[image].to(device)[:, :height, :width]
        labels = class_labels[image].to(device)
        image_boxes = None if boxes is None else boxes[image].to(device)
        levels, reduced = image_targets(masks, image_boxes, canvas, config)
        covered = reduced.any(dim=0)
        for target, known, level, logits in zip(class_targets, known_cells, levels, outputs.class_logits, strict=True):
            owned = (level.owners >= 0).nonzero().flatten()
            target[image].flatten(1)[labels[level.owners[owned]], owned] = 1
            unlikely = logits[image].detach().float().sigmoid() < config.background_threshold
            known[image] = partial.known_cells(image, level, covered, canvas, unlikely)
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
        for logits, target, known in zip(outputs.class_logits, class_targets, known_cells, strict=True)
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
