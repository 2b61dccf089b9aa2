# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Held-back images: images with masks that some models do not learn from, so that they can be measured on them.

- With validation images, they serve the gate: the refiner never learns from them, and the teacher only after it has
  saved its first intermediate weights, which predict their rough masks. With `teacher_patience`, they also measure the
  labels of the teacher, which then never learns from them.
- Without validation images, they take the place of these: no model learns from them.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from ..data.schema import objects_with_mask, objects_with_point
from ..ops.whole_files import read_json, write_json
from .data import RunData, without_images
from .recipe import Recipe
from .reuse import reused_model

# With fewer images with masks, none can be spared.
MIN_MASKED_IMAGES = 4
HELD_BACK_FILE = "held_back.json"


def held_back_count(recipe: Recipe, num_masked: int) -> int:
    """Return the number of images to hold back, of those that show an object with a mask.

    Example:
        >>> [held_back_count(Recipe(), count) for count in (3, 4, 8, 40)]
        [0, 1, 2, 8]
    """
    if not recipe.held_back_fraction or num_masked < MIN_MASKED_IMAGES:
        return 0
    # At least one image is held back, and at least one is left.
    return min(max(1, round(recipe.held_back_fraction * num_masked)), num_masked - 1)


def with_validation(recipe: Recipe, data: RunData) -> RunData:
    """Return data with validation images: those of the data, or else held-back ones, which leave the training images.

    Args:
        recipe: recipe of the run.
        data: data of the run. Only images whose objects all have masks can be held back.

    Returns:
        The data itself if it has validation images, or if no image can be held back. A reused teacher brings the file
        names of its own held-back images, so that it is not evaluated on images that it has learned from.
    """
    if data.validation is not None:
        return data
    chosen = _chosen(recipe, data.full)
    if not chosen:
        return data
    validation = data.full.select(chosen)
    held_back = set(validation["image_id"])
    # Images are matched by id, since the training images include them too.
    train, full = without_images(data.train, held_back), without_images(data.full, held_back)
    return replace(data, train=train, full=full, validation=validation, validation_is_held_back=True)


def late_images(recipe: Recipe, data: RunData) -> list[int]:
    """Return the positions in `data.masked` of the images that the refiner does not learn from, and the teacher late.

    With `teacher_patience`, the teacher never learns from them. None are held back without a gate and without patience,
    nor where held-back images are the validation images already. A reused teacher brings the file names of its own
    held-back images.
    """
    if not (recipe.gate or recipe.teacher_patience) or data.validation_is_held_back:
        return []
    return _chosen(recipe, data.masked)


def teacher_rows(recipe: Recipe, data: RunData) -> Dataset:
    """Return the images that the teacher learns from, late ones included."""
    return without(data.masked, late_images(recipe, data)) if recipe.teacher_patience else data.masked


def save_held_back(recipe: Recipe, data: RunData, model: Path) -> None:
    """Write the file names of the held-back images beside a teacher or a student, for runs that reuse it."""
    if data.validation_is_held_back:
        names = data.validation["file_name"]
    else:
        names = data.masked.select(late_images(recipe, data))["file_name"]
    if len(names):
        write_json(model / HELD_BACK_FILE, list(names))


def held_back_names(recipe: Recipe) -> set[str]:
    """Return the file names of the images that a reused teacher has held back; empty if they are not known."""
    teacher = reused_model(recipe, "teacher")
    return set() if teacher is None else set(read_json(Path(teacher) / HELD_BACK_FILE) or [])


def _chosen(recipe: Recipe, rows: Dataset) -> list[int]:
    """Return the positions of the images to hold back: those of a reused teacher, else drawn ones."""
    if not recipe.held_back_fraction:
        return []
    names, known = rows["file_name"], held_back_names(recipe)
    found = [place for place, name in enumerate(names) if name in known]
    # At least one image has to be left to learn from.
    return found if 0 < len(found) < len(names) else _drawn(recipe, rows)


def _drawn(recipe: Recipe, rows: Dataset) -> list[int]:
    """Draw the positions of the images to hold back, in ascending order; only images that can be measured count."""
    labels = rows.select_columns(["objects"]).with_format(None)  # without the bytes of images
    masked = [place for place, row in enumerate(labels) if _is_measurable(row)]
    count = held_back_count(recipe, len(masked))
    return sorted(np.random.default_rng(recipe.seed).permutation(masked)[:count].tolist())


def _is_measurable(row: Mapping[str, Any]) -> bool:
    """Return True for an image with a masked object, all objects of which have a point to label them from."""
    num_objects = sum(not item["iscrowd"] for item in row["objects"])
    return len(objects_with_mask(row)) > 0 and len(objects_with_point(row)) == num_objects


def without(rows: Dataset, positions: list[int]) -> Dataset:
    """Return the rows at all other positions."""
    return rows.select(sorted(set(range(len(rows))) - set(positions)))
