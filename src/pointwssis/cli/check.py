# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis check DATASET`: content and problems of a dataset, and a recipe proposed for it."""

import argparse
import itertools
import json
import math
import os
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..ops.images import is_image_name
from ..ops.user_error import UserError
from ..planning.settings import MINUTES
from .source_help import SOURCE_HELP

if TYPE_CHECKING:
    from ..checking.checkup import Checkup

_DATASET = textwrap.fill(f"DATASET is {SOURCE_HELP}. It precedes the options.", 118)
EPILOG = f"""{_DATASET}

examples:
  pointwssis check data/nuclei
  pointwssis check masks.json clicks.csv --image_dir images --val_annotations val.json --json check.json
  pointwssis check yolo/data.yaml
  pointwssis check nuclei --data_dir data/nuclei --contact_sheet sheet.png
  pointwssis check data/nuclei --write_recipe mine.yaml --minutes 60

Every key of a recipe is an option, as in `pointwssis run`. The exit code is 1 if a problem would stop training."""


def main(arguments: Sequence[str]) -> int:
    """Check a dataset, print the report, and write the files that were asked for."""
    # argparse would take the values of recipe keys for datasets; so datasets come first, and end at the first option.
    sources = list(itertools.takewhile(lambda word: not word.startswith("-"), arguments))
    options, words = _parser().parse_known_args(arguments[len(sources) :])
    # A value may list several files, or map names.
    inputs: list[str] = []
    for word in (*sources, *words):
        inputs += re.split("[,=]", word)
    _check_outputs(options, inputs)
    # Imported after the options, so that the help does not wait for torch.
    from ..checking.checkup import check_recipe
    from ..checking.report import text_report
    from ..registration import register
    from .sources import recipe_of

    register()
    checkup = check_recipe(recipe_of(sources, words))
    print(text_report(checkup))
    _write_outputs(checkup, options)
    # The exit code tells scripts whether a run would stop.
    return int(checkup.stops_training)


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the command's own options; keys of a recipe are left to `recipe_of`."""
    parser = argparse.ArgumentParser(
        prog="pointwssis check",
        usage="pointwssis check [DATASET ...] [options] [--KEY VALUE ...]",
        description="Check every annotation and every image file of a dataset, and report contents and problems.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the complete report as JSON")
    parser.add_argument("--contact_sheet", type=Path, metavar="FILE", help="draw some images and those with problems")
    parser.add_argument("--write_recipe", type=Path, metavar="FILE", help="propose a recipe for data and machine")
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, help="time that a run of the proposed recipe may take (%(default)g)"
    )
    return parser


def _check_outputs(options: argparse.Namespace, inputs: Sequence[str]) -> None:
    """Raise a `UserError` for a report or a recipe that cannot be written, now and not after the check.

    Args:
        options: options of the command.
        inputs: everything else on the command line, among it the files to be checked.
    """
    for path in filter(None, (options.json, options.contact_sheet, options.write_recipe)):
        if path.is_dir() or not path.parent.is_dir():
            raise UserError(f"{path}: cannot be written; give a file in an existing folder")
        if path.exists() and any(os.path.exists(name) and path.samefile(name) for name in inputs):
            raise UserError(f"{path}: is one of the files to be checked; choose another name for the report")
    if not 0 < options.minutes < math.inf:
        raise UserError(f"--minutes is {options.minutes}; it must be a positive number")
    if options.contact_sheet is not None and not is_image_name(options.contact_sheet):
        raise UserError(f"--contact_sheet is {options.contact_sheet}: not the name of a picture, such as sheet.png")


def _write_outputs(checkup: "Checkup", options: argparse.Namespace) -> None:
    """Write the report, the contact sheet, and the recipe that were asked for."""
    from ..checking.report import json_report
    from ..checking.sheet import write_contact_sheet

    if options.json is not None:
        options.json.write_text(json.dumps(json_report(checkup), indent=1, ensure_ascii=False), encoding="utf-8")
        print(f"complete report: {options.json}")
    if options.contact_sheet is not None:
        print(f"contact sheet: {write_contact_sheet(checkup, options.contact_sheet)}")
    if options.write_recipe is not None:
        # A run on these data would fail, whatever its recipe.
        if checkup.stops_training:
            print("no recipe was written: first fix the problems that would stop training")
        else:
            write_recipe(checkup, options.write_recipe, options.minutes)


def write_recipe(checkup: "Checkup", path: Path, minutes: float) -> None:
    """Propose a recipe, write it and print the command that runs it."""
    from ..planning.proposal import propose
    from ..runs.progress import duration

    print("measuring a few training steps …", flush=True)
    # Deep images need no setting; the recipe only mentions them.
    deep_images = sum(len(split.scan.deep_ranges) for split in checkup.splits.values())
    proposal = propose(checkup.recipe, checkup.data, minutes, deep_images)
    path.write_text(proposal.text, encoding="utf-8")
    print(f"recipe: {path}, about {duration(proposal.seconds)}; run it with: pointwssis run {path}")
