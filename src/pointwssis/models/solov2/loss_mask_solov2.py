# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Loss mask of incomplete images: the cells that have no background loss."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .grid_solov2 import LevelTargets, cell_of


class IncompleteLabels(NamedTuple):
    """Gaps in the labels of a batch; with None everywhere each object of each image has a mask of weight 1."""

    mask_weights: list[Tensor] | None = None  # one (N,) per image: weight of each object's dice loss
    incomplete_classes: Tensor | None = None  # (B, C) bool: the image may contain unlabeled objects of this class
    ignore_points: list[Tensor] | None = None  # one (M, 2) per image: (x, y) of objects with a point but no mask

    def check(self, counts: list[int], num_labels: int) -> None:
        """Raise a ValueError if a field does not fit the batch.

        Args:
            counts: number of objects of each image.
            num_labels: number of classes, C.
        """
        for name in ("mask_weights", "ignore_points"):
            values = getattr(self, name)
            if values is not None and len(values) != len(counts):
                raise ValueError(f"{name} has {len(values)} entries for a batch of {len(counts)} images")
        # One weight per object, two coordinates per point, one flag per image and class.
        for image, count in enumerate(counts):
            if self.mask_weights is not None and tuple(self.mask_weights[image].shape) != (count,):
                raise ValueError(
                    f"image {image} of the batch: mask_weights must have the shape ({count},), one per object, got "
                    f"{tuple(self.mask_weights[image].shape)}"
                )
            if self.ignore_points is not None and self.ignore_points[image].shape[1:] != (2,):
                raise ValueError(
                    f"image {image} of the batch: ignore_points must have the shape (M, 2), each (x, y), got "
                    f"{tuple(self.ignore_points[image].shape)}"
                )
        shape = (len(counts), num_labels)
        if self.incomplete_classes is not None and tuple(self.incomplete_classes.shape) != shape:
            raise ValueError(
                f"incomplete_classes must have the shape {shape}, one per image and class, got "
                f"{tuple(self.incomplete_classes.shape)}"
            )

    def loss_mask(
        self, image: int, targets: LevelTargets, covered: Tensor, canvas: tuple[int, int], unlikely: Tensor
    ) -> Tensor:
        """Return the (C, S, S) bool loss mask of one level: True for the cells that have a class loss.

        A cell of an incomplete class that belongs to no object may be background or an unlabeled object, so it has a
        loss only if the network itself finds the class unlikely there. Around the point of an object without a mask the
        3 × 3 cells that could be its positive cells have no loss, at any level because the object's size is unknown.

        Args:
            image: index in the batch.
            targets: targets of the level.
            covered: (H/4, W/4) bool, the pixels inside any mask.
            canvas: (height, width) of the padded input.
            unlikely: (C, S, S) bool, True where the network's class probability is below `background_threshold`.
        """
        grid = unlikely.shape[-1]
        loss_mask = torch.ones_like(unlikely)
        owned = (targets.owners >= 0).view(grid, grid)
        if self.incomplete_classes is not None:
            # Cells outside all objects have no loss for incomplete classes, unless the network is sure.
            inside = F.adaptive_avg_pool2d(covered[None, None].float(), grid)[0, 0] >= 0.5
            incomplete = self.incomplete_classes[image].to(covered.device)
            loss_mask &= (owned | inside) | ~incomplete[:, None, None] | unlikely
        if self.ignore_points is not None and len(self.ignore_points[image]):
            # The 3 × 3 cells around each point have no loss, unless they belong to another object.
            columns, rows = cell_of(self.ignore_points[image].to(covered.device), grid, canvas).T
            near = torch.zeros(1, 1, grid, grid, device=covered.device)
            near[0, 0, rows.clamp(0, grid - 1), columns.clamp(0, grid - 1)] = 1
            loss_mask &= owned | (F.max_pool2d(near, 3, stride=1, padding=1)[0, 0] == 0)
        return loss_mask
