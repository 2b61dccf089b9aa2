# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The recipes of the package, which are called by name: `pointwssis run nuclei`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..ops.documents import lines_of_keys, parse_yaml, read_text
from ..ops.user_error import UserError, UserFileNotFoundError
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


def recipe_file_values(path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return the keys of a recipe file, together with those of its `base`.

    The base is another recipe, by name or path. It provides what the file lacks; entries of mappings are taken one by
    one, other values of the file replace those of the base.

    Args:
        path: YAML file.
        above: files that have this one as a base.

    Raises:
        UserFileNotFoundError: the base does not exist.
        UserError: a file is not a recipe, or is its own base.
    """
    if path in above:
        raise UserError(f"{above[0]}: base leads back to {path}; a recipe cannot start from itself")
    values = parse_yaml(read_text(path), str(path)) or {}
    if not isinstance(values, dict):
        raise UserError(f"{path}: holds a {type(values).__name__}; a recipe is a mapping of keys to values")
    base = values.pop("base", None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise UserError(f"{path}: base is {base!r}; it must be the name or the path of a recipe")
    try:
        base_path = find_recipe(base)
    except UserFileNotFoundError as error:
        raise UserFileNotFoundError(f"{path}: base is {base!r}: {error}") from error
    return _merged(recipe_file_values(base_path, (*above, path)), values)


def recipe_file_lines(path: Path) -> dict[str, tuple[str, int]]:
    """Return key → (file, line from 1) of a recipe file that `recipe_file_values` reads, and of its `base`.

    A key of an inner mapping follows that of the mapping, after a dot.
    """
    text = read_text(path)
    own = {key: (str(path), line) for key, line in lines_of_keys(text).items()}
    base = (parse_yaml(text, str(path)) or {}).get("base")
    return own if base is None else {**recipe_file_lines(find_recipe(base)), **own}


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping in which own values take precedence, in mappings inside it too.

    Example:
        >>> _merged({"seed": 1, "teacher": {"max_steps": 5, "seed": 2}}, {"teacher": {"max_steps": 9}})
        {'seed': 1, 'teacher': {'max_steps': 9, 'seed': 2}}
    """
    merged = dict(base)
    for key, value in own.items():
        both_map = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both_map else value
    return merged


def summary_line(path: Path) -> str:
    """Return the description of a recipe: the first line of its file, a comment."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("#").strip()
