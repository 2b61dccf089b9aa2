# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Formatting of numbers, names and tables in cards."""

from ...ops.wording import counted


def table(columns: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def percent(value: float | None) -> str:
    """Return a fraction in percent, or a dash for a value that was not measured."""
    return "–" if value is None else f"{100 * value:.1f}"


def days(days: float) -> str:
    """Return days with two significant digits, or one decimal from 10 on.

    Example:
        >>> days(196.73), days(0.01234), days(0)
        ('196.7', '0.012', '0')
    """
    return f"{days:.1f}" if days >= 10 else f"{days:.2g}"


def listed(names: list[str], one: str, many: str) -> str:
    """Return a count with at most ten names, such as "3 classes (cat, dog, fox)"."""
    shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    return f"{counted(len(names), one, many)} ({shown})"
