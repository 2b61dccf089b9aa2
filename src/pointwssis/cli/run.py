# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis run RECIPE.yaml`: all stages on your data."""

import argparse
import inspect
import time
from collections.abc import Sequence

from ..runs.cache import is_first_process
from ..runs.progress import duration
from ..runs.publish import Push
from ..runs.recipe import Recipe
from ..runs.run import Run

EPILOG = """examples:
  pointwssis run examples/recipes/nuclei.yaml --data_dir data/nuclei --output_dir outputs/nuclei
  pointwssis run recipe.yaml --train_annotations train.json --val_annotations val.json --image_dir images
  pointwssis run recipe.yaml --data_dir data --labeled_fraction 0.2 --stages teacher,rough --max_steps 10
  pointwssis run recipe.yaml --data_dir data --model.fpn_channels 64 --training.learning_rate 1e-3

Every key of a recipe is an option; a dot reaches into its mappings. The keys:

"""


def main(arguments: Sequence[str]) -> None:
    keys = inspect.cleandoc(Recipe.__doc__ or "").partition("Args:\n")[2]
    parser = argparse.ArgumentParser(
        prog="pointwssis run",
        usage="pointwssis run RECIPE.yaml [--KEY VALUE ...]",
        description="Runs all stages of a recipe. What is done in output_dir is not done again.",
        epilog=EPILOG + keys,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _, words = parser.parse_known_args(arguments)
    execute(Recipe.from_arguments(words))


def execute(recipe: Recipe) -> Run:
    """Runs a recipe, prints its table and says where everything is."""
    started = time.monotonic()
    push = Push(recipe)
    run = Run(recipe)
    print(run.data.summary())
    run.run()
    if not is_first_process():
        return run
    print("\n" + (run.folder / "results.md").read_text(encoding="utf-8"))
    sheet = run.folder / "contact_sheet.png"
    if sheet.is_file():
        print(f"contact sheet of the labels: {sheet}")
    print(f"results: {run.folder / 'results.json'}; model: {run.shipped}; {duration(time.monotonic() - started)}")
    for role, address in push().items():
        print(f"{role}: {address}")
    return run
