# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Files of weights that others wrote: reading them without running anything, their sizes, their completeness."""

import pickle
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

# The weights' place in a file: detectron2 and AdelaiDet, MaskRefineNet, many others, Detectron.
CONTAINERS = ("model", "model_state", "state_dict", "blobs")
PARALLEL = "module."  # before every name when the weights were saved from within DistributedDataParallel

SHOWN = 20  # names of a kind that an error lists

# `best_AP.pt` holds its score as a numpy scalar; numpy before 2.0 wrote the function under another module's name.
NUMPY_SCALAR = np.float64(0).__reduce__()[0]
NUMPY_GLOBALS = [
    (NUMPY_SCALAR, "numpy.core.multiarray.scalar"),
    (NUMPY_SCALAR, "numpy._core.multiarray.scalar"),
    np.dtype,
    np.dtypes.Float64DType,
]

WANTED = re.compile(r"GLOBAL (\S+)|got <class '([^']+)'>")  # in torch's message about what it does not load


def read_checkpoint(path: str | Path) -> Any:
    """Content of a file that `torch.save` wrote: tensors, containers, numbers and text, and numpy's float scalar.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it wants anything else than that to be loaded, or it is damaged.
    """
    path = existing_file(path)
    try:
        with torch.serialization.safe_globals(NUMPY_GLOBALS):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle fails in any way
        if isinstance(error, pickle.UnpicklingError) and (wanted := WANTED.search(str(error))):
            raise refused(path, wanted[1] or wanted[2]) from error
        raise damaged(path, error) from error


def existing_file(path: str | Path) -> Path:
    """The path of a file that is there and may be a checkpoint."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such checkpoint file")
    with path.open("rb") as file:
        if file.read(1) == b"<":
            raise ValueError(f"{path}: is a web page, not a checkpoint; download the file itself")
    return path


def refused(path: Path, wanted: str) -> ValueError:
    """The error for a file that wants more than numbers."""
    return ValueError(
        f"{path}: is refused, because loading it would run {wanted}; a checkpoint needs numbers and containers only"
    )


def damaged(path: Path, error: Exception) -> ValueError:
    """The error for a file that cannot be read to its end."""
    text = str(error).rpartition("WeightsUnpickler error: ")[2].strip()  # before it, torch advises to run the file
    reason = text.splitlines()[0][:200] if text else type(error).__name__
    return ValueError(f"{path}: is no checkpoint, or a damaged one ({reason}); download it again")


def find_weights(content: Any, path: str | Path) -> dict[str, Tensor]:
    """The named weights inside of a checkpoint, wherever its writer has put them.

    Args:
        content: of the file.
        path: for messages.

    Example:
        >>> find_weights({"model_state": {"module.head.bias": torch.zeros(2)}, "cur_itrs": 3}, "best_AP.pt")
        {'head.bias': tensor([0., 0.])}
    """
    if isinstance(content, Mapping):
        content = next((content[key] for key in CONTAINERS if isinstance(content.get(key), Mapping)), content)
    if not isinstance(content, Mapping) or not content:
        raise ValueError(f"{path}: holds {type(content).__name__}, not named weights")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor | np.ndarray):
            raise ValueError(f"{path}: {name!r:.80} is {type(value).__name__}; every entry should be a named weight")
    prefix = PARALLEL if all(name.startswith(PARALLEL) for name in content) else ""
    return {name.removeprefix(prefix): torch.as_tensor(value) for name, value in content.items()}


def size_of(weights: Mapping[str, Tensor], name: str, dimension: int = 0) -> int:
    """A size that a weight tells.

    Raises:
        ValueError: the weight is missing or has too few dimensions.
    """
    if name not in weights:
        raise ValueError(f"these weights lack {name}, from which a size of the model would follow")
    if weights[name].ndim <= dimension:
        raise ValueError(f"{name} has the shape {tuple(weights[name].shape)}; it needs more dimensions")
    return weights[name].shape[dimension]


def resnet_sizes(weights: Mapping[str, Tensor], stages: Sequence[str]) -> dict[str, Any]:
    """Depths, widths and kind of blocks of a ResNet, as fields of transformers' `ResNetConfig`.

    Args:
        weights: with `{stage}{block}.conv{1, 2, 3}.weight` among their names.
        stages: what the names of each stage begin with, such as "layer2.".

    Example:
        >>> weights = {f"layer1.{block}.conv{k}.weight": torch.zeros(8, 8, 3, 3) for block in (0, 1) for k in (1, 2)}
        >>> resnet_sizes(weights, ["layer1."])
        {'depths': [2], 'hidden_sizes': [8], 'layer_type': 'basic'}
    """
    blocks = [re.compile(rf"{re.escape(stage)}(\d+)\.conv(\d)\.weight") for stage in stages]
    found = [[match for name in weights if (match := pattern.fullmatch(name))] for pattern in blocks]
    bottleneck = any(match[2] == "3" for match in found[0])
    last = "conv3.weight" if bottleneck else "conv2.weight"
    return {
        "depths": [len({match[1] for match in matches}) for matches in found],
        "hidden_sizes": [size_of(weights, f"{stage}0.{last}") for stage in stages],
        "layer_type": "bottleneck" if bottleneck else "basic",
    }


def check_weights(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor], model: str) -> None:
    """Raises one ValueError that lists every missing, unexpected and misshapen weight.

    Args:
        weights: as a file has them.
        expected: what should be there, under the names of the file.
        model: what the weights should be, for the message.

    Example:
        >>> check_weights({"a": torch.ones(2), "x": torch.ones(1)}, {"a": torch.ones(3)}, "a toy")
        Traceback (most recent call last):
        ...
        ValueError: these weights are not those of a toy (1 unexpected: x; 1 misshapen: a (2,) instead of (3,))
    """
    problems = {
        "missing": sorted(expected.keys() - weights.keys()),
        "unexpected": sorted(weights.keys() - expected.keys()),
        "misshapen": [
            f"{name} {tuple(weights[name].shape)} instead of {tuple(value.shape)}"
            for name, value in expected.items()
            if name in weights and weights[name].shape != value.shape
        ],
    }
    found = [
        f"{len(names)} {kind}: {', '.join(names[:SHOWN])}{' …' if len(names) > SHOWN else ''}"
        for kind, names in problems.items()
        if names
    ]
    if found:
        raise ValueError(f"these weights are not those of {model} ({'; '.join(found)})")
