# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The results in an output folder that changed settings outdate. Results of earlier stages stay valid."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from ..ops.processes import is_first_process, wait_for_all
from ..ops.user_error import UserError
from ..ops.whole_files import check_whole, read_json
from .cache import earlier_labels, holds_keys
from .compute import SPEED_FILE
from .data_record import DATA_FILE, DataRecord
from .names import FOLDS, ROUNDS, SEGMENTERS
from .recipe import STAGES, Recipe, refiner_sampling
from .reuse import REUSABLE, is_reused

RECIPE_FILE, LABELERS_FILE = "recipe.yaml", "labelers.json"
ORIGIN_FILES = (RECIPE_FILE, LABELERS_FILE, DATA_FILE)  # say what the results were made with

EVALUATION = "evaluation"  # of all trained models; their weights stay

# What a key of the recipe affects first, a stage, the proposals of the stage "rough", or the evaluation → its keys
KEYS = {
    # The data, which every stage reads, and whatever the teacher is trained with
    "teacher": (
        "data_dir", "train_annotations", "val_annotations", "image_dir", "dataset_name", "dataset_config", "label_map",
        "complete", "point_source", "include_unlabeled", "corrections", "labeled_fraction", "image_level_fraction",
        "unlabeled_fraction", "point_noise", "seed", "max_steps", "bf16", "image_size", "pad_size", "tile_size",
        "backbone_name_or_path", "model_name_or_path", "teacher_name_or_path", "model", "teacher_model", "training",
        "teacher", "train_shortest_edges", "augmentation", "rough_fractions", "gate", "held_back_fraction",
        "teacher_patience",
    ),
    "rough": ("settle_overlaps", "label_flips", "label_scales"),
    "proposals": ("image_level_threshold", "unlabeled_threshold"),
    "refiner": ("refiner_name_or_path", "refiner_model", "refiner", "rough_folds"),
    "control": ("student_name_or_path", "student"),
    "student": ("full_repeats", "weigh_pseudo_labels", "label_rounds"),
    EVALUATION: ("max_detections",),
}  # fmt: skip

# Keys that change no result, but only which results there are
FREE_KEYS = (
    "stages", "rough_student", "output_dir", "skip_bad", "allow_outside", "channels_last", "threads", "push_to_hub",
    "hub_model_id", "hub_private",
)  # fmt: skip

FIRST_STAGE = {key: stage for stage, keys in KEYS.items() for key in keys}

# What is affected first → all stages whose results are outdated then
AFFECTED = {
    "teacher": STAGES,
    "rough": ("rough", "refiner", "pseudo", "student"),  # the refiner learns from rough masks of points
    "proposals": ("rough", "pseudo", "student"),
    "refiner": ("refiner", "pseudo", "student"),
    "control": ("control", "student", "upper_bound"),
    "student": ("student",),
    # Changes of the data alone
    "points": ("rough", "pseudo", "student"),
    "upper_bound": ("upper_bound",),
    EVALUATION: (EVALUATION,),
}

# Role of a callable that is passed to `Run` → what it affects first
FIRST_STAGE_OF_LABELER = {"teacher": "teacher", "refiner": "refiner", "proposer": "proposals"}

# Stage → its results in the output folder, as patterns
RESULTS = {
    # Other numbers of folds have other folders; another network computes best with other settings.
    "teacher": ("teacher", FOLDS, SPEED_FILE),
    "rough": ("rough/point", "rough/proposed"),
    "refiner": ("refiner", f"{ROUNDS}/refiner*", "rough/full*", "rough/held_back*"),
    "pseudo": ("pseudo",),
    "control": ("control",),
    "student": ("student_point", "student_refined", f"{ROUNDS}/student*"),
    "upper_bound": ("upper_bound",),
    EVALUATION: tuple(f"{model.name}/metrics.json" for model in SEGMENTERS),
}


