# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The recipes of the package, which are called by name: `pointwssis run nuclei`."""

from pathlib import Path

from ..ops.user_error import UserFileNotFoundError
from ..ops.wording import did_you_mean

RECIPE_FOLDER = Path(__file__).with_name("recipes")


def named_recipes() -> dict[str, Path]:
    """Return the name and the file of every recipe of the package, in alphabetical order.

    Example:
        >>> "nuclei" in named_recipes()
        True
    """
    return {path.stem: path for path in sorted(RECIPE_FOLDER.glob("*.yaml"))}


def find_recipe(name_or_path: str | Path) -> Path:
    """Return the file of a recipe.

    Args:
        name_or_path: path of a YAML file, or name of a recipe of the package. An existing file takes precedence.

    Raises:
        UserFileNotFoundError: it is neither.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    recipes = named_recipes()
    if str(name_or_path) in recipes:
        return recipes[str(name_or_path)]
    # A mistyped name is answered with the closest one, if there is any.
    hint = did_you_mean(path.stem, recipes) or "`pointwssis recipes` lists those of the package"
    raise UserFileNotFoundError(f"{name_or_path}: neither a recipe file nor the name of a recipe; {hint}")


def summary_line(path: Path) -> str:
    """Return the description of a recipe: the first line of its file, a comment."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("#").strip()
