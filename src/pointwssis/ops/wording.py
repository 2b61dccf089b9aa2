# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Phrases that messages share: numbers with their nouns, and suggestions for misspelled names."""

import difflib
from collections.abc import Iterable


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number with its noun in the singular or plural.

    Args:
        number: count to print, with thousands separators.
        singular: noun for a count of 1.
        plural: noun for any other count; by default `singular` with an "s".

    Example:
        >>> counted(1, "image"), counted(2000, "class", "classes")
        ('1 image', '2,000 classes')
    """
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return "; did you mean …?" with the most similar known name, or an empty string if none is similar.

    Example:
        >>> did_you_mean("sead", ["seed", "stages"]), did_you_mean("qqq", ["seed"])
        ("; did you mean 'seed'?", '')
    """
    close = difflib.get_close_matches(str(name), list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
