# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Checks of weights that come under other names."""

from collections.abc import Mapping, Sequence

from torch import Tensor

SHOWN = 20  # names of a kind that an error lists


def check_weights(
    converted: Mapping[str, Tensor], expected: Mapping[str, Tensor], unexpected: Sequence[str], model: str
) -> None:
    """Raises one ValueError that lists every missing, unexpected and misshapen weight.

    Args:
        converted: weights under our names.
        expected: `state_dict()` of the model that is to hold them.
        unexpected: original names that have no name of ours.
        model: what the weights should be, for the message.

    Example:
        >>> import torch
        >>> check_weights({"a": torch.ones(2)}, {"a": torch.ones(3)}, ["x"], "a toy")
        Traceback (most recent call last):
        ...
        ValueError: these weights are not those of a toy (1 unexpected: x; 1 misshapen: a (2,) instead of (3,))
    """
    problems = {
        "missing": sorted(expected.keys() - converted.keys()),
        "unexpected": [*unexpected, *sorted(converted.keys() - expected.keys())],
        "misshapen": [
            f"{name} {tuple(converted[name].shape)} instead of {tuple(value.shape)}"
            for name, value in expected.items()
            if name in converted and converted[name].shape != value.shape
        ],
    }
    found = [
        f"{len(names)} {kind}: {', '.join(names[:SHOWN])}{' …' if len(names) > SHOWN else ''}"
        for kind, names in problems.items()
        if names
    ]
    if found:
        raise ValueError(f"these weights are not those of {model} ({'; '.join(found)})")
