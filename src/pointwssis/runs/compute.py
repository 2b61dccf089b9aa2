# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The compute settings of a run's trainings: measured once per network, and kept in the output folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..ops.devices import best_device
from ..training.arguments import SegmentationTrainingArguments
from ..training.compute_settings import TIMED_SAMPLES, ComputeSettings, TimedSamples, candidates, fastest_settings
from .recipe import Recipe

SPEED_FILE = "speed.json"
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
    # GPUs need no choice, and several processes must make the same one.
    is_gpu = device.type == "cuda"
    plain = ComputeSettings(args.bf16, is_gpu, torch.get_num_threads())
    plain = replace(plain, **fixed)
    if device.type != "cpu" or args.world_size > 1:
        return plain
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if kind in kept:
        return ComputeSettings(**{**kept[kind], **fixed})
    choices = candidates(**fixed)
    if samples is None or args.max_steps < MIN_STEPS or len(choices) == 1:
        return plain
    chosen, seconds = fastest_settings(model.train(), samples.batch(), choices)
    print(f"  {kind}: {chosen}; {seconds[chosen]:.2f} s per {TIMED_SAMPLES} samples", flush=True)
    path.write_text(json.dumps({**kept, kind: asdict(chosen)}, indent=1), encoding="utf-8")
    return chosen


def fixed_settings(recipe: Recipe, settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the compute settings that a recipe fixes, by name; training arguments may fix the precision of a stage."""
    values = {"bf16": recipe.bf16, "channels_last": recipe.channels_last, "threads": recipe.threads}
    for arguments in settings:
        values["bf16"] = arguments.get("bf16", values["bf16"])
    return {name: value for name, value in values.items() if value is not None}
