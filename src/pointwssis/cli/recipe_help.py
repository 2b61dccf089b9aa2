# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Help text for the keys of a recipe, generated from the docstring, the type hints and the defaults of `Recipe`."""

import inspect
import re
import textwrap
from dataclasses import MISSING, fields
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from ..ops.documents import dump_yaml
from ..runs.recipe import Recipe
from ..runs.recipe_values import kind_name

_WIDTH = 100
_TOPIC = re.compile(r"\*\*(.+)\*\*$")
_KEY = re.compile(r"(\w+): (.*)$")


def documented_keys() -> dict[str, dict[str, str]]:
    """Return topic → key → documentation, in the order of the docstring of `Recipe`."""
    topics: dict[str, dict[str, str]] = {}
    documentation = inspect.cleandoc(Recipe.__doc__ or "").partition("Args:\n")[2]
    topic = key = ""
    for line in textwrap.dedent(documentation).splitlines():
        # A line is a topic, the first line of a key, or a continuation.
        if match := _TOPIC.match(line):
            topic = match[1]
            topics[topic] = {}
        elif match := _KEY.match(line):
            key = match[1]
            topics[topic][key] = match[2]
        elif line.strip():
            topics[topic][key] += " " + line.strip()
    return topics


def recipe_help() -> str:
    """Return all keys of a recipe by topic, each with its type, its default and its documentation."""
    hints, defaults = get_type_hints(Recipe), default_values()
    blocks = []
    for topic, keys in documented_keys().items():
        # One block per topic, one entry per key
        lines = [f"{topic}:"]
        for key, text in keys.items():
            lines.append(f"  --{key} {type_text(hints[key])}  (default: {_as_yaml(defaults[key])})")
            lines += textwrap.wrap(text, _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def default_values() -> dict[str, Any]:
    """Return key → default of every key of a recipe."""
    return {
        field.name: field.default if field.default_factory is MISSING else field.default_factory()
        for field in fields(Recipe)
    }


def type_text(hint: Any) -> str:
    """Return a type hint in upper case, as help texts show values; null is not mentioned.

    Example:
        >>> type_text(int | None), type_text(str | list[str] | None), type_text(bool)
        ('INT', 'TEXT or LIST OF TEXT', 'BOOL')
    """
    kinds = get_args(hint) if get_origin(hint) is UnionType else (hint,)
    names = [kind_name(kind) for kind in kinds if kind is not type(None)]
    words = [re.sub(r"\bstr\b", "text", name).upper() for name in names]
    return " or ".join(words)


def _as_yaml(value: Any) -> str:
    """Return a value as it is written on the command line, fractions shortened."""
    # Fractions such as 2/3 are shown with four digits.
    if isinstance(value, list):
        value = [round(item, 4) if isinstance(item, float) else item for item in value]
    text = dump_yaml(value, default_flow_style=True, width=10**6)
    # PyYAML ends a document that is a plain value with three dots.
    return text.removesuffix("...\n").strip()
