# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Values of recipes: parsed from YAML and the command line, and checked against the types of fields."""

import copy
import os
import re
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from ..ops.documents import parse_yaml
from ..ops.processor_settings import check_processor_settings
from ..ops.user_error import UserError, as_user_error
from ..ops.wording import brief, did_you_mean, with_hint


class Flag(str):
    """The text "true" of an option that was given without a value."""


def parse_overrides(arguments: Sequence[str]) -> dict[str, str]:
    """Parse `--key value`, `--key=value` and `--flag` into a mapping of keys to texts.

    Example:
        >>> parse_overrides(["--seed", "2", "--model.fpn_channels=64", "--skip_bad"])
        {'seed': '2', 'model.fpn_channels': '64', 'skip_bad': 'true'}
    """
    overrides: dict[str, str] = {}
    position = 0
    while position < len(arguments):
        word = arguments[position]
        if not word.startswith("--"):
            raise UserError(f"unexpected argument {word!r}; options look like --seed 2")
        key, equals, value = word[2:].partition("=")
        # Without "=" the value is the next word, unless that is an option: then the key is a flag.
        if not equals:
            following = arguments[position + 1] if position + 1 < len(arguments) else None
            if following is None or following.startswith("--"):
                value = Flag("true")
            else:
                value, position = following, position + 1
        overrides[key.replace("-", "_")] = value
        position += 1
    return overrides


def parse_value(key: str, text: str, hint: Any) -> Any:
    """Parse the value of a key from a word of the command line.

    Args:
        key: key of the recipe, for the message.
        text: word of the command line.
        hint: type hint of the field. Texts are taken literally (a path may look like YAML), lists may be separated by
            commas, and everything else is parsed as YAML.
    """
    # It would name a folder "true".
    if isinstance(text, Flag) and hint in (str, str | None, str | list[str] | None):
        raise UserError(f"--{key} has no value; write --{key} VALUE")
    # Texts are literal; "null" clears a field that may be empty.
    if hint in (str, str | None):
        return None if text == "null" and hint is not str else text
    # Lists may leave out the brackets of YAML.
    if hint == list[str] and "[" not in text:
        return [word.strip() for word in text.split(",")]
    # One path stays a text, even with a comma in its name; several become a list.
    if hint == str | list[str] | None and os.path.exists(text):
        return text
    if hint == str | list[str] | None and "[" not in text and text != "null":
        words = [word.strip() for word in text.split(",")]
        return words[0] if len(words) == 1 else words
    return parse_yaml(text, f"--{key} {brief(text)}")


def expanded(value: str | list[str] | None) -> str | list[str] | None:
    """Return a path, or several, with `~` and `$VARIABLE` replaced, which a shell does not do in a file.

    Example:
        >>> expanded(["~/a.json", None]) == [os.path.expanduser("~/a.json"), None]
        True
    """
    if isinstance(value, list):
        return [expanded(item) for item in value]
    return os.path.expanduser(os.path.expandvars(value)) if isinstance(value, str) else value


def files_of(value: str | list[str] | None) -> list[str]:
    """Return the files of a key that takes one file, several, or none."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else value


def with_overrides(
    values: Mapping[str, Any], overrides: Mapping[str, str], hints: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the values of a recipe with overrides, which are texts that the type of the field says how to parse.

    Args:
        values: key → value.
        overrides: key → text; a dot reaches into a mapping, whose other entries stay.
        hints: key → type of all keys.
        defaults: key → default of all keys.

    Raises:
        UserError: there is no such key, or a text cannot be parsed.
    """
    changed = copy.deepcopy(dict(values))
    for key, text in overrides.items():
        name, *inner = key.split(".")
        if name not in hints:
            raise UserError(with_hint(f"there is no option --{name}", did_you_mean(name, hints)))
        value = parse_value(key, text, hints[name])
        # One entry of a default mapping is overridden, not the whole mapping.
        if inner and name not in changed:
            changed[name] = copy.deepcopy(defaults[name])
        # Walk to the innermost mapping, creating the ones that are missing.
        target = changed
        for part, child in zip([name, *inner], inner, strict=False):
            target = target.setdefault(part, {})
            if not isinstance(target, dict):
                raise UserError(f"--{key}: {part} is not a mapping, so it has no {child}")
        target[([name, *inner])[-1]] = value
    return changed


