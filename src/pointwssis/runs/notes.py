# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Notes on the results of a run: what has shaped them beside the recipe, and what limits them."""

from pathlib import Path

from .data import RunData
from .held_back import HELD_BACK_FILE, late_images
from .label_stopping import stopping_summary
from .recipe import Recipe
from .reuse import reused_model
from .shipping import MIN_VALIDATION_OBJECTS, shipped_model, ships_by_name, validation_objects


def notes_on(recipe: Recipe, data: RunData) -> list[str]:
    """Return the notes on a run, one sentence each."""
    folder = Path(recipe.output_dir)
    notes = [stopping_summary(folder / "teacher"), unknown_training_images(recipe, data)]
    if shipped_model(folder) is not None and validation_objects(folder) and ships_by_name(folder):
        notes.append(
            f"the model that ships was chosen by its name: AP on {validation_objects(folder)} validation objects "
            f"(fewer than {MIN_VALIDATION_OBJECTS}) does not tell models apart"
        )
    return [note for note in notes if note is not None]


def unknown_training_images(recipe: Recipe, data: RunData) -> str | None:
    """Return a warning if a reused teacher may have learned from the held-back images; None otherwise."""
    teacher = reused_model(recipe, "teacher")
    is_known = teacher is None or (Path(teacher) / HELD_BACK_FILE).is_file()
    if is_known or not (data.validation_is_held_back or late_images(recipe, data)):
        return None
    return (
        f"the teacher {teacher} has no {HELD_BACK_FILE}: if it has learned from the held-back images, all that they "
        "measure (the gate; without validation images, AP) is biased in its favor"
    )
