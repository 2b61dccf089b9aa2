# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The training arguments of a stage, from those of the recipe."""

import dataclasses
import math
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

from ..ops.devices import best_device, choose_dtype
from ..ops.user_error import UserError, as_user_error
from ..ops.wording import brief, did_you_mean, with_hint
from ..training.arguments import SegmentationTrainingArguments
from ..training.refinement_sampling import RefinementSampling
from .recipe import Recipe

TENSORBOARD = "tensorboard"  # package, its name in `report_to`, and the folder in that of the run
PACKAGES = {TENSORBOARD: "'pointwssis[tensorboard]'", "wandb": "wandb", "trackio": "trackio"}
CHECKPOINTS = "checkpoints"  # folder in that of a model
POSITIVE_ARGUMENTS = ("max_steps", "per_device_train_batch_size", "per_device_eval_batch_size", "logging_steps")


def training_arguments(recipe: Recipe, folder: Path, *settings: dict[str, Any]) -> SegmentationTrainingArguments:
    """Return the training arguments of a stage; later settings win, and the recipe's `max_steps` is the limit."""
    device = best_device()
    # Defaults of a run; every stage may override them.
    values: dict[str, Any] = {
        "output_dir": str(folder / CHECKPOINTS),
        "seed": recipe.seed,
        "bf16": choose_dtype(device, recipe.bf16) == torch.bfloat16,
        "use_cpu": device.type == "cpu",
        "disable_tqdm": True,
        "logging_steps": 20,
        "save_total_limit": 1,
        "report_to": default_report(),
        "run_name": f"{Path(recipe.output_dir).name} {folder.name}",
    }
    for setting in settings:
        if "output_dir" in setting:
            raise UserError("the training argument output_dir belongs to the run; set output_dir of the recipe instead")
        values.update(setting)
    # Names and numbers are checked first, for messages in terms of the recipe.
    check_arguments(values)
    check_report(values["report_to"])
    with as_user_error(ValueError, source="training"):
        arguments = SegmentationTrainingArguments(**values)
    # A shortened training run warms up for the same fraction of its steps.
    if recipe.max_steps is not None and recipe.max_steps < arguments.max_steps:
        shorter = recipe.max_steps / arguments.max_steps
        arguments.max_steps = recipe.max_steps
        if arguments.warmup_steps >= 1:
            arguments.warmup_steps = max(1, int(arguments.warmup_steps * shorter))
    # By default five checkpoints per training, of which the latest is kept
    if not any("save_steps" in setting for setting in settings):
        arguments.save_steps = max(1, arguments.max_steps // 5)
    return arguments


def default_report() -> str:
    """Return TensorBoard where its package is installed, else "none"."""
    return TENSORBOARD if find_spec(TENSORBOARD) is not None else "none"


def check_report(report_to: Any) -> None:
    """Raise a `UserError` if a package that the training is to report to is unknown to transformers or not installed.

    Args:
        report_to: value of the training argument.
    """
    names: Sequence[Any] = report_to if isinstance(report_to, list) else [report_to]
    known = [*sorted(INTEGRATION_TO_CALLBACK), "all", "none"]
    for name in names:
        if name is not None and name not in known:
            raise UserError(f"training.report_to is {brief(name)}; expected one of {', '.join(known)}")
        if name in PACKAGES and find_spec(name) is None:
            raise UserError(f"training.report_to is {name}, which is not installed; pip install {PACKAGES[name]}")


def with_steps(settings: dict[str, Any], whole: SegmentationTrainingArguments, steps: int) -> dict[str, Any]:
    """Return the settings of a training run with other steps, which warms up for the same fraction of them.

    Args:
        settings: training arguments of the recipe that differ for this run.
        whole: the arguments that they lead to.
        steps: the other number of steps.
    """
    # Below 1, `warmup_steps` is a fraction already.
    warmup = whole.warmup_steps
    own = max(1, int(warmup * steps / whole.max_steps)) if warmup >= 1 else warmup
    return {**settings, "max_steps": steps, "warmup_steps": own}


def fold_settings(recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Return the training arguments of the teacher of one fold: it takes as many epochs as the teacher."""
    whole = training_arguments(recipe, folder, recipe.training, recipe.teacher)
    folds = recipe.rough_folds
    return with_steps(recipe.teacher, whole, max(1, round(whole.max_steps * (folds - 1) / folds)))


def check_arguments(values: dict[str, Any]) -> None:
    """Raise a `UserError` for a training argument that does not exist or has a value that cannot be."""
    known = {item.name: item.default for item in dataclasses.fields(SegmentationTrainingArguments) if item.init}
    for name, value in values.items():
        if name not in known:
            raise UserError(with_hint(f"there is no training argument {name!r}", did_you_mean(name, known)))
        # A field whose default is a number takes numbers only.
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if type(known[name]) in (int, float) and not is_number:
            raise UserError(f"the training argument {name} must be a number, got {value!r} ({type(value).__name__})")
        # Training would end with NaN, or transformers stop with another message, after the data are loaded.
        if is_number and not (math.isfinite(value) and (value >= 0 or known[name] is None or known[name] < 0)):
            raise UserError(f"the training argument {name} is {value!r}; it must be a finite number of at least 0")
        if name in POSITIVE_ARGUMENTS and value is not None and value < 1:
            raise UserError(f"the training argument {name} is {value!r}; it must be at least 1")


def refiner_settings(recipe: Recipe) -> dict[str, Any]:
    """Return the training arguments of the recipe's `refiner`, without the options of its samples."""
    options = {option.name for option in dataclasses.fields(RefinementSampling)}
    return {name: value for name, value in recipe.refiner.items() if name not in options}
