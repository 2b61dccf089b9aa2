# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""What a loader does with a bad record: one clear error, or (when asked) a skip that is counted and reported."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

logger = logging.getLogger(__name__)

_collected: ContextVar[list["LoadReport"] | None] = ContextVar("collected load reports", default=None)


class AnnotationError(Exception):
    """What is wrong with one record of a file.

    Args:
        kind: the kind of problem, in a few words without values; skips are counted by it.
        field: name of the field.
        value: what stands there.
        remedy: what a person can do about it.
        error: the exception that a reader of the file gets to see.
    """

    def __init__(self, kind: str, field: str, value: Any, remedy: str, error: type[Exception] = ValueError) -> None:
        super().__init__(kind)
        self.kind, self.field, self.value, self.remedy, self.error = kind, field, value, remedy, error


class LoadReport:
    """Raises at the first bad record, or counts what it skips; also counts what is kept but worth a look (`notes`).

    Args:
        source: the file that is read; it begins every message.
        skip_bad: count and go on instead of raising.

    Attributes:
        skipped: kind of problem → how many records were skipped for it.
        notes: kind of remark → how many records it concerns; nothing was skipped for these.
        examples: kind → the message of its first record.
        messages: of all records that were skipped, in their order.
        images: number of images loaded.
        objects: number of objects loaded.

    Example:
        >>> report = LoadReport("train.json", skip_bad=True)
        >>> report.reject("annotation 7", AnnotationError("unknown image", "image_id", 99, "list it under 'images'"))
        >>> report.skipped["unknown image"], report.examples["unknown image"]
        (1, "train.json: annotation 7: image_id is 99: unknown image; list it under 'images'")
    """

    def __init__(self, source: str = "", skip_bad: bool = False) -> None:
        self.source, self.skip_bad = source, skip_bad
        self.skipped: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.messages: list[str] = []
        self.images = self.objects = 0
        if (collected := _collected.get()) is not None:
            collected.append(self)

    def reject(self, record: str, bad: AnnotationError) -> None:
        """Raises `bad.error` naming file, record, field, value and remedy; with `skip_bad` counts instead."""
        message = f"{self.source}: {record}: {bad.field} is {_short(bad.value)}: {bad.kind}; {bad.remedy}"
        if not self.skip_bad:
            raise bad.error(f"{message} (skip_bad leaves out bad records and counts them)") from bad
        self.messages.append(message)
        self.skipped[bad.kind] += 1
        self.examples.setdefault(bad.kind, message)

    def note(self, kind: str, record: str, field: str, value: Any) -> None:
        """Counts something that is kept but that a person may want to look at."""
        self.notes[kind] += 1
        self.examples.setdefault(kind, f"{self.source}: {record}: {field} is {_short(value)}")

    def table(self) -> str:
        """One line a kind: how many, what, and the first example; empty when there is nothing to tell."""
        rows = []
        for fate, counts in (("skipped", self.skipped), ("kept", self.notes)):
            rows += [f"  {fate:<7} {n:>7}  {kind}; first: {self.examples[kind]}" for kind, n in counts.most_common()]
        return "\n".join(rows)

    def log(self) -> None:
        """Logs the table once: as a warning when records were skipped, else as information."""
        if self.skipped or self.notes:
            level = logging.WARNING if self.skipped else logging.INFO
            loaded = f"{self.images} images, {self.objects} objects loaded"
            logger.log(level, "%s: %s\n%s", self.source, loaded, self.table())


@contextmanager
def collect_reports() -> Iterator[list[LoadReport]]:
    """All reports that loaders make inside of the `with`, one a file, however deep they are called.

    Example:
        >>> with collect_reports() as reports:
        ...     report = LoadReport("train.json", skip_bad=True)
        >>> reports == [report]
        True
    """
    collected: list[LoadReport] = []
    token = _collected.set(collected)
    try:
        yield collected
    finally:
        _collected.reset(token)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
