# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Time per training step on this machine, loading and augmentation included."""

import os
import time
from collections.abc import Callable, Iterable
from itertools import chain, pairwise
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch.utils.data import default_collate

from ..data import class_names, objects_with_mask
from ..models.factory import new_segmenter
from ..ops.devices import autocast, best_device, choose_dtype, for_device
from ..ops.wording import counted
from ..runs.compute import fixed_settings
from ..runs.recipe import Recipe, refiner_sampling
from ..runs.refiner_stage import starting_refiner
from ..training.arguments import MASK_REFINE_NET_ARGUMENTS, SegmentationTrainingArguments
from ..training.collators import InstanceCollator
from ..training.compute_settings import candidates, fastest_settings, in_memory_format, using_threads
from ..training.datasets import Augmentation, InstanceDataset
from ..training.refinement_dataset import RefinementDataset

TIMED_STEPS = 3  # the fastest of them counts: other programs can only slow a step down
TIME_LIMIT = 12.0  # seconds after which no further step starts
WARM_UP_SAMPLES = 2  # batch size of the first step, which is not timed
BUSY_LOAD = 1.5  # programs per core, averaged over a minute, from which times of steps are doubtful
SAMPLE_IMAGES = 64  # images from which the timed batches are drawn


def machine_name() -> str:
    """Return the processor that trains on this machine.

    Example:
        >>> "CPU" in machine_name() or "GPU" in machine_name()
        True
    """
    if torch.cuda.is_available():
        return f"GPU ({torch.cuda.get_device_name()})"
    return f"CPU with {os.cpu_count()} cores"


def busy_note() -> str:
    """Return a warning if more programs compete for the processor than it has cores; "" otherwise, or if unknown."""
    load, cores = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0, os.cpu_count() or 1
    if load < BUSY_LOAD * cores:
        return ""
    busy = f"Other programs were running (load {load:.0f} on {counted(cores, 'core')})"
    return f"{busy}, so that steps took longer than they need: propose again on an idle machine."


def segmenter_seconds(recipe: Recipe, rows: Dataset) -> float:
    """Return the seconds per training step of a recipe's SOLOv2.

    Args:
        recipe: its `model`, `training`, `image_size`, `pad_size`, `tile_size` and `augmentation` are used.
        rows: rows of the schema with masks.
    """
    model, processor = new_segmenter(
        class_names(rows), recipe.model, recipe.image_size, recipe.pad_size, recipe.backbone_name_or_path
    )
    dataset = InstanceDataset(rows, Augmentation(**recipe.augmentation), recipe.seed, tile_size=recipe.tile_size)
    # One fixed scale, so that all steps take the same time
    shortest = recipe.image_size["shortest_edge"]
    collate = InstanceCollator(processor, [shortest], recipe.image_size.get("longest_edge"))
    batches = _batches(dataset, segmenter_batch_size(recipe))
    return _fastest_step(model, recipe, map(collate, batches))


def refiner_seconds(recipe: Recipe, rows: Dataset) -> float:
    """Return the seconds per training step of a recipe's MaskRefineNet; ground-truth masks replace rough ones.

    Args:
        recipe: its `refiner_model`, `refiner` and `augmentation` are used.
        rows: rows of the schema with masks.
    """
    names = class_names(rows)
    model, processor = starting_refiner(recipe, names, recipe.refiner_name_or_path)
    rough = rows.with_format(None).map(_with_ground_truth_as_rough, features=rows.features)
    sampling, augmentation = refiner_sampling(recipe.refiner), Augmentation(**recipe.augmentation)
    dataset = RefinementDataset(rough, processor, tuple(model.config.train_box_scale), sampling, augmentation)
    batches = _batches(dataset, refiner_batch_size(recipe))
    return _fastest_step(model, recipe, map(default_collate, batches))


def segmenter_batch_size(recipe: Recipe) -> int:
    """Return the images per training step of a recipe's SOLOv2."""
    default = SegmentationTrainingArguments.per_device_train_batch_size
    return recipe.training.get("per_device_train_batch_size", default)


def refiner_batch_size(recipe: Recipe) -> int:
    """Return the crops per training step of a recipe's MaskRefineNet."""
    default = MASK_REFINE_NET_ARGUMENTS["per_device_train_batch_size"]
    return recipe.refiner.get("per_device_train_batch_size", default)


def some_rows(rows: Dataset, count: int = SAMPLE_IMAGES) -> Dataset:
    """Return up to `count` images with masks, always the same ones."""
    # Look at a few more images than needed, since some have no mask.
    order = np.random.default_rng(0).permutation(len(rows))[: 4 * count]
    masked = [int(position) for position in order if objects_with_mask(rows[int(position)])]
    return rows.select(masked[:count])


def _with_ground_truth_as_rough(row: dict[str, Any]) -> dict[str, Any]:
    """Return the objects of a row with their masks as rough masks."""
    return {"objects": [{**item, "rough_segmentation": item["segmentation"]} for item in row["objects"]]}


def _batches(dataset: Any, batch_size: int) -> Iterable[list[Any]]:
    """Yield a small batch to warm up with, then full batches without end."""
    yield [dataset[position % len(dataset)] for position in range(min(WARM_UP_SAMPLES, batch_size))]
    start = 0
    while True:
        yield [dataset[(start + offset) % len(dataset)] for offset in range(batch_size)]
        start += batch_size


def _fastest_step(model: torch.nn.Module, recipe: Recipe, batches: Iterable[dict[str, Any]]) -> float:
    """Return the seconds of the fastest step; the first one warms up caches and does not count."""
    device, batches = best_device(), iter(batches)
    warm_up = next(batches)
    model = for_device(model, device).to(device).train()
    dtype, threads = _chosen_compute(model, recipe, warm_up, device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    began, step_ends = time.monotonic(), []
    with using_threads(threads):
        for batch in chain([warm_up], batches):
            _take_step(model, optimizer, batch, dtype, device)
            step_ends.append(time.monotonic())
            # Even a very slow machine gets one timed step.
            is_over_time = len(step_ends) > 1 and step_ends[-1] - began > TIME_LIMIT
            if len(step_ends) > TIMED_STEPS or is_over_time:
                break
    return min(end - start for start, end in pairwise(step_ends))


def _chosen_compute(
    model: torch.nn.Module, recipe: Recipe, batch: dict[str, Any], device: torch.device
) -> tuple[torch.dtype, int]:
    """Return the precision and the threads that a training chooses, and give the model its memory format."""
    if device.type != "cpu":
        return choose_dtype(device, recipe.bf16), torch.get_num_threads()
    chosen, _ = fastest_settings(model, batch, candidates(**fixed_settings(recipe, [])), TIME_LIMIT)
    in_memory_format(model, chosen.channels_last)
    return torch.bfloat16 if chosen.bf16 else torch.float32, chosen.threads


def _take_step(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: dict[str, Any],
    dtype: torch.dtype,
    device: torch.device,
) -> None:
    """Take one training step, and wait for its end on a GPU."""
    with autocast(device, dtype):
        loss = model(**_moved(batch, lambda tensor: tensor.to(device))).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    # Kernels run asynchronously: without waiting, only their launch would be timed.
    if device.type == "cuda":
        torch.cuda.synchronize()


def _moved(value: Any, move: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """Return nested lists and dictionaries with every tensor moved."""
    if isinstance(value, torch.Tensor):
        return move(value)
    if isinstance(value, dict):
        return {key: _moved(item, move) for key, item in value.items()}
    return [_moved(item, move) for item in value] if isinstance(value, list) else value
