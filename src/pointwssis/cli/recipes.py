# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis recipes`: list the recipes of the package, or print one as a starting point."""

import argparse
from collections.abc import Sequence

from ..ops.user_error import UserFileNotFoundError
from ..ops.wording import did_you_mean, with_hint
from ..runs.named_recipes import named_recipes, summary_line

EPILOG = """examples:
  pointwssis recipes
  pointwssis recipes own_data > mine.yaml     # edit it, then: pointwssis run mine.yaml
  pointwssis run nuclei --data_dir data/nuclei"""


def main(arguments: Sequence[str]) -> None:
    """List all recipes, or print the YAML of one."""
    parser = argparse.ArgumentParser(
        prog="pointwssis recipes",
        description="List the recipes that come with the package, or print one of them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="recipe to print; none lists all")
    name = parser.parse_args(arguments).name
    recipes = named_recipes()
    if name is None:
        # Names, and the first lines of the files, in two columns
        width = max(map(len, recipes)) + 2
        for each, path in recipes.items():
            print(f"{each:<{width}}{summary_line(path)}")
    elif name in recipes:
        print(recipes[name].read_text(encoding="utf-8"), end="")
    else:
        raise UserFileNotFoundError(with_hint(f"no recipe is called {name!r}", did_you_mean(name, recipes)))
