# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""How long a training step takes on this machine, loading and augmentation included."""

import os
import time
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch.utils.data import default_collate

from ..data import class_names, objects_with_mask
from ..models.factory import new_refiner, new_segmenter
from ..ops.devices import autocast, best_device, choose_dtype, for_device
from ..runs.recipe import Recipe
from ..training.collators import InstanceCollator
from ..training.datasets import Augmentation, InstanceDataset, RefinementDataset

TIMED_STEPS = 3  # of which the fastest counts: other programs can only slow a step down
SECONDS = 12.0  # no further step is begun after so many
WARM_UP = 2  # samples of the first step, which is not timed


def machine_name() -> str:
    """What computes here.

    Example:
        >>> "CPU" in machine_name() or "GPU" in machine_name()
        True
    """
    if torch.cuda.is_available():
        return f"GPU ({torch.cuda.get_device_name()})"
    return f"CPU with {os.cpu_count()} cores"


def segmenter_seconds(recipe: Recipe, rows: Dataset) -> float:
    """Seconds that a step of a recipe's SOLOv2 training takes.

    Args:
        recipe: of which `model`, `training`, `image_size`, `pad_size` and `augmentation` count.
        rows: with masks.
    """
    model, processor = new_segmenter(
        class_names(rows), recipe.model, recipe.image_size, recipe.pad_size, recipe.backbone_name_or_path
    )
    dataset = InstanceDataset(rows, Augmentation(**recipe.augmentation), recipe.seed)
    shortest = recipe.image_size["shortest_edge"]
    collate = InstanceCollator(processor, [shortest], recipe.image_size.get("longest_edge", 10**9))
    batch_size = recipe.training["per_device_train_batch_size"]
    return _fastest_step(model, recipe, (collate(samples) for samples in _batches(dataset, batch_size)))


def refiner_seconds(recipe: Recipe, rows: Dataset) -> float:
    """The same of its MaskRefineNet; the true masks stand in for rough ones."""
    names = class_names(rows)
    model, processor = new_refiner(names, recipe.refiner_model, recipe.backbone_name_or_path)
    rough = rows.with_format(None).map(_with_true_masks_as_rough, features=rows.features)
    augmentation = Augmentation(**recipe.augmentation)
    dataset = RefinementDataset(rough, processor, tuple(model.config.train_box_scale), augmentation=augmentation)
    batch_size = recipe.refiner["per_device_train_batch_size"]
    return _fastest_step(model, recipe, map(default_collate, _batches(dataset, batch_size)))


def some_rows(rows: Dataset, count: int = 64) -> Dataset:
    """A few images with masks, always the same ones."""
    order = np.random.default_rng(0).permutation(len(rows))[: 4 * count]
    masked = [int(position) for position in order if objects_with_mask(rows[int(position)])]
    return rows.select(masked[:count])


def _with_true_masks_as_rough(row: dict[str, Any]) -> dict[str, Any]:
    return {"objects": [{**item, "rough_segmentation": item["segmentation"]} for item in row["objects"]]}


def _batches(dataset: Any, batch_size: int) -> Iterable[list[Any]]:
    """A small batch, and whole ones without end."""
    yield [dataset[position % len(dataset)] for position in range(min(WARM_UP, batch_size))]
    start = 0
    while True:
        yield [dataset[(start + offset) % len(dataset)] for offset in range(batch_size)]
        start += batch_size


def _fastest_step(model: torch.nn.Module, recipe: Recipe, batches: Iterable[dict[str, Any]]) -> float:
    """The first step warms caches up; of those after it some are timed."""
    device = best_device()
    model = for_device(model, device).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    began, marks = time.monotonic(), []  # a mark is the end of a step
    for batch in batches:
        _take_step(model, optimizer, batch, choose_dtype(device, recipe.bf16), device)
        marks.append(time.monotonic())
        if len(marks) > TIMED_STEPS or (len(marks) > 1 and marks[-1] - began > SECONDS):
            break
    return min(after - before for before, after in pairwise(marks))


def _take_step(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: dict[str, Any],
    dtype: torch.dtype,
    device: torch.device,
) -> None:
    with autocast(device, dtype):
        loss = model(**_moved(batch, lambda tensor: tensor.to(device))).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    if device.type == "cuda":
        torch.cuda.synchronize()


def _moved(value: Any, move: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        return move(value)
    if isinstance(value, dict):
        return {key: _moved(item, move) for key, item in value.items()}
    return [_moved(item, move) for item in value] if isinstance(value, list) else value
