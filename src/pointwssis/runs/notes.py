# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Notes on the results of a run: what has shaped them beside the recipe, and what limits them."""

import logging
from pathlib import Path

from ..data.statistics import supervision_of
from ..ops.wording import counted
from .data import RunData
from .data_record import SHOWN_NAMES, image_contents
from .held_back import HELD_BACK_FILE, late_images
from .label_stopping import stopping_summary
from .recipe import Recipe
from .reuse import reused_model
from .shipping import MIN_VALIDATION_OBJECTS, shipped_model, ships_by_name, validation_objects

logger = logging.getLogger(__name__)


def notes_on(recipe: Recipe, data: RunData) -> list[str]:
    """Return the notes on a run, one sentence each."""
    folder = Path(recipe.output_dir)
    notes = [stopping_summary(folder / "teacher"), unknown_training_images(recipe, data)]
    notes += [unmeasured_images(data), leaked_images(data, folder)]
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


def warn_about_validation(data: RunData, folder: Path) -> None:
    """Log what limits the figures of the validation images, before anything is trained."""
    for note in filter(None, (unmeasured_images(data), leaked_images(data, folder))):
        logger.warning("%s", note)


def unmeasured_images(data: RunData) -> str | None:
    """Return a warning about validation images that the evaluation leaves out; None without any."""
    if data.validation is None:
        return None
    kinds = supervision_of(data.validation)
    left_out = sum(kind != "full" for kind in kinds)
    if not left_out:
        return None
    images, effect = counted(len(kinds), "validation image"), effect_on_ap(left_out, len(kinds))
    return f"{left_out:,} of {images} lack the masks of their objects: {effect}"


def effect_on_ap(left_out: int, count: int) -> str:
    """Return what it means for AP that some of `count` validation images lack masks: there is nothing to compare with.

    Example:
        >>> effect_on_ap(2, 2), effect_on_ap(1, 2)
        ('AP cannot be measured', 'AP leaves them out')
    """
    return "AP cannot be measured" if left_out == count else "AP leaves them out"


def leaked_images(data: RunData, folder: Path) -> str | None:
    """Return a warning about validation images that are training images too, under any name; None without any.

    Args:
        data: data of the run.
        folder: output folder of the run, whose record of the data saves reading images.
    """
    if data.validation is None:
        return None
    learned, contents = image_contents([data.train, data.validation], folder)
    learned = set(learned)
    names = [name for name, content in zip(data.validation["file_name"], contents, strict=True) if content in learned]
    if not names:
        return None
    shown = ", ".join(names[:SHOWN_NAMES]) + (", …" if len(names) > SHOWN_NAMES else "")
    return (
        f"{len(names):,} of {counted(len(contents), 'validation image')} are training images too ({shown}): AP is too "
        "optimistic; remove them from one of the two"
    )
