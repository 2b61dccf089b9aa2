# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Rows about training: targets, and steps of whole models."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pointwssis import SOLOv2Config, SOLOv2ForInstanceSegmentation
from pointwssis.models.solov2.loss_solov2 import image_targets
from pointwssis.runs.recipe import Recipe

from .network_rows import RESNET50
from .scenes import disks
from .timing import Comparison
from .yardsticks import official_targets

TEACHER_GRIDS = {
    "num_grids": [80, 64, 32, 24, 12],
    "scale_ranges": [[1, 72], [72, 144], [144, 288], [288, 584], [584, 2048]],
}
HEIGHT, WIDTH = 800, 1088


def targets_row(num_objects: int, goal: float | None, **grids: Any) -> Comparison:
    """Compare the targets of one image with a loop over objects and levels."""
    masks, config = disks(num_objects, HEIGHT, WIDTH).bool(), SOLOv2Config(**grids)
    return Comparison(
        ours=partial(image_targets, masks, None, (HEIGHT, WIDTH), config),
        yardstick=partial(official_targets, masks, (HEIGHT, WIDTH), config),
        yardstick_name="a loop over objects and levels",
        goal=goal,
        check=assert_same_owners,
    )


def assert_same_owners(found: tuple[Any, Tensor], expected: list[tuple[Tensor, list[Tensor]]]) -> None:
    """Raise if cells belong to other objects, or if the number of positive cells differs."""
    for level, (owners, cell_masks) in zip(found[0], expected, strict=True):
        assert torch.equal(level.owners.view_as(owners), owners), "cells belong to other objects"
        assert len(level.cells) == len(cell_masks), "the number of positive cells differs"


def training_step(model: torch.nn.Module, batch: dict[str, Any], dtype: torch.dtype) -> Callable[[], float]:
    """Return a function that runs one step of training and returns its loss."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    device = next(model.parameters()).device.type

    def step() -> float:
        with torch.autocast(device, dtype, enabled=dtype != torch.float32):
            loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return float(loss.detach())

    return step


def step_batch(num_images: int, height: int, width: int, num_objects: int) -> dict[str, Any]:
    """Return a batch of noise with disks as objects of class 0."""
    return {
        "pixel_values": torch.randn(num_images, 3, height, width, generator=torch.Generator().manual_seed(0)),
        "mask_labels": [disks(num_objects, height, width, seed) for seed in range(num_images)],
        "class_labels": [torch.zeros(num_objects, dtype=torch.long) for _ in range(num_images)],
    }


def recipe_step_row(name: str) -> Comparison:
    """Compare a step of a recipe's network in bfloat16 with one in float32, both in the usual memory format."""
    recipe = Recipe.load(name)
    config = SOLOv2Config(**recipe.model, num_labels=1, freeze_backbone_norm=False, freeze_backbone_stages=0)
    side = recipe.image_size["shortest_edge"]
    batch = step_batch(8, side, side, 20)
    models = [SOLOv2ForInstanceSegmentation(config).train() for _ in range(2)]
    return Comparison(
        ours=training_step(models[0], batch, torch.bfloat16),
        yardstick=training_step(models[1], batch, torch.float32),
        yardstick_name="the same in float32",
    )


def resnet50_step_row() -> Comparison:
    """Compare a step of ResNet-50 with frozen stages with one whose frozen stages are differentiated, too."""
    batch = step_batch(1, HEIGHT, WIDTH, 20)
    config = SOLOv2Config(backbone_config=RESNET50, num_labels=80)
    ours, plain = (SOLOv2ForInstanceSegmentation(config).train() for _ in range(2))
    for parameter in plain.parameters():
        parameter.requires_grad_(True)
    return Comparison(
        ours=training_step(ours, batch, torch.float32),
        yardstick=training_step(plain, batch, torch.float32),
        yardstick_name="all stages differentiated",
        goal=1 / 0.85,
    )


ROWS: dict[str, Callable[[], Comparison]] = {
    "targets-default-grids": partial(targets_row, 20, 12),
    "targets-teacher-grids": partial(targets_row, 20, 12, **TEACHER_GRIDS),
    "step-nuclei": partial(recipe_step_row, "nuclei"),
    "step-demo": partial(recipe_step_row, "demo"),
    "step-resnet50": resnet50_step_row,
}
