# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis check DATASET`: what is in a dataset, and what is wrong with it."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from ..checking.checkup import check_recipe
from ..checking.report import json_report, text_report
from ..checking.sheet import write_contact_sheet
from .sources import recipe_of

EPILOG = """examples:
  pointwssis check data/nuclei
  pointwssis check train.json --image_dir images --val_annotations val.json --json check.json
  pointwssis check examples/recipes/nuclei.yaml --data_dir data/nuclei --contact_sheet sheet.png

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
    return int(checkup.stops_training)
