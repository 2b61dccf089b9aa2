# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Settings of a recipe that have no effect: the run goes on, but says so before it begins."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from transformers import AutoConfig

from ..models.factory import CHANGEABLE_FIELDS, CROP_FIELDS
from ..ops.wording import counted
from .data import RunData
from .recipe import Recipe
from .reuse import starting_model

logger = logging.getLogger(__name__)

# Stages → keys that only these stages read
_KEYS_OF_STAGES = {
    ("teacher",): ("teacher", "teacher_model", "teacher_patience"),
    ("refiner",): ("refiner", "refiner_model", "rough_folds"),
    ("control", "student", "upper_bound"): ("student", "student_name_or_path"),
    ("student",): ("full_repeats", "weigh_pseudo_labels", "label_rounds"),
}
_MAX_DEVIATION = 0.05  # of the fraction of images with masks from `labeled_fraction`; both are rounded


def unused_settings(recipe: Recipe, data: RunData) -> dict[str, str]:
    """Return the settings that a run of a recipe on its data does not use, each with the reason.

    Args:
        recipe: recipe of the run.
        data: data of the run.
    """
    unused: dict[str, str] = {}
    for stages, keys in _KEYS_OF_STAGES.items():
        if not set(stages) & set(recipe.stages):
            reason = f"stages lacks {' and '.join(stages)}"
            unused |= {key: reason for key in keys if _is_set(recipe, key) and _is_meant_for_stages(recipe, key)}
    # A saved refiner brings its architecture.
    fields = [name for name in recipe.refiner_model if name not in CROP_FIELDS]
    if recipe.refiner_name_or_path is not None and "refiner" in recipe.stages and fields:
        unused["refiner_model"] = f"refiner_name_or_path brings {', '.join(fields)}"
    unused |= _of_saved_segmenters(recipe)
    if recipe.hub_private and not recipe.push_to_hub:
        unused["hub_private"] = "push_to_hub is false"
    return unused | _of_absent_images(recipe, data)


def warn_about_unused_settings(recipe: Recipe, data: RunData) -> None:
    """Log the settings that a run does not use, in one warning."""
    unused = unused_settings(recipe, data)
    if unused:
        source = f"{recipe.places.source}: " if recipe.places.source else ""
        have = "setting has" if len(unused) == 1 else "settings have"
        listed = "; ".join(f"{key} ({reason})" for key, reason in unused.items())
        logger.warning("%s%d %s no effect: %s", source, len(unused), have, listed)


def _of_saved_segmenters(recipe: Recipe) -> dict[str, str]:
    """Return the fields of segmenters that all trained ones take from the saved models that they start from."""
    teachers, students = [], []  # models that they start from
    if "teacher" in recipe.stages:
        teachers.append(starting_model(recipe, recipe.teacher_name_or_path, "solov2"))
    if set(recipe.stages) & {"control", "student", "upper_bound"}:
        students.append(starting_model(recipe, recipe.student_name_or_path, "solov2"))
    # A student that starts from the teacher has its architecture, and the teacher that of its own start.
    students = [start for start in students if start != "teacher"]
    unused = {}
    for key, starts in (("teacher_model", teachers), ("model", students + teachers)):
        # A new model has all fields of the recipe.
        fixed = [] if not starts or None in starts else _fixed_fields(getattr(recipe, key), starts)
        if fixed:
            unused[key] = f"{' and '.join(map(str, starts))} fixes {', '.join(fixed)}"
    return unused


def _fixed_fields(fields: Mapping[str, Any], models: Sequence[str]) -> list[str]:
    """Return the fields that the weights of all saved models fix at other values."""
    saved = [AutoConfig.from_pretrained(model).to_dict() for model in models]
    fixed = []
    for name, value in fields.items():
        differs = all(_as_list(own.get(name)) != _as_list(value) for own in saved)
        if name not in CHANGEABLE_FIELDS and differs:
            fixed.append(name)
    return fixed


def _as_list(value: Any) -> Any:
    """Return a value with lists in place of tuples, as in a recipe."""
    return [_as_list(item) for item in value] if isinstance(value, (list, tuple)) else value


def _of_absent_images(recipe: Recipe, data: RunData) -> dict[str, str]:
    """Return the settings about kinds of images that the data lack, each with the reason."""
    unused = {}
    if any(recipe.point_noise.values()) and not len(data.point) + len(data.without_points):
        unused["point_noise"] = "all images have masks, and noise moves only points without a mask"
    if _is_set(recipe, "image_level_threshold") and not len(data.image):
        unused["image_level_threshold"] = "no image has image-level labels"
    if _is_set(recipe, "unlabeled_threshold") and not len(data.none) and all(data.point["complete"]):
        unused["unlabeled_threshold"] = "no image is without labels or incomplete"
    # A prepared dataset may be split already.
    labeled, found = len(data.full), len(data.full) + len(data.point)
    wanted = (recipe.labeled_fraction or 0) * found
    is_given = _is_set(recipe, "labeled_fraction") and recipe.labeled_fraction is not None
    if recipe.dataset_name is not None and is_given and abs(labeled - wanted) > _MAX_DEVIATION * found:
        unused["labeled_fraction"] = (
            f"it is {recipe.labeled_fraction}, but the dataset is split already: {labeled:,} of "
            f"{counted(found, 'image')} have masks"
        )
    return unused


def _is_set(recipe: Recipe, key: str) -> bool:
    return getattr(recipe, key) != getattr(Recipe(), key)


def _is_meant_for_stages(recipe: Recipe, key: str) -> bool:
    """Return True if a key was given by hand, or beside `stages`.

    Otherwise a recipe with all settings runs some of its stages now, as with `--stages teacher,rough`.
    """
    author = recipe.places.author(key)
    return author == "--" or author == recipe.places.author("stages")
