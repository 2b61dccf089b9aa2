# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis check DATASET`: what is in a dataset, what is wrong with it, and settings that suit it."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from ..checking.checkup import Checkup, check_recipe
from ..checking.report import json_report, text_report
from ..checking.sheet import write_contact_sheet
from ..planning.proposal import MINUTES, propose
from ..runs.progress import duration
from .sources import recipe_of

EPILOG = """examples:
  pointwssis check data/nuclei
  pointwssis check train.json --image_dir images --val_annotations val.json --json check.json
  pointwssis check examples/recipes/nuclei.yaml --data_dir data/nuclei --contact_sheet sheet.png
  pointwssis check data/nuclei --write_recipe mine.yaml --minutes 60

Every key of a recipe is an option, as in `pointwssis run`. The exit code is 1 where something would stop a training."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="pointwssis check",
        usage="pointwssis check [DATASET] [options] [--KEY VALUE ...]",
        description="Looks at every label and every image file, and tells what is there and what is wrong.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was found")
    parser.add_argument("--contact_sheet", type=Path, metavar="FILE", help="draw some images and what was found")
    parser.add_argument("--write_recipe", type=Path, metavar="FILE", help="propose settings for data and machine")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="that a run of them may take (%(default)g)")
    named = bool(arguments) and not arguments[0].startswith("-")
    options, words = parser.parse_known_args(arguments[1:] if named else arguments)
    source = arguments[0] if named else None
    recipe = recipe_of(source, words)
    checkup = check_recipe(recipe)
    print(text_report(checkup))
    if options.json is not None:
        options.json.write_text(json.dumps(json_report(checkup), indent=1, ensure_ascii=False), encoding="utf-8")
        print(f"everything: {options.json}")
    if options.contact_sheet is not None:
        print(f"to look at: {write_contact_sheet(checkup, options.contact_sheet)}")
    if options.write_recipe is not None:
        if checkup.stops_training:
            print("no recipe: what stops a training comes first")
        else:
            write_recipe(checkup, options.write_recipe, options.minutes)
    return int(checkup.stops_training)


def write_recipe(checkup: Checkup, path: Path, minutes: float) -> None:
    """Proposes settings, writes them and says how to run them."""
    print("measuring a few training steps …", flush=True)
    deep_images = sum(len(split.scan.deep_ranges) for split in checkup.splits.values())
    proposal = propose(checkup.recipe, checkup.data, minutes, deep_images)
    path.write_text(proposal.text, encoding="utf-8")
    print(f"recipe: {path}, about {duration(proposal.seconds)}; start it by: pointwssis run {path}")
