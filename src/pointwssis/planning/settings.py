# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Settings of a recipe with their reasons, and how they are written: every reason is a comment above its key."""

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import yaml

from ..runs.recipe import Recipe

_WIDTH = 118
_SECTIONS = ("model", "training", "teacher", "student", "refiner_model", "refiner")


class Setting(NamedTuple):
    """A key of a recipe (a dot reaches into a mapping), its value, and why it is that; the reason may be empty."""

    key: str
    value: Any
    reason: str = ""


def recipe_text(settings: Sequence[Setting], headline: Sequence[str] = ()) -> str:
    """A recipe as YAML, plain keys first, then each mapping in one piece.

    Example:
        >>> print(recipe_text([Setting("model.fpn_channels", 64, "small"), Setting("seed", 2)]), end="")
        seed: 2
        model:
          # small
          fpn_channels: 64
    """
    lines = [
        line for text in headline for line in textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ")
    ]
    opened = ""
    for key, value, reason in sorted(settings, key=_section):
        first, _, inner = key.partition(".")
        if inner and first != opened:
            lines.append(f"{first}:")
            opened = first
        indent = "  " if inner else ""
        lines += _comment(reason, indent)
        lines.append(f"{indent}{inner or key}: {_on_one_line(value)}")
    return "\n".join(lines) + "\n"


def recipe_from(settings: Sequence[Setting]) -> Recipe:
    """The recipe that `recipe_text` writes."""
    return Recipe.from_values(yaml.safe_load(recipe_text(settings)))


def _section(setting: Setting) -> int:
    first, _, inner = setting.key.partition(".")
    return 1 + _SECTIONS.index(first) if inner else 0


def _comment(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def _on_one_line(value: Any) -> str:
    text = yaml.safe_dump({"v": value}, default_flow_style=True, sort_keys=False, width=10**6, allow_unicode=True)
    return text.strip()[len("{v: ") : -len("}")]
