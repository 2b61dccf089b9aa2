# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The model that a run ships: the best one by its AP on the validation images."""

from pathlib import Path

from ..models.factory import is_saved_model
from ..ops.whole_files import read_json
from .names import candidates_for

# The upper bound is left out: it has learned from hidden masks.
SHIPPED_ROLES = ("student", "control", "teacher")


def shipped_model(folder: Path, roles: tuple[str, ...] = SHIPPED_ROLES) -> Path | None:
    """Return the best model of a run that was trained without hidden masks.

    Models are compared by their AP on the validation images, which may be held-back images. Without these, students
    precede the teacher, and refined labels precede rough ones.

    Args:
        folder: output folder of the run.
        roles: roles to choose from, in the order of preference where AP does not decide.

    Returns:
        Its folder; None before the first training.
    """
    names = [name for role in roles for name in candidates_for(role)]
    saved = [folder / name for name in names if is_saved_model(folder / name)]
    # `max` keeps the first of equal ones, so that the order of the names decides ties.
    return max(saved, key=_average_precision, default=None)


def _average_precision(model: Path) -> float:
    """Return the AP of a model, −1 if it was not measured."""
    ap = (read_json(model / "metrics.json") or {}).get("AP")
    return -1.0 if ap is None else ap
