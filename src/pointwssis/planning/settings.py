# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Settings of a recipe with their reasons, written as YAML with every reason as a comment above its key."""

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import yaml

from ..ops.documents import dump_yaml
from ..runs.recipe import Recipe

MINUTES = 60.0  # that a proposed run may take, unless the user says otherwise

_WIDTH = 118
_SECTIONS = ("model", "training", "teacher", "student", "refiner_model", "refiner")


class Setting(NamedTuple):
    """A key of a recipe (a dot reaches into a mapping), its value, and the reason for the value, which may be empty."""

    key: str
    value: Any
    reason: str = ""


def recipe_text(settings: Sequence[Setting], headline: Sequence[str] = ()) -> str:
    """Return a recipe as YAML: plain keys first, then each mapping in one piece.

    Args:
        settings: keys with values and reasons.
        headline: paragraphs of the comment at the top.

    Example:
        >>> print(recipe_text([Setting("model.fpn_channels", 64, "small"), Setting("seed", 2)]), end="")
        seed: 2
        model:
          # small
          fpn_channels: 64
    """
    lines: list[str] = []
    for text in headline:
        lines += _comment(text, "")
    opened = ""
    # Sorting is stable, so that settings keep their order within a section.
    for key, value, reason in sorted(settings, key=_section):
        first, _, inner = key.partition(".")
        # The first key of a mapping opens it.
        if inner and first != opened:
            lines.append(f"{first}:")
            opened = first
        indent = "  " if inner else ""
        lines += _comment(reason, indent)
        lines.append(f"{indent}{inner or key}: {_on_one_line(value)}")
    return "\n".join(lines) + "\n"


def recipe_from(settings: Sequence[Setting]) -> Recipe:
    """Return the recipe that `recipe_text` writes."""
    return Recipe.from_values(yaml.safe_load(recipe_text(settings)))


def _section(setting: Setting) -> int:
    """Return the place of a key: 0 for plain keys, then the order of the mappings."""
    first, _, inner = setting.key.partition(".")
    return 1 + _SECTIONS.index(first) if inner else 0


def _comment(text: str, indent: str) -> list[str]:
    """Return a text as lines of a comment."""
    return textwrap.wrap(text, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def _on_one_line(value: Any) -> str:
    """Return a value as YAML on one line; PyYAML does so for mappings only."""
    # Write the value inside a mapping, and cut the mapping off.
    text = dump_yaml({"v": value}, default_flow_style=True, width=10**6, allow_unicode=True)
    return text.strip()[len("{v: ") : -len("}")]
