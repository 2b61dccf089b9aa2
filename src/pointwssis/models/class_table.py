# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The classes of a configuration: each result looks its name up, so that a gap would fail in the middle of a run."""

from collections.abc import Mapping


def check_class_table(id2label: Mapping[int, str]) -> None:
    """Raise a `ValueError` unless the ids are 0, 1, … and the names distinct texts.

    Args:
        id2label: class id → name.

    Example:
        >>> check_class_table({0: "cat", 2: "dog"})
        Traceback (most recent call last):
        ValueError: id2label must have the ids 0 to 1, got [0, 2]
    """
    if not id2label:
        raise ValueError("id2label must have at least one class, got none")
    if sorted(id2label) != list(range(len(id2label))):
        raise ValueError(f"id2label must have the ids 0 to {len(id2label) - 1}, got {sorted(id2label)[:20]}")
    names = list(id2label.values())
    for index, name in enumerate(names):
        if not isinstance(name, str) or not name.strip() or name in names[:index]:
            raise ValueError(f"id2label must have a name of its own for each class, got {name!r:.80}")
