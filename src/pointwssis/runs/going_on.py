# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A run that goes on from the student of an earlier one, once people have corrected some of its labels."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_type_hints

from ..models.factory import is_saved_model
from ..ops.user_error import UserError
from .outdated import RECIPE_FILE
from .recipe import Recipe
from .recipe_values import files_of, parse_value
from .shipping import shipped_model

# The student labels in place of the teacher, with the refiner of the earlier run; neither is trained again.
STAGES_AFTER_CORRECTIONS = ["rough", "pseudo", "student"]


def recipe_after_corrections(run: str, overrides: Mapping[str, str]) -> Recipe:
    """Return the recipe of a run that goes on from an earlier one with corrected labels.

    It is that of the earlier run, except that corrected images count as drawn by hand, and that the best student of
    the earlier run labels the others, and is trained further on all of them.

    Args:
        run: output folder of the earlier run.
        overrides: overrides as in `Recipe.load`, among them `corrections`, which join those of the earlier run, and
            `output_dir`.

    Raises:
        UserError: there is no student, no correction, or no other output folder.
    """
    folder, command = Path(run), f"pointwssis run {run} --corrections FILE --output_dir DIR"
    for key in ("corrections", "output_dir"):
        if key not in overrides:
            raise UserError(f"{run} is a run; to go on from it, give --{key}: {command}")
    student = shipped_model(folder, roles=("student",))
    if student is None:
        raise UserError(
            f"{run}: holds no student to go on from; finish this run first (pointwssis run {run}/recipe.yaml)"
        )
    earlier = Recipe.load(folder / RECIPE_FILE)
    values: dict[str, Any] = {
        "stages": STAGES_AFTER_CORRECTIONS,
        "teacher_name_or_path": str(student),
        "student_name_or_path": str(student),
    }
    if is_saved_model(folder / "refiner"):
        values["refiner_name_or_path"] = str(folder / "refiner")
    # Later files take precedence.
    added = files_of(parse_value("corrections", overrides["corrections"], get_type_hints(Recipe)["corrections"]))
    files = [file for file in files_of(earlier.corrections) if file not in added] + added
    overrides = {**overrides, "corrections": json.dumps(files, ensure_ascii=False)}
    lines = {key: place for key, place in earlier.places.lines.items() if key not in values}
    recipe = Recipe.from_values(asdict(earlier) | values, overrides, str(folder / RECIPE_FILE), lines)
    if Path(recipe.output_dir).resolve() == folder.resolve():
        raise UserError(f"output_dir is {recipe.output_dir}, the run to go on from; give another folder: {command}")
    return recipe