def checked_fields(values: Mapping[str, Any], kind: type, above: str = "") -> dict[str, Any]:
    """Return `values` converted to the field types of a dataclass.

    Args:
        values: field → value.
        kind: dataclass that the values are fields of.
        above: key of the recipe that holds the values; "" for the recipe itself.

    Raises:
        UserError: the dataclass has no such field, or a value has another type; the message begins with the key.
    """
    hints, before = get_type_hints(kind), f"{above}." if above else ""
    for key in values:
        if key not in hints:
            # Any other text would not be read as a key.
            is_name = isinstance(key, str) and re.fullmatch(r"[A-Za-z]\w{,79}", key)
            problem = f"{before}{key}: unknown key" if is_name else f"unknown key {brief(key)}"
            # Dots reach into a mapping on the command line only.
            name, dot, inner = str(key).partition(".")
            if dot and name in hints:
                raise UserError(f"{problem}; in a file, write {brief(inner)} below {before}{name}, indented")
            raise UserError(with_hint(problem, did_you_mean(key, hints)))
    return {key: checked_value(value, hints[key], before + key) for key, value in values.items()}


def checked_value(value: Any, hint: Any, name: str) -> Any:
    """Return a value that has the type of its field; integers are converted where the field takes a float.

    Args:
        value: value of the field.
        hint: type hint of the field.
        name: key of the recipe; begins the message.

    Raises:
        UserError: the value has another type.
    """
    # The alternatives of a union are tried in order.
    kinds = get_args(hint) if get_origin(hint) in (UnionType, Union) else (hint,)
    for kind in kinds:
        plain, inner = get_origin(kind) or kind, get_args(kind)
        if kind is Any:
            return value
        if plain in (int, float) and isinstance(value, bool):  # a bool is an int to isinstance
            continue
        if plain is float and isinstance(value, int):
            with as_user_error(OverflowError, source=f"{name} is {brief(value)}"):
                return float(value)
        # Items of containers are checked one by one.
        if plain is list and inner and isinstance(value, list):
            return [checked_value(item, inner[0], f"{name}[{index}]") for index, item in enumerate(value)]
        if plain is dict and inner and isinstance(value, dict):
            # YAML reads 1, no, and null as something else than text.
            wrong = [key for key in value if not isinstance(key, inner[0])]
            if wrong:
                raise UserError(f"{name} has the key {brief(wrong[0])} ({type(wrong[0]).__name__}); put it in quotes")
            return {key: checked_value(item, inner[1], f"{name}.{key}") for key, item in value.items()}
        if isinstance(value, plain):
            return value
    expected = " or ".join(kind_name(kind) for kind in kinds)
    raise UserError(f"{name} is {brief(value)} ({type(value).__name__}); expected {expected}")


def check_sizes(name: str, sizes: Mapping[str, int], needed: Sequence[str], allowed: Sequence[str] = ()) -> None:
    """Raise a `UserError` unless a mapping of sizes in pixels has all required keys and no unknown ones."""
    if not {*needed} <= sizes.keys() <= {*needed, *allowed}:
        raise UserError(f"{name} is {brief(dict(sizes))}; expected {', '.join([*needed, *allowed])} in pixels")
    # Image processors refuse other sizes, but not before the first stage.
    try:
        check_processor_settings({"size": sizes})
    except UserError as error:
        raise UserError(f"{name} is {brief(dict(sizes))}: {error}") from error


def kind_name(kind: Any) -> str:
    """Return the name of a type as YAML knows it.

    Example:
        >>> kind_name(dict[str, int]), kind_name(list[int]), kind_name(type(None)), kind_name(float)
        ('mapping', 'list of int', 'null', 'float')
    """
    plain, inner = get_origin(kind) or kind, get_args(kind)
    if kind is type(None):
        return "null"
    if plain is dict:
        return "mapping"
    return f"list of {kind_name(inner[0])}" if plain is list and inner else plain.__name__
