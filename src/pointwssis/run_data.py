# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The data of a recipe: loaded from wherever it is, and split into what has masks and what has points."""

from dataclasses import dataclass

from datasets import Dataset, concatenate_datasets

from .data import (
    apply_point_noise,
    class_names,
    load_coco,
    load_coco_folder,
    load_coco_splits,
    masked_objects,
    split_supervision,
    supervision,
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

    @property
    def truth_is_known(self) -> bool:
        """Whether every image has all its masks, so that pseudo labels can be measured and an upper bound trained."""
        return all(row["complete"] and supervision(row) == "full" for row in self.train.with_format(None))

    def summary(self) -> str:
        """One line about what there is."""
        less = f", {len(self.weak)} with less" if len(self.weak) else ""
        names = ", ".join(self.names[:8]) + (", …" if len(self.names) > 8 else "")
        counts = f"{len(self.full)} images with masks, {len(self.point)} with points{less}"
        return f"{counts}, {len(self.names)} classes: {names}"

    @property
    def masked(self) -> Dataset:
        """What a teacher learns from: the full images, and those that have masks of some of their objects."""
        half = [index for index, row in enumerate(self.point.with_format(None)) if masked_objects(row)]
        return concatenate_datasets([self.full, self.point.select(half)])


def load_data(recipe: Recipe) -> RunData:
    """Loads and splits the data of a recipe."""
    options = {"skip_bad": recipe.skip_bad}
    validation = None
    if recipe.data_dir is not None:
        loaded = load_coco_folder(recipe.data_dir, **options)
        train, validation = loaded["train"], loaded["validation"]
    elif recipe.train_annotations is not None and recipe.image_dir is not None:
        if recipe.val_annotations is not None:
            loaded = load_coco_splits(recipe.train_annotations, recipe.val_annotations, recipe.image_dir, **options)
            train, validation = loaded["train"], loaded["validation"]
        else:
            train = load_coco(recipe.train_annotations, recipe.image_dir, **options)
    else:
        raise ValueError("no data: give data_dir, or train_annotations and image_dir (and val_annotations)")
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


def of_kinds(rows: Dataset, *kinds: str) -> Dataset:
    """The images with one of these kinds of supervision."""
    return rows.select([index for index, row in enumerate(rows.with_format(None)) if supervision(row) in kinds])
