# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The data of a recipe: loaded from wherever it is, and split into what has masks and what has points."""

import functools
from dataclasses import dataclass

from datasets import Dataset, concatenate_datasets

from .data import (
    apply_point_noise,
    class_names,
    load_annotations,
    load_coco_folder,
    masked_objects,
    merge_annotations,
    split_supervision,
    supervision,
    unlabeled_rows,
)
from .recipe import Recipe


@dataclass
class RunData:
    """The data of a run."""

    train: Dataset  # everything, with the hidden masks where there are any
    full: Dataset  # images whose objects all have masks
    point: Dataset  # images with points that have no mask, beside masks perhaps
    weak: Dataset  # images with image-level labels or with none
    validation: Dataset | None

    @property
    def names(self) -> list[str]:
        return class_names(self.train)

    @functools.cached_property
    def truth_is_known(self) -> bool:
        """Whether every image has all its masks, so that pseudo labels can be measured and an upper bound trained."""
        return all(row["complete"] and supervision(row) == "full" for row in self.train.with_format(None))

    def summary(self) -> str:
        """One line about what there is."""
        less = f", {len(self.weak)} with less" if len(self.weak) else ""
        names = ", ".join(self.names[:8]) + (", …" if len(self.names) > 8 else "")
        counts = f"{len(self.full)} images with masks, {len(self.point)} with points{less}"
        return f"{counts}, {len(self.names)} classes: {names}"

    @functools.cached_property
    def masked(self) -> Dataset:
        """What a teacher learns from: the full images, and those that have masks of some of their objects."""
        half = [index for index, row in enumerate(self.point.with_format(None)) if masked_objects(row)]
        return concatenate_datasets([self.full, self.point.select(half)])


def load_data(recipe: Recipe) -> RunData:
    """Loads and splits the data of a recipe."""
    train, validation = _loaded(recipe)
    if recipe.labeled_fraction is None:
        rows = apply_point_noise(train, recipe.point_noise, recipe.seed, truth=train)
        return RunData(
            train, of_kinds(rows, "full"), of_kinds(rows, "point"), of_kinds(rows, "image", "none"), validation
        )
    weaker = (recipe.image_level_fraction, recipe.unlabeled_fraction)
    split = split_supervision(train, recipe.labeled_fraction, recipe.seed, *weaker)
    points = apply_point_noise(split["point"], recipe.point_noise, recipe.seed, truth=train)
    weak = concatenate_datasets([of_kinds(points, "image", "none"), split["weak"]])
    # An image that is known to show nothing needs no label to be one for the students.
    return RunData(train, split["full"], of_kinds(points, "point", "full"), weak, validation)


def _loaded(recipe: Recipe) -> tuple[Dataset, Dataset | None]:
    """What to learn from, and what to evaluate on."""
    options = {"label_map": recipe.label_map, "skip_bad": recipe.skip_bad}
    if recipe.data_dir is not None:
        if recipe.include_unlabeled:
            raise ValueError("include_unlabeled takes train_annotations and image_dir, not data_dir")
        loaded = load_coco_folder(recipe.data_dir, **options)
        return loaded["train"], loaded["validation"]
    if recipe.train_annotations is None or recipe.image_dir is None:
        raise ValueError("no data: give data_dir, or train_annotations and image_dir (and val_annotations)")
    files = recipe.train_annotations if isinstance(recipe.train_annotations, list) else [recipe.train_annotations]
    parts = [load_annotations(file, recipe.image_dir, **options) for file in files]
    train = parts[0] if len(parts) == 1 else merge_annotations(parts, skip_bad=recipe.skip_bad)
    validation = None
    if recipe.val_annotations is not None:
        options |= {"names": class_names(train), "split": "val"}
        validation = load_annotations(recipe.val_annotations, recipe.image_dir, **options)
    if recipe.include_unlabeled:
        known = [rows for rows in (train, validation) if rows is not None]
        others = unlabeled_rows(recipe.image_dir, known, skip_bad=recipe.skip_bad)
        train = concatenate_datasets([train, others])
    return train, validation


def of_kinds(rows: Dataset, *kinds: str) -> Dataset:
    """The images with one of these kinds of supervision."""
    return rows.select([index for index, row in enumerate(rows.with_format(None)) if supervision(row) in kinds])
