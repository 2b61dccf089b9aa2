# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Cross-fitting: rough masks for the training of the refiner, predicted by teachers that have not seen the image.

The teacher has learned the masks of the very images that the refiner learns from, so that its rough masks of these are
better than those of images with points. With `rough_folds`, these images are divided into folds. One teacher per fold
learns from all other folds, and labels its own.
"""

import numpy as np
from datasets import Dataset

from .held_back import without
from .names import fold_name
from .recipe import Recipe


def fold_positions(recipe: Recipe, rows: Dataset) -> list[list[int]]:
    """Return the positions of the images of each fold; every image is in one fold, and their sizes differ by one."""
    order = np.random.default_rng(recipe.seed).permutation(len(rows))
    return [sorted(part.tolist()) for part in np.array_split(order, recipe.rough_folds)]


def fold_rows(recipe: Recipe, rows: Dataset) -> dict[str, tuple[Dataset, Dataset]]:
    """Return folder of the teacher of each fold → the images that it learns from, and those that it labels.

    Args:
        recipe: recipe of the run, with at least two `rough_folds`.
        rows: images that the refiner learns from, at least one per fold.
    """
    split = {}
    for number, positions in enumerate(fold_positions(recipe, rows), start=1):
        split[fold_name(number, recipe.rough_folds)] = (without(rows, positions), rows.select(positions))
    return split