def changed_settings(recipe: Recipe, given: Mapping[str, str]) -> dict[str, str]:
    """Return the changed settings of an output folder, each with what it affects first, a key of `AFFECTED`.

    Args:
        recipe: recipe of the run.
        given: role → name of each callable in place of a trained model.
    """
    folder = Path(recipe.output_dir)
    path, labelers = folder / RECIPE_FILE, folder / LABELERS_FILE
    if not path.is_file():
        return {}
    check_whole(path)
    earlier = replace(Recipe.load(path), output_dir=recipe.output_dir)  # the folder may have been moved
    before, now = asdict(earlier), asdict(recipe)
    changed = {key: FIRST_STAGE[key] for key in sorted(FIRST_STAGE) if now[key] != before[key]}
    # Callables are compared by their qualified names.
    known = read_json(labelers) or {}
    for role, stage in FIRST_STAGE_OF_LABELER.items():
        if known.get(role) != given.get(role):
            changed[f"the given {role}"] = stage
    # Stages change no result, unless a model of another run has labeled in place of one that is to be trained now.
    for stage in REUSABLE:
        if is_reused(earlier, stage) != is_reused(recipe, stage):
            changed[f"stages (with or without {stage})"] = stage
    return changed


def outdated_results(folder: Path, changed: Mapping[str, str]) -> list[Path]:
    """Return the results in a folder that changed settings outdate, in the order of the stages."""
    affected: set[str] = set()
    for first in changed.values():
        affected.update(AFFECTED[first])
    found: list[Path] = []
    for stage, patterns in RESULTS.items():
        if stage not in affected:
            continue
        for pattern in patterns:
            paths = sorted(folder.glob(pattern))
            # What lies in an outdated folder goes with it.
            found += [path for path in paths if not set(path.parents) & set(found)]
    return found


def all_changes(recipe: Recipe, given: Mapping[str, str], record: DataRecord) -> dict[str, str]:
    """Return the changes of settings and data of an output folder, each with what it affects first.

    Args:
        recipe: recipe of the run.
        given: role → name of each callable in place of a trained model.
        record: data of the run.
    """
    changed = changed_settings(recipe, given)
    # Where everything is outdated anyway, the data need not be compared.
    if "teacher" in changed.values():
        return changed
    of_data = record.changes()
    if refiner_sampling(recipe.refiner).self_training:
        # The refiner has learned from images with points, too.
        of_data = {change: "rough" if stage == "points" else stage for change, stage in of_data.items()}
    return changed | of_data


def check_folder(recipe: Recipe, given: Mapping[str, str], record: DataRecord) -> None:
    """Raise a `UserError` if the output folder holds results of other settings or other data.

    Mixed results would belong to neither recipe.

    Args:
        recipe: recipe of the run.
        given: role → name of each callable in place of a trained model.
        record: data of the run.
    """
    folder, changed = Path(recipe.output_dir), all_changes(recipe, given, record)
    outdated = outdated_results(folder, changed)
    if not outdated:
        return
    # Changes that affect no result are not in the way.
    changes = [key for key, stage in changed.items() if outdated_results(folder, {key: stage})]
    of_settings = [key for key in changes if key in changed_settings(recipe, given)]
    of_data = [key for key in changes if key not in of_settings]
    what = [f"with other settings of {', '.join(of_settings)}"] if of_settings else []
    what += [f"on other data ({'; '.join(of_data)})"] if of_data else []
    names = ", ".join(str(path.relative_to(folder)) for path in outdated)
    raise UserError(
        f"{folder}: holds a run {' and '.join(what)}; choose another output_dir, or use --update (in Python: "
        f"Run(..., update=True)), which removes the outdated results ({names}) and repeats them"
    )


def remove_outdated(recipe: Recipe, given: Mapping[str, str], record: DataRecord) -> None:
    """Remove the results in the output folder that changed settings or data outdate; all others stay.

    Labels are kept aside, for the images for which they stay the same; see `cached_by_image`.

    Args:
        recipe: recipe of the run.
        given: role → name of each callable in place of a trained model.
        record: data of the run.
    """
    folder = Path(recipe.output_dir)
    # One process removes, after all have looked; the others wait for it.
    wait_for_all()
    if is_first_process():
        for path in outdated_results(folder, all_changes(recipe, given, record)):
            _keep_labels_aside(path)
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    wait_for_all()


def _keep_labels_aside(result: Path) -> None:
    """Move the labels in an outdated result to where `cached_by_image` looks for them."""
    # The pseudo labels' folder holds several datasets of labels; that of rough masks is one.
    for labels in (result, *result.glob("*/")):
        if holds_keys(labels):
            earlier = earlier_labels(labels)
            earlier.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(earlier, ignore_errors=True)
            os.replace(labels, earlier)
