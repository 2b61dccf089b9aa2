# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis demo`: all stages on nuclei of the package, with the same loading, training and labeling as real runs."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..runs.recipe import Recipe
from ..runs.recipe_values import parse_overrides
from .run import UPDATE_HELP, execute, hide_progress_bars

NUCLEI_RECIPE, SHAPES_RECIPE = "demo", "shapes"
# Validation images to try the trained model on
NUCLEI_EXAMPLE, SHAPES_EXAMPLE = "images/val_lilac_stain_05.webp", "images/val_00000.png"


def main(arguments: Sequence[str]) -> None:
    """Run all stages on nuclei or drawn shapes, and print a command that uses the trained model."""
    parser = argparse.ArgumentParser(
        prog="pointwssis demo",
        usage="pointwssis demo [--shapes] [--update] [--output_dir DIR] [--KEY VALUE ...]",
        description="Run all stages on microscopy images of the package. Accepts the options of `pointwssis run`.",
        allow_abbrev=False,
    )
    parser.add_argument("--shapes", action="store_true", help="draw synthetic shapes, and run all stages on them")
    parser.add_argument("--update", action="store_true", help=UPDATE_HELP)
    # Everything else belongs to the recipe.
    options, rest = parser.parse_known_args(arguments)
    recipe = Recipe.load(SHAPES_RECIPE if options.shapes else NUCLEI_RECIPE, parse_overrides(rest))
    from ..ops.folder_lock import holding_folder  # imports torch, which the help does not need

    example = None
    hide_progress_bars()
    with holding_folder(Path(recipe.output_dir)):
        # Without data of the user, take the nuclei in place, or draw shapes.
        if recipe.data_dir is None and recipe.train_annotations is None and recipe.dataset_name is None:
            from ..data import DEMO_NUCLEI

            data_dir = drawn_shapes(recipe) if options.shapes else DEMO_NUCLEI
            recipe.data_dir = str(data_dir)
            example = data_dir / (SHAPES_EXAMPLE if options.shapes else NUCLEI_EXAMPLE)
        run = execute(recipe, options.update)
    if example is not None:
        print(f"try it: pointwssis predict {run.shipped} {example}")


def drawn_shapes(recipe: Recipe) -> Path:
    """Draw the shapes into the output folder of a recipe unless an earlier call has, and return their folder."""
    from ..data.synthetic import write_shapes_coco

    data_dir = Path(recipe.output_dir) / "data"
    if not (data_dir / "annotations" / "instances_val.json").is_file():
        write_shapes_coco(data_dir, num_train=240, num_val=60, seed=recipe.seed)
    return data_dir
