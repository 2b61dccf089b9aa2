# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Numbers, names and tables as cards show them."""


def table(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def days(days: float) -> str:
    """Two digits that say something.

    Example:
        >>> days(196.73), days(0.01234), days(0)
        ('196.7', '0.012', '0')
    """
    return f"{days:.1f}" if days >= 10 else f"{days:.2g}"


def images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"


def listed(names: list[str], one: str, many: str) -> str:
    """Such as "3 classes (cat, dog, fox)", with at most ten names."""
    shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    return f"{len(names)} {one if len(names) == 1 else many} ({shown})"
