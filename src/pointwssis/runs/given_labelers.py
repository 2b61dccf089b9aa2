# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The callables that label in place of trained models."""

from collections.abc import Callable
from dataclasses import dataclass

from ..pseudo_labeling import Proposer, Refiner, Teacher


@dataclass(frozen=True)
class GivenLabelers:
    """Callables that were passed to `Run` in place of trained models; None uses the model of the run."""

    teacher: Teacher | None = None
    refiner: Refiner | None = None
    proposer: Proposer | None = None

    def names(self) -> dict[str, str]:
        """Return role → qualified name of each callable."""
        given = {role: labeler for role, labeler in vars(self).items() if labeler is not None}
        return {role: qualified_name(labeler) for role, labeler in given.items()}


def qualified_name(labeler: Callable) -> str:
    """Return the name of a callable, or that of its class, with its module."""
    named = labeler if hasattr(labeler, "__qualname__") else type(labeler)
    return f"{named.__module__}.{named.__qualname__}"
