# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis demo`: all stages on synthetic shapes, with the same loading, training and labeling code as real runs."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..data import write_shapes_coco
from ..runs.recipe import Recipe
from ..runs.recipe_values import parse_overrides
from .run import execute, hide_progress_bars

RECIPE = "demo"


def main(arguments: Sequence[str]) -> None:
    """Draw the shapes unless they exist, run all stages, and print a command that uses the trained model."""
    parser = argparse.ArgumentParser(
        prog="pointwssis demo",
        usage="pointwssis demo [--output_dir DIR] [--KEY VALUE ...]",
        description="Draw synthetic shapes and run all stages on them. Accepts the options of `pointwssis run`.",
    )
    # Everything but --help belongs to the recipe.
    _, rest = parser.parse_known_args(arguments)
    recipe = Recipe.load(RECIPE, parse_overrides(rest))
    # Without data of the user, draw shapes; those of an earlier call are used again.
    if recipe.data_dir is None and recipe.train_annotations is None and recipe.dataset_name is None:
        data_dir = Path(recipe.output_dir) / "data"
        if not (data_dir / "annotations" / "instances_val.json").is_file():
            write_shapes_coco(data_dir, num_train=240, num_val=60, seed=recipe.seed)
        recipe.data_dir = str(data_dir)
    hide_progress_bars()
    run = execute(recipe)
    # This image exists only among the drawn shapes.
    image = run.folder / "data" / "images" / "val_00000.png"
    if image.is_file():
        print(f"try it: pointwssis predict {run.shipped} {image}")
