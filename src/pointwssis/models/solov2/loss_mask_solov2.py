# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The loss mask of incomplete images: where the class loss has no background."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .grid_solov2 import LevelTargets, cell_of


class IncompleteLabels(NamedTuple):
    """What a batch's labels leave open; None everywhere: every object of every image has a mask that counts fully."""

    mask_weights: list[Tensor] | None = None  # one (N,) an image: weight of each object's dice loss
    incomplete_classes: Tensor | None = None  # (B, C) bool: the image may hold objects of this class without a label
    ignore_points: list[Tensor] | None = None  # one (M, 2) an image: objects known by nothing but a point, (x, y)

    def check(self, counts: list[int], num_labels: int) -> None:
        """Raises a ValueError where this does not fit a batch.

        Args:
            counts: objects of each image.
            num_labels: C.
        """
        for name in ("mask_weights", "ignore_points"):
            values = getattr(self, name)
            if values is not None and len(values) != len(counts):
                raise ValueError(f"{name} has {len(values)} entries for a batch of {len(counts)} images")
        for image, count in enumerate(counts):
            if self.mask_weights is not None and tuple(self.mask_weights[image].shape) != (count,):
                raise ValueError(
                    f"image {image} of the batch: mask_weights have shape {tuple(self.mask_weights[image].shape)}; "
                    f"they take ({count},), one an object"
                )
            if self.ignore_points is not None and self.ignore_points[image].shape[1:] != (2,):
                raise ValueError(
                    f"image {image} of the batch: ignore_points have shape "
                    f"{tuple(self.ignore_points[image].shape)}; they take (M, 2), (x, y) of each"
                )
        shape = (len(counts), num_labels)
        if self.incomplete_classes is not None and tuple(self.incomplete_classes.shape) != shape:
            raise ValueError(
                f"incomplete_classes has shape {tuple(self.incomplete_classes.shape)}; it takes {shape}, one an image "
                "and class"
            )

    def loss_mask(
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
        if self.ignore_points is not None and len(self.ignore_points[image]):
            columns, rows = cell_of(self.ignore_points[image].to(covered.device), grid, canvas).T
            near = torch.zeros(1, 1, grid, grid, device=covered.device)
            near[0, 0, rows.clamp(0, grid - 1), columns.clamp(0, grid - 1)] = 1
            known &= owned | (F.max_pool2d(near, 3, stride=1, padding=1)[0, 0] == 0)
        return known
