# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Suggestions for misspelled names in error messages."""

import difflib
from collections.abc import Iterable


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
