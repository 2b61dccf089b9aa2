# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The data of a recipe: loaded, and split by supervision into full, point, image and none."""

import functools
import logging
import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from datasets import Dataset, DatasetDict, concatenate_datasets

from ..data import (
    apply_point_noise,
    load_annotation_files,
    load_annotations,
    load_coco_folder,
    open_prepared,
    split_supervision,
    unlabeled_rows,
)
from ..data.errors import LoadReport, Remark
from ..data.prepared.opening import open_ground_truth
from ..data.schema import class_names as names_of
from ..data.schema import refuse_stream
from ..data.statistics import masked_images, supervision_of
from ..ops.user_error import UserError
from ..ops.wording import brief, counted, did_you_mean, with_hint
from .corrections import load_corrections
from .recipe import Recipe
from .recipe_values import files_of

logger = logging.getLogger(__name__)

SUPERVISION = ("full", "point", "image", "none")  # kinds of supervision, and fields of `RunData`
_MAX_NAMES = 5  # in a message
# Setting → keys of the data that it applies to, and why not to others
_SOURCES_OF = {
    "include_unlabeled": (("train_annotations",), "it adds images that these files lack"),
    "complete": (("train_annotations",), "it applies to images of which these files do not state it"),
    "val_annotations": (("train_annotations",), "folders and prepared datasets have validation images of their own"),
    "image_dir": (("train_annotations", "dataset_name"), "data_dir holds its images"),
    "dataset_config": (("dataset_name",), "annotation files have no configurations"),
    "label_map": (("data_dir", "train_annotations"), "the names of a prepared dataset are fixed"),
    "point_source": (("data_dir", "train_annotations"), "the points of a prepared dataset are fixed"),
    "allow_outside": (("data_dir", "train_annotations"), "the images of a prepared dataset are fixed"),
}


@dataclass
class RunData:
    """The data of a run, split by supervision.

    Args:
        train: all training images with all known labels, hidden masks included.
        full: images whose objects all have masks.
        point: images with points, and perhaps masks of some objects.
        image: images with image-level labels.
        none: images without labels.
        validation: images to evaluate on, or None.
        validation_is_held_back: True if the validation images were taken from the images with masks.
    """

    train: Dataset
    full: Dataset
    point: Dataset
    image: Dataset
    none: Dataset
    validation: Dataset | None
    validation_is_held_back: bool = False

    def __post_init__(self) -> None:
        for name in ("train", *SUPERVISION, "validation"):
            refuse_stream(name, getattr(self, name))

    @property
    def class_names(self) -> list[str]:
        """Class names in the order of their indices."""
        return names_of(self.train)

    @functools.cached_property
    def ground_truth_is_known(self) -> bool:
        """True if every image has all its masks, so that pseudo labels can be measured and an upper bound trained."""
        return all(self.train["complete"]) and set(supervision_of(self.train)) <= {"full"}

    def summary(self) -> str:
        """Return the numbers of images and the class names in one line."""
        held_back = f" ({len(self.validation)} more held back)" if self.validation_is_held_back else ""
        parts = [f"{counted(len(self.full), 'image')} with masks{held_back}", f"{len(self.point):,} with points"]
        others = (("image-level labels", self.image), ("no labels", self.none))
        parts += [f"{len(rows):,} with {title}" for title, rows in others if len(rows)]
        shown = ", ".join(self.class_names[:8]) + (", …" if len(self.class_names) > 8 else "")
        return f"{', '.join(parts)}; {counted(len(self.class_names), 'class', 'classes')}: {shown}"

    @functools.cached_property
    def without_points(self) -> Dataset:
        """Images with image-level labels or without labels, whose objects a proposer has to find."""
        return concatenate_datasets([self.image, self.none])

    @functools.cached_property
    def has_masks(self) -> bool:
        """True if any object of the training images has a mask; empty images and crowds alone teach nothing."""
        return any(len(masked_images(rows)) > 0 for rows in (self.full, self.point))

    @functools.cached_property
    def masked(self) -> Dataset:
        """Images that a teacher is trained on: the full ones, and others with a mask of at least one object."""
        return concatenate_datasets([self.full, self.point.select(masked_images(self.point))])


