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


def did_you_mean(name: object, known: Iterable[str], count: int = 1) -> str:
    """Return a question that suggests the known names closest to a wrong one, ignoring case.

    Args:
        name: the wrong name.
        known: all valid names.
        count: most names to suggest.

    Returns:
        "did you mean 'a' or 'b'?", or an empty string if no name is close.

    Example:
        >>> did_you_mean("Treshold", ["threshold", "top_k"])
        "did you mean 'threshold'?"
        >>> did_you_mean("zebra", ["threshold", "top_k"])
        ''
    """
    by_lowercase = {valid.lower(): valid for valid in known}
    close = difflib.get_close_matches(str(name).lower(), by_lowercase, n=count)
    if not close:
        return ""
    return f"did you mean {' or '.join(repr(by_lowercase[valid]) for valid in close)}?"


def with_hint(message: str, hint: str) -> str:
    """Return a message followed by a hint, if there is one.

    Example:
        >>> with_hint("no such key", "did you mean 'seed'?"), with_hint("no such key", "")
        ("no such key; did you mean 'seed'?", 'no such key')
    """
    return f"{message}; {hint}" if hint else message
