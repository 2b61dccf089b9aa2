# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The training arguments of a stage, from those of the recipe."""

import dataclasses
import math
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_type_hints

import torch
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

from ..ops.devices import best_device, choose_dtype
from ..ops.user_error import UserError
from ..ops.wording import brief, did_you_mean, with_hint
from ..training.arguments import SegmentationTrainingArguments
from ..training.refinement_sampling import RefinementSampling
from .recipe import Recipe
from .recipe_values import checked_value

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
    own = {name: value for setting in settings for name, value in setting.items()}
    # Names and numbers are checked first, for messages in terms of the recipe.
    with recipe.places.naming():
        check_arguments(recipe, own)
        arguments = _arguments(recipe, values, own)
    # A shortened training run warms up for the same fraction of its steps.
    if recipe.max_steps is not None and recipe.max_steps < arguments.max_steps:
        shorter = recipe.max_steps / arguments.max_steps
        arguments.max_steps = recipe.max_steps
        if arguments.warmup_steps >= 1:
            arguments.warmup_steps = max(1, int(arguments.warmup_steps * shorter))
    # By default five checkpoints per training, of which the latest is kept
    if "save_steps" not in own:
        arguments.save_steps = max(1, arguments.max_steps // 5)
    return arguments


def _arguments(recipe: Recipe, defaults: dict[str, Any], own: dict[str, Any]) -> SegmentationTrainingArguments:
    """Return training arguments; an error of transformers names the key of the recipe that alone leads to it."""
    try:
        return SegmentationTrainingArguments(**{**defaults, **own})
    except (ValueError, TypeError) as error:
        for name, value in own.items():
            try:
                SegmentationTrainingArguments(**{**defaults, name: value})
            except (ValueError, TypeError) as alone:
                raise UserError(f"{key_of(recipe, name, value)} is {brief(value)}: {alone}") from error
        raise UserError(f"training: {error}") from error


def key_of(recipe: Recipe, name: str, value: Any) -> str:
    """Return the key of a recipe that gives a training argument this value, such as "student.max_steps"."""
    for key in ("refiner", "student", "teacher"):
        settings = getattr(recipe, key)
        if name in settings and settings[name] is value:
            return f"{key}.{name}"
    return f"training.{name}"


def default_report() -> str:
    """Return TensorBoard where its package is installed, else "none"."""
    return TENSORBOARD if find_spec(TENSORBOARD) is not None else "none"


def check_report(report_to: Any, key: str) -> None:
    """Raise a `UserError` if a package that the training is to report to is unknown to transformers or not installed.

    Args:
        report_to: value of the training argument.
        key: key of the recipe that gives it; begins the message.
    """
    names: Sequence[Any] = report_to if isinstance(report_to, list) else [report_to]
    known = [*sorted(INTEGRATION_TO_CALLBACK), "all", "none"]
    for name in names:
        if name is not None and name not in known:
            raise UserError(f"{key} is {brief(name)}; expected one of {', '.join(known)}")
        if name in PACKAGES and find_spec(name) is None:
            raise UserError(f"{key} is {name}, which is not installed; pip install {PACKAGES[name]}")


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


def check_arguments(recipe: Recipe, values: dict[str, Any]) -> None:
    """Raise a `UserError` for a training argument that does not exist or has a value that cannot be.

    Args:
        recipe: recipe that gives them; the messages begin with its keys.
        values: name → value.
    """
    known = {item.name: item.default for item in dataclasses.fields(SegmentationTrainingArguments) if item.init}
    hints = get_type_hints(SegmentationTrainingArguments)
    for name, value in values.items():
        key = key_of(recipe, name, value)
        if name not in known:
            raise UserError(with_hint(f"{key}: there is no training argument {name!r}", did_you_mean(name, known)))
        if name == "output_dir":
            raise UserError(f"{key} belongs to the run; set output_dir of the recipe instead")
        if name == "report_to":
            check_report(value, key)
        checked_value(value, hints[name], key)
        if _is_number(value):
            _check_number(name, value, known[name], key)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_number(name: str, value: float, default: Any, key: str) -> None:
    """Raise a `UserError` for a number that would end the training with NaN, or once the data are loaded.

    Args:
        name: name of the training argument.
        value: its value.
        default: default of the argument; a negative number, or None, permits negative values.
        key: key of the recipe that gives the value; begins the message.
    """
    may_be_negative = default is None or (_is_number(default) and default < 0)
    if not math.isfinite(value) or (value < 0 and not may_be_negative):
        raise UserError(f"{key} is {value!r}; it must be a finite number of at least 0")
    if name in POSITIVE_ARGUMENTS and value < 1:
        raise UserError(f"{key} is {value!r}; it must be at least 1")


def refiner_settings(recipe: Recipe) -> dict[str, Any]:
    """Return the training arguments of the recipe's `refiner`, without the options of its samples."""
    options = {option.name for option in dataclasses.fields(RefinementSampling)}
    return {name: value for name, value in recipe.refiner.items() if name not in options}
