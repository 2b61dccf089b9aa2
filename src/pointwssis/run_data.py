# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The data of a recipe: loaded from wherever it is, and split into what has masks and what has points."""

from dataclasses import dataclass

from datasets import Dataset

from .data import class_names, load_coco, load_coco_folder, load_coco_splits, split_supervision, supervision
from .recipe import Recipe


@dataclass
class RunData:
    """The data of a run."""

    train: Dataset  # everything, with the hidden masks where there are any
    full: Dataset  # images that keep their masks
    point: Dataset  # images with points only
    validation: Dataset | None

    @property
    def names(self) -> list[str]:
        return class_names(self.train)

    @property
    def truth_is_known(self) -> bool:
        """Whether every image has all its masks, so that pseudo labels can be measured and an upper bound trained."""
        return all(supervision(row) == "full" for row in self.train.with_format(None))


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
    if recipe.labeled_fraction is not None:
        split = split_supervision(train, recipe.labeled_fraction, recipe.seed)
        return RunData(train, split["full"], of_kinds(split["point"], "point", "full"), validation)
    return RunData(train, of_kinds(train, "full"), of_kinds(train, "point"), validation)


def of_kinds(rows: Dataset, *kinds: str) -> Dataset:
    """The images with one of these kinds of supervision: one without any label would teach that it shows nothing."""
    return rows.select([index for index, row in enumerate(rows.with_format(None)) if supervision(row) in kinds])
