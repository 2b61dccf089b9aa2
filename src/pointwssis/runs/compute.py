# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The compute settings of a run's trainings: measured once per network, and kept in the output folder."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..ops.bf16_speed import inference_dtype
from ..ops.devices import best_device
from ..ops.processes import from_first_process
from ..ops.whole_files import read_json, write_json
from ..training.arguments import SegmentationTrainingArguments
from ..training.compute_settings import TIMED_SAMPLES, ComputeSettings, TimedSamples, candidates, fastest_settings
from .recipe import Recipe

SPEED_FILE = "speed.json"
LABELING = "labeling_bf16"  # key of the file
MIN_STEPS = 100  # measuring does not pay for shorter trainings


def compute_settings(
    recipe: Recipe,
    kind: str,
    settings: Sequence[Mapping[str, Any]],
    args: SegmentationTrainingArguments,
    model: nn.Module,
    samples: TimedSamples | None,
) -> ComputeSettings:
    """Return the compute settings of a training.

    What the recipe fixes is kept. On a CPU the rest is measured, unless the training is short; the choice is printed
    and kept in `speed.json`, so that later trainings of the same kind and resumed runs compute alike.

    Args:
        recipe: recipe of the run.
        kind: "segmenter" or "refiner".
        settings: training arguments of the stage as the recipe states them, later ones win.
        args: all training arguments of the stage.
        model: model to train.
        samples: training samples to measure on; None measures nothing.
    """
    device, path = best_device(), Path(recipe.output_dir) / SPEED_FILE
    fixed = fixed_settings(recipe, settings)
    plain = ComputeSettings(args.bf16, channels_last=device.type == "cuda", threads=torch.get_num_threads())
    plain = replace(plain, **fixed)
    # GPUs need no choice.
    if device.type != "cpu":
        return plain
    choices = candidates(**fixed)
    plain = plain if plain.trains_on_cpu else choices[0]
    # Several processes must make the same choice.
    if args.world_size > 1:
        return plain
    kept = read_json(path) or {}
    if kind in kept:
        # The run may have moved to a machine with fewer cores.
        threads = min(kept[kind]["threads"], torch.get_num_threads())
        earlier = ComputeSettings(**{**kept[kind], "threads": threads, **fixed})
        if earlier.trains_on_cpu:
            return earlier
    if samples is None or args.max_steps < MIN_STEPS or len(choices) == 1:
        return plain
    chosen, seconds = fastest_settings(model.train(), samples.batch(), choices)
    print(f"  {kind}: {chosen}; {seconds[chosen]:.2f} s per {TIMED_SAMPLES} samples", flush=True)
    write_json(path, {**kept, kind: asdict(chosen)})
    return chosen


def labeling_dtype(recipe: Recipe) -> torch.dtype:
    """Return the dtype in which the models of a run label: that of the recipe, or the faster one.

    The choice is kept in `speed.json`, so that all labels of a run are made alike.
    """
    # Processes on different machines compute alike too.
    return from_first_process(lambda: _labeling_dtype(recipe))


def _labeling_dtype(recipe: Recipe) -> torch.dtype:
    path = Path(recipe.output_dir) / SPEED_FILE
    kept = read_json(path) or {}
    if recipe.bf16 is not None or LABELING in kept:
        return inference_dtype(best_device(), kept[LABELING] if recipe.bf16 is None else recipe.bf16)
    dtype = inference_dtype(best_device(), None)
    if path.parent.is_dir():
        write_json(path, {**kept, LABELING: dtype == torch.bfloat16})
    return dtype


def fixed_settings(recipe: Recipe, settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the compute settings that a recipe fixes, by name; training arguments may fix the precision of a stage."""
    values = {"bf16": recipe.bf16, "channels_last": recipe.channels_last, "threads": recipe.threads}
    for arguments in settings:
        values["bf16"] = arguments.get("bf16", values["bf16"])
    return {name: value for name, value in values.items() if value is not None}
