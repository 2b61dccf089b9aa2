# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Phrases that messages share: numbers with their nouns, suggestions for misspelled names, and values in brief."""

import difflib
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any


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


def brief(value: object, length: int = 80) -> str:
    """Return the representation of a value of a user's file, cut to a length.

    Time and memory stay bounded, however long, deep or self-referential the value is.

    Args:
        value: any value.
        length: most characters.

    Example:
        >>> brief([[1, 2], "cat"]), brief(list(range(10**6)), 16)
        ("[[1, 2], 'cat']", '[0, 1, 2, 3, ...')
    """
    text = _BRIEF.repr(value)
    return text if len(text) <= length else text[: length - 3] + "..."


class _BoundedRepr(reprlib.Repr):
    """A `repr` of bounded size that keeps the beginning of a text and the order of a mapping."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxlist, self.maxtuple, self.maxdict, self.maxset = 5, 12, 12, 12, 12
        self.maxstring = self.maxother = 200  # characters

    def repr_str(self, value: str, level: int) -> str:
        return repr(value[: self.maxstring])

    def repr_int(self, value: int, level: int) -> str:
        # Python refuses to write integers of thousands of digits.
        return repr(value) if value.bit_length() < 1000 else f"<integer of {value.bit_length()} bits>"

    def repr_dict(self, value: Mapping[Any, Any], level: int) -> str:
        if level <= 0:
            return "{...}"
        items = list(value.items())[: self.maxdict]
        pieces = [f"{self.repr1(key, level - 1)}: {self.repr1(item, level - 1)}" for key, item in items]
        return "{" + ", ".join(pieces + ["..."] * (len(value) > len(items))) + "}"


_BRIEF = _BoundedRepr()


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
