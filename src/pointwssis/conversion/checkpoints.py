# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Checkpoint files of other projects: read them without running code, infer sizes, check that they are complete."""

import pickle
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..ops.user_error import UserError, UserFileNotFoundError

# Keys under which files hold their weights: detectron2 and AdelaiDet, MaskRefineNet, many others, Detectron.
CONTAINERS = ("model", "model_state", "state_dict", "blobs")
PARALLEL_PREFIX = "module."  # of every name in weights that were saved from DistributedDataParallel

MAX_NAMES_SHOWN = 20  # per kind of problem in an error

# `best_AP.pt` stores its score as a NumPy scalar; NumPy before 2.0 wrote the function with another module name.
NUMPY_SCALAR = np.float64(0).__reduce__()[0]
NUMPY_GLOBALS = [
    (NUMPY_SCALAR, "numpy.core.multiarray.scalar"),
    (NUMPY_SCALAR, "numpy._core.multiarray.scalar"),
    np.dtype,
    np.dtypes.Float64DType,
]

REFUSED_GLOBAL = re.compile(r"GLOBAL (\S+)|got <class '([^']+)'>")  # in torch's message about what it does not load


def read_checkpoint(path: str | Path) -> Any:
    """Read a file of `torch.save`: tensors, containers, numbers and text, and NumPy's float scalar.

    Raises:
        UserFileNotFoundError: the file does not exist.
        UserError: loading it would need anything else, or it is damaged.
    """
    path = existing_file(path)
    try:
        with torch.serialization.safe_globals(NUMPY_GLOBALS):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises errors of any type
        if isinstance(error, pickle.UnpicklingError) and (found := REFUSED_GLOBAL.search(str(error))):
            raise refused(path, found[1] or found[2]) from error
        raise damaged(path, error) from error


def existing_file(path: str | Path) -> Path:
    """Return the path of an existing file; raise an error if it is missing or a web page."""
    path = Path(path)
    if not path.is_file():
        raise UserFileNotFoundError(f"{path}: no such checkpoint file")
    with path.open("rb") as file:
        if file.read(1) == b"<":
            raise UserError(f"{path}: is a web page, not a checkpoint; download the file itself")
    return path


def refused(path: Path, function: str) -> UserError:
    """Return the error for a file that would run code when loaded."""
    return UserError(
        f"{path}: is refused, because loading it would run {function}; a checkpoint may only hold numbers and "
        "containers"
    )


def damaged(path: Path, error: Exception) -> UserError:
    """Return the error for a file that cannot be read completely."""
    # Only the cause: before it, torch advises loading the file without protection.
    text = str(error).rpartition("WeightsUnpickler error: ")[2].strip()
    reason = text.splitlines()[0][:200] if text else type(error).__name__
    return UserError(f"{path}: is not a checkpoint, or is damaged ({reason}); download it again")


def find_weights(content: Any, path: str | Path) -> dict[str, Tensor]:
    """Return the named weights of a checkpoint, from any of the usual containers.

    Args:
        content: content of the file.
        path: path of the file, for error messages.

    Example:
        >>> find_weights({"model_state": {"module.head.bias": torch.zeros(2)}, "cur_itrs": 3}, "best_AP.pt")
        {'head.bias': tensor([0., 0.])}
    """
    if isinstance(content, Mapping):
        content = next((content[key] for key in CONTAINERS if isinstance(content.get(key), Mapping)), content)
    if not isinstance(content, Mapping) or not content:
        raise UserError(f"{path}: holds {type(content).__name__}, not named weights")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor | np.ndarray):
            raise UserError(f"{path}: {name!r:.80} is {type(value).__name__}; expected named weights only")
    prefix = PARALLEL_PREFIX if all(name.startswith(PARALLEL_PREFIX) for name in content) else ""
    return {name.removeprefix(prefix): torch.as_tensor(value) for name, value in content.items()}


def size_of(weights: Mapping[str, Tensor], name: str, dimension: int = 0) -> int:
    """Return one dimension of a weight, from which a size of the model follows.

    Raises:
        UserError: the weight is missing or has too few dimensions.
    """
    if name not in weights:
        raise UserError(f"these weights lack {name}, which determines a size of the model")
    if weights[name].ndim <= dimension:
        raise UserError(f"{name} has the shape {tuple(weights[name].shape)}; expected more dimensions")
    return weights[name].shape[dimension]


def resnet_sizes(weights: Mapping[str, Tensor], stages: Sequence[str]) -> dict[str, Any]:
    """Return depths, widths and block type of a ResNet, as fields of transformers' `ResNetConfig`.

    Args:
        weights: named weights, among them `{stage}{block}.conv{1, 2, 3}.weight`.
        stages: prefix of the names of each stage, such as "layer2.".

    Example:
        >>> weights = {f"layer1.{block}.conv{k}.weight": torch.zeros(8, 8, 3, 3) for block in (0, 1) for k in (1, 2)}
        >>> resnet_sizes(weights, ["layer1."])
        {'depths': [2], 'hidden_sizes': [8], 'layer_type': 'basic'}
    """
    found = []  # per stage its convolutions: block, number in the block
    for stage in stages:
        pattern = re.compile(rf"{re.escape(stage)}(\d+)\.conv(\d)\.weight")
        found.append([match for name in weights if (match := pattern.fullmatch(name))])
    bottleneck = any(match[2] == "3" for match in found[0])  # basic blocks have two convolutions
    last = "conv3.weight" if bottleneck else "conv2.weight"
    return {
        "depths": [len({match[1] for match in matches}) for matches in found],
        "hidden_sizes": [size_of(weights, f"{stage}0.{last}") for stage in stages],
        "layer_type": "bottleneck" if bottleneck else "basic",
    }


def check_weights(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor], model: str) -> None:
    """Raise one `UserError` that lists every missing, unexpected and misshapen weight.

    Args:
        weights: weights of the file.
        expected: weights of the model, under the names of the file.
        model: name of the model, for the message.

    Example:
        >>> check_weights({"a": torch.ones(2)}, {"a": torch.ones(3)}, "a toy")
        Traceback (most recent call last):
        ...
        pointwssis.ops.user_error.UserError: these weights are not those of a toy (1 misshapen: a (2,) instead of (3,))
    """
    misshapen = []
    for name, value in expected.items():
        if name in weights and weights[name].shape != value.shape:
            misshapen.append(f"{name} {tuple(weights[name].shape)} instead of {tuple(value.shape)}")
    problems = {
        "missing": sorted(expected.keys() - weights.keys()),
        "unexpected": sorted(weights.keys() - expected.keys()),
        "misshapen": misshapen,
    }

    # One part of the message per kind of problem, with a limited number of names.
    found = []
    for kind, names in problems.items():
        if names:
            more = " …" if len(names) > MAX_NAMES_SHOWN else ""
            found.append(f"{len(names)} {kind}: {', '.join(names[:MAX_NAMES_SHOWN])}{more}")
    if found:
        raise UserError(f"these weights are not those of {model} ({'; '.join(found)})")
