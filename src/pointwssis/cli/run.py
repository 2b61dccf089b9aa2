# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis run RECIPE`: all stages on your data."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..runs.recipe import Recipe
from ..runs.recipe_values import parse_overrides
from .recipe_help import recipe_help

if TYPE_CHECKING:
    from ..runs.run import Run

UPDATE_HELP = "remove and repeat what changed settings or data outdate; keep all else"
EPILOG = """examples:
  pointwssis run nuclei --data_dir data/nuclei --output_dir outputs/nuclei
  pointwssis run own_data --train_annotations masks.json,clicks.csv --image_dir images --dry_run
  pointwssis run recipe.yaml --data_dir data --labeled_fraction 0.2 --stages teacher,rough --max_steps 10
  pointwssis run recipe.yaml --data_dir data --model.fpn_channels 64 --training.learning_rate 1e-3
  pointwssis run outputs/nuclei --corrections corrected.json --output_dir outputs/nuclei_2

RECIPE is a YAML file or the name of a recipe of the package (see `pointwssis recipes`). Every key of a recipe is an
option; a dot reaches into mappings, and values are YAML. The output folder of a run goes on from its student with
corrected labels (see `pointwssis review`): the student labels the images that are not corrected, and is trained on.

"""


def main(arguments: Sequence[str]) -> None:
    """Run a recipe, or print what a run would do."""
    parser = argparse.ArgumentParser(
        prog="pointwssis run",
        usage="pointwssis run RECIPE|RUN [--dry_run] [--update] [--KEY VALUE ...]",
        description="Run all stages of a recipe. Stages that are complete in output_dir are not repeated.",
        epilog=EPILOG + recipe_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--dry_run", action="store_true", help="print stages, estimated time and disk space; write nothing"
    )
    parser.add_argument("--update", action="store_true", help=UPDATE_HELP)
    options, words = parser.parse_known_args(arguments)
    recipe = recipe_of_words(words)
    hide_progress_bars()
    if options.dry_run:
        print_dry_run(recipe, options.update)
    else:
        execute(recipe, options.update)


def recipe_of_words(words: Sequence[str]) -> Recipe:
    """Return the recipe that words name, all of which but the first are keys of it."""
    if not words or not (Path(words[0]) / "recipe.yaml").is_file():
        if words:
            from .sources import refuse_annotations  # imports datasets, which the help does not need

            refuse_annotations(words[0])
        return Recipe.from_arguments(words)
    from ..runs.going_on import recipe_after_corrections

    return recipe_after_corrections(words[0], parse_overrides(words[1:]))


def print_dry_run(recipe: Recipe, update: bool) -> None:
    """Print what a run would do."""
    # Imported after the options, so that the help does not wait for torch.
    from ..planning.estimates import CostModel
    from ..registration import register
    from ..runs.data import load_data
    from ..runs.held_back import with_validation
    from ..runs.plan import RunPlan
    from ..runs.unused_settings import warn_about_unused_settings
    from .dry_run import dry_run_report

    register()
    # A dry run loads the data and times a few steps, but writes nothing.
    data = with_validation(recipe, load_data(recipe))
    print(data.summary())
    warn_about_unused_settings(recipe, data)
    print("measuring a few training steps …", flush=True)
    print("\n" + dry_run_report(RunPlan(recipe, data, update=update).stages(), CostModel(recipe, data)))


def execute(recipe: Recipe, update: bool = False) -> "Run":
    """Run a recipe, print its table and the paths of its results; `update` as in `Run`."""
    from ..ops.folder_lock import holding_folder
    from ..ops.processes import is_first_process
    from ..registration import register
    from ..runs.progress import duration
    from ..runs.publish import Push
    from ..runs.run import Run

    register()
    started = time.monotonic()
    # Nothing of another process comes between the checks and the stages.
    with holding_folder(Path(recipe.output_dir)):
        # Write access and data are checked before the first stage.
        push = Push(recipe)
        run = Run(recipe, update=update)
        if is_first_process():
            print(run.data.summary())
        run.run()
    # One process is enough for the report and the upload.
    if not is_first_process():
        return run
    print("\n" + (run.folder / "results.md").read_text(encoding="utf-8"))
    sheet = run.folder / "contact_sheet.png"
    if sheet.is_file():
        print(f"contact sheet of the labels: {sheet}")
    print(f"report: {run.folder / 'report.html'}")
    print(f"results: {run.folder / 'results.json'}; model: {run.shipped}; {duration(time.monotonic() - started)}")
    # Nothing is uploaded unless the recipe says push_to_hub.
    for role, address in push().items():
        print(f"{role}: {address}")
    return run


def hide_progress_bars() -> None:
    """Hide the bars of `datasets` and transformers for every file: a run prints its own progress."""
    import datasets
    from transformers.utils import logging as transformers_logging

    datasets.disable_progress_bars()
    transformers_logging.disable_progress_bar()
