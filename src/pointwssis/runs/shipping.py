# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The model that a run ships: the best one by its AP on the validation images."""

from pathlib import Path

from datasets import Dataset

from ..models.factory import is_saved_model
from ..ops.whole_files import read_json, write_json
from .names import candidates_for

# The upper bound is left out: it has learned from hidden masks.
SHIPPED_ROLES = ("student", "control", "teacher")
VALIDATION_FILE = "validation.json"
# On fewer objects, differences of AP between the models of a run are noise.
MIN_VALIDATION_OBJECTS = 50


def save_validation_size(validation: Dataset | None, folder: Path) -> None:
    """Write the number of validation objects with masks into the output folder of a run; without images, 0."""
    objects = [] if validation is None else validation.select_columns(["objects"]).with_format(None)["objects"]
    measured = [item for items in objects for item in items if item["segmentation"] is not None and not item["iscrowd"]]
    write_json(folder / VALIDATION_FILE, {"objects": len(measured)})


def validation_objects(folder: Path) -> int | None:
    """Return the number of objects that the models of a run were measured on; None if it is not known."""
    content = read_json(folder / VALIDATION_FILE)
    return None if content is None else content["objects"]


def ships_by_name(folder: Path) -> bool:
    """Return True if a run has too few validation objects to tell its models apart."""
    count = validation_objects(folder)
    return count is not None and count < MIN_VALIDATION_OBJECTS


def shipped_model(folder: Path, roles: tuple[str, ...] = SHIPPED_ROLES) -> Path | None:
    """Return the best model of a run that was trained without hidden masks.

    Models are compared by their AP on the validation images, which may be held-back images. Where these show fewer than
    `MIN_VALIDATION_OBJECTS` objects, students precede the teacher, and refined labels precede rough ones.

    Args:
        folder: output folder of the run.
        roles: roles to choose from, in the order of preference where AP does not decide.

    Returns:
        Its folder; None before the first training.
    """
    names = [name for role in roles for name in candidates_for(role)]
    saved = [folder / name for name in names if is_saved_model(folder / name)]
    if ships_by_name(folder):
        return next(iter(saved), None)
    # `max` keeps the first of equal ones, so that the order of the names decides ties.
    return max(saved, key=_average_precision, default=None)


def _average_precision(model: Path) -> float:
    """Return the AP of a model, −1 if it was not measured."""
    ap = (read_json(model / "metrics.json") or {}).get("AP")
    return -1.0 if ap is None else ap
