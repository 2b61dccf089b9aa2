# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""What a loader does with a bad record: one clear error, or (when asked) a skip that is counted and reported."""

import logging
from collections import Counter
from typing import Any

logger = logging.getLogger(__name__)


class LoadReport:
    """Raises at the first bad record, or counts what it skips; also counts what is kept but worth a look (`notes`).

    Args:
        source: the file that is read; it begins every message.
        skip_bad: count and go on instead of raising.

    Attributes:
        skipped: kind of problem → how many records were skipped for it.
        notes: kind of remark → how many records it concerns; nothing was skipped for these.
        examples: kind → the message of the first record.
        images: number of images loaded.
        objects: number of objects loaded.

    Example:
        >>> report = LoadReport("train.json", skip_bad=True)
        >>> report.bad("unknown image", "annotation 7", "image_id", 99, "list the image under 'images'")
        >>> report.skipped["unknown image"], report.examples["unknown image"]
        (1, "train.json: annotation 7: image_id is 99: unknown image; list the image under 'images'")
    """

    def __init__(self, source: str = "", skip_bad: bool = False) -> None:
        self.source, self.skip_bad = source, skip_bad
        self.skipped: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.images = self.objects = 0

    def bad(
        self, kind: str, record: str, field: str, value: Any, remedy: str, error: type[Exception] = ValueError
    ) -> None:
        """Raises `error` naming file, record, field, value and remedy; with `skip_bad` counts the record as skipped."""
        message = f"{self.source}: {record}: {field} is {_short(value)}: {kind}; {remedy}"
        if not self.skip_bad:
            raise error(message)
        self.skipped[kind] += 1
        self.examples.setdefault(kind, message)

    def note(self, kind: str, record: str, field: str, value: Any) -> None:
        """Counts something that is kept but that a person may want to look at."""
        self.notes[kind] += 1
        self.examples.setdefault(kind, f"{self.source}: {record}: {field} is {_short(value)}")

    def table(self) -> str:
        """One line a kind: how many, what, and the first example; empty when there is nothing to tell."""
        rows = [("skipped", *item) for item in self.skipped.most_common()] + [
            ("kept", *item) for item in self.notes.most_common()
        ]
        return "\n".join(f"  {fate:<7} {count:>7}  {kind} (first: {self.examples[kind]})" for fate, kind, count in rows)

    def log(self) -> None:
        """Logs the table once: as a warning when records were skipped, else as information."""
        if self.skipped or self.notes:
            level = logging.WARNING if self.skipped else logging.INFO
            logger.log(
                level, "%s: %d images, %d objects loaded\n%s", self.source, self.images, self.objects, self.table()
            )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