def load_data(recipe: Recipe, reports: list[LoadReport] | None = None) -> RunData:
    """Load and split the data of a recipe.

    Args:
        recipe: recipe that names the data, and perhaps `corrections` of it.
        reports: list to which the report of each annotation file is appended.

    Raises:
        UserError: the recipe names no data, or a file is invalid.
    """
    reports = [] if reports is None else reports
    with recipe.places.naming():
        data = _split_data(recipe, reports)
        _report_unused_names(recipe, reports)
        return data if recipe.corrections is None else _corrected(recipe, data, reports)


def _check_sources(recipe: Recipe) -> None:
    """Raise a `UserError` without data, or for a setting that does not apply to the data that a recipe names."""
    sources = [key for key in ("data_dir", "train_annotations", "dataset_name") if getattr(recipe, key) is not None]
    if not sources:
        raise UserError(
            "data_dir is null, and so are dataset_name and train_annotations: no data; give data_dir, dataset_name, or "
            "train_annotations and image_dir (and val_annotations)"
        )
    defaults = Recipe()
    for key, (fitting, reason) in _SOURCES_OF.items():
        if getattr(recipe, key) != getattr(defaults, key) and not set(sources) & set(fitting):
            raise UserError(f"{key} requires {' or '.join(fitting)}, and this recipe has {sources[0]}: {reason}")


def _split_data(recipe: Recipe, reports: list[LoadReport]) -> RunData:
    """Load and split the data of a recipe, without its corrections."""
    _check_sources(recipe)
    if recipe.dataset_name is not None:
        splits = _opened(recipe)
        # Where supervision is part of the dataset, no split is drawn.
        if "full" in splits:
            return _as_prepared(recipe, splits)
        train, validation = splits["train"], splits.get("validation")
    else:
        train, validation = _loaded(recipe, reports)
    return split_data(recipe, train, validation)


def split_data(recipe: Recipe, train: Dataset, validation: Dataset | None) -> RunData:
    """Split loaded data by supervision, as the fractions of a recipe require, and apply its point noise."""
    if recipe.labeled_fraction is None:
        # Labels stay as they are in the files; only points may be perturbed.
        rows = apply_point_noise(train, recipe.point_noise, recipe.seed, ground_truth=train)
        parts = [of_kinds(rows, kind) for kind in SUPERVISION]
        return RunData(train, *parts, validation)
    # Labels are hidden at random; images that have weaker labels already join their own kind.
    weaker = (recipe.image_level_fraction, recipe.unlabeled_fraction)
    split = split_supervision(train, recipe.labeled_fraction, recipe.seed, *weaker)
    points = apply_point_noise(split["point"], recipe.point_noise, recipe.seed, ground_truth=train)
    image = concatenate_datasets([of_kinds(points, "image"), split["image"]])
    none = concatenate_datasets([of_kinds(points, "none"), split["none"]])
    # Images known to be empty count as full, but stay in this part: they have no object that a teacher must label.
    return RunData(train, split["full"], of_kinds(points, "point", "full"), image, none, validation)


def _report_unused_names(recipe: Recipe, reports: list[LoadReport]) -> None:
    """Report and log the names of `label_map` that occur in no annotation file."""
    found = set().union(*(report.names for report in reports))
    unused = [name for name in recipe.label_map if name not in found]
    if not unused:
        return
    report = LoadReport("label_map")
    reports.append(report)
    for name in unused:
        remark = Remark("name that no annotation file has", "its class", recipe.label_map[name], is_suspect=True)
        report.note(brief(name), remark)
    shown = ", ".join(with_hint(brief(name), did_you_mean(name, found)) for name in unused[:_MAX_NAMES])
    count = f"{len(unused)} of {len(recipe.label_map)}"
    logger.warning("label_map: names that no annotation file has, without effect (%s): %s", count, shown)


def _corrected(recipe: Recipe, data: RunData, reports: list[LoadReport]) -> RunData:
    """Return data in which corrected images have the labels of their corrections, mostly masks of all objects."""
    options = {"skip_bad": recipe.skip_bad, "allow_outside": recipe.allow_outside, "reports": reports}
    present = concatenate_datasets([data.full, data.point, data.image, data.none])
    rows = load_corrections(files_of(recipe.corrections), data.train, present, **options)
    ids = set(rows["image_id"])
    parts = {}
    for kind in SUPERVISION:
        left = without_images(getattr(data, kind), ids)
        parts[kind] = concatenate_datasets([left, of_kinds(rows, kind)])
    # Ground truth that is known of all objects stays: it measures labels, corrected ones too.
    if not data.ground_truth_is_known:
        parts["train"] = concatenate_datasets([without_images(data.train, ids), rows])
    return replace(data, **parts)


