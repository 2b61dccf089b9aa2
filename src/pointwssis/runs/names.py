# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The names of a run: its models and pseudo labels in folders, results, cards and on the Hub; folders of trainings."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelName:
    """The names of one model of a run.

    Args:
        name: folder of the model in the run, and its key in `results.json`.
        stage: stage of the recipe that trains it.
        role: part of the model in the method, for model cards and repositories of the Hub.
        title: row of the model in the tables of results.
    """

    name: str
    stage: str
    role: str
    title: str


# In the order of training; the best model of a role stands last.
MODELS = (
    ModelName("teacher", "teacher", "teacher", "teacher, the few masks alone"),
    ModelName("refiner", "refiner", "refiner", "MaskRefineNet"),
    ModelName("control", "control", "control", "control: the few masks alone, as many steps"),
    ModelName("student_point", "student", "student", "student, masks + points"),
    ModelName("student_refined", "student", "student", "student, masks + points + MaskRefineNet"),
    ModelName("upper_bound", "upper_bound", "upper_bound", "all masks (upper bound)"),
)

# MaskRefineNet has no average precision of its own: its pseudo labels are measured.
SEGMENTERS = tuple(model for model in MODELS if model.role != "refiner")

# In the order of the rows in tables of results
PSEUDO_LABELS = {
    "rough": "rough masks",
    "refined": "refined masks",
    "proposed_rough": "proposals, rough masks",
    "proposed_refined": "proposals, refined masks",
}

# Control and upper bound are left out: they are only for comparison.
PUBLISHED_ROLES = ("student", "teacher", "refiner")


# Folders of the output folder that hold the models of earlier rounds, and the teachers of folds
ROUNDS, FOLDS = "rounds", "folds"


def role_of(name: str) -> str:
    """Return the role of the model in a folder.

    Example:
        >>> role_of("student_refined")
        'student'
    """
    return next(model.role for model in MODELS if model.name == name)


def candidates_for(role: str) -> list[str]:
    """Return the folders that may hold the model of a role, the best one first.

    Example:
        >>> candidates_for("student")
        ['student_refined', 'student_point']
    """
    return [model.name for model in reversed(MODELS) if model.role == role]


def round_name(model: str, number: int) -> str:
    """Return the folder of a student or the refiner after an earlier round, relative to the output folder.

    Example:
        >>> round_name("student_refined", 1)
        'rounds/student_refined_1'
    """
    return f"{ROUNDS}/{model}_{number}"


def fold_name(number: int, folds: int) -> str:
    """Return the folder of the teacher that leaves a fold out, relative to the output folder; the first fold is 1.

    Example:
        >>> fold_name(1, 3)
        'folds/1_of_3'
    """
    return f"{FOLDS}/{number}_of_{folds}"


def model_of(name: str) -> str:
    """Return the model that a training belongs to: that of a round, the refiner for folds, or the name itself.

    Example:
        >>> model_of("rounds/student_refined_1"), model_of("folds/1_of_2"), model_of("teacher")
        ('student_refined', 'refiner', 'teacher')
    """
    folder, _, inside = name.partition("/")
    if folder == FOLDS:
        return "refiner"
    return inside.rpartition("_")[0] if folder == ROUNDS else name