def _opened(recipe: Recipe) -> DatasetDict:
    """Open the configuration of a prepared dataset that a recipe names.

    Raises:
        UserError: it lacks the splits or the images that a run requires.
    """
    splits = open_prepared(recipe.dataset_name, recipe.dataset_config, recipe.image_dir)
    # A run starts from a split by supervision, or from a whole training set that it splits itself.
    if not {"full", "train"} & set(splits):
        raise UserError(
            f"dataset_config is {recipe.dataset_config!r}, which has the splits {', '.join(splits)}; a run "
            "requires full and point, or train"
        )
    # Images that are not embedded in the dataset are read from the folder it was prepared from.
    if recipe.image_dir is None and any(rows[0]["image"]["bytes"] is None for rows in splits.values()):
        raise UserError(
            f"dataset_name is {recipe.dataset_name!r}, which holds no images; give image_dir, the folder that it was "
            "prepared from"
        )
    return splits


def _as_prepared(recipe: Recipe, splits: DatasetDict) -> RunData:
    """Return the data of a dataset that is split already: `labeled_fraction` is ignored."""
    full, nothing = splits["full"], splits["full"].select([])
    point = splits.get("point", nothing)
    # Ground truth includes the hidden masks; where it is not stored, the splits are all there is.
    train = open_ground_truth(recipe.dataset_name, recipe.image_dir) or concatenate_datasets([full, point])
    point = apply_point_noise(point, recipe.point_noise, recipe.seed, ground_truth=train)
    return RunData(train, full, point, nothing, nothing, splits.get("validation"))


def _loaded(recipe: Recipe, reports: list[LoadReport]) -> tuple[Dataset, Dataset | None]:
    """Load the training rows and the validation rows from annotation files."""
    options = {**reading_options(recipe), "reports": reports}
    # COCO's folder layout tells where images and both annotation files are.
    if recipe.data_dir is not None:
        loaded = load_coco_folder(recipe.data_dir, **options)
        return loaded["train"], loaded["validation"]
    if recipe.train_annotations is not None and recipe.image_dir is None:
        raise UserError("train_annotations requires image_dir (--image_dir), the folder of the images")
    # Any other format: one or more files for training, and perhaps one for validation with the same classes.
    files = files_of(recipe.train_annotations)
    train = load_annotation_files(files, recipe.image_dir, complete=recipe.complete, **options)
    validation = None
    if recipe.val_annotations is not None:
        # Validation rows take over the class order of the training rows, so that class indices agree.
        options |= {"class_names": names_of(train), "split": "val"}
        _check_is_one_file("val_annotations", recipe.val_annotations)
        validation = load_annotations(recipe.val_annotations, recipe.image_dir, **options)
    if recipe.include_unlabeled:
        # Images of the folder that appear in none of the files join the training rows without labels.
        known = [rows for rows in (train, validation) if rows is not None]
        report = LoadReport()
        reports.append(report)
        reading = {"skip_bad": recipe.skip_bad, "report": report}
        others = unlabeled_rows(recipe.image_dir, known, results=recipe.output_dir, **reading)
        train = concatenate_datasets([train, others])
    return train, validation


def _check_is_one_file(key: str, value: str) -> None:
    """Raise a `UserError` for a list of files, separated by commas, where one is expected."""
    files = [file.strip() for file in value.split(",")]
    if len(files) > 1 and not os.path.exists(value) and all(map(os.path.exists, files)):
        raise UserError(f"{key} is {brief(value)}: {len(files)} files; give one, into which the others are merged")


def reading_options(recipe: Recipe) -> dict[str, Any]:
    """Return the options with which a recipe reads annotation files of any format."""
    keys = ("label_map", "skip_bad", "allow_outside", "point_source")
    return {key: getattr(recipe, key) for key in keys}


def of_kinds(rows: Dataset, *kinds: str) -> Dataset:
    """Return the images with one of these kinds of supervision."""
    return rows.select([place for place, kind in enumerate(supervision_of(rows)) if kind in kinds])


def without_images(rows: Dataset, ids: Collection[int]) -> Dataset:
    """Return the rows of all images but those with one of these ids."""
    return rows.select([place for place, image_id in enumerate(rows["image_id"]) if image_id not in ids])
