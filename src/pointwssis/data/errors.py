# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Errors in single records of a file: raise the first one, or skip, count and report all of them."""

import logging
from collections import Counter
from dataclasses import dataclass
from typing import Any

from ..ops.user_error import UserError
from ..ops.wording import brief, counted

logger = logging.getLogger(__name__)

SKIP_HINT = " (skip_bad leaves out bad records and counts them)"

_MAX_NAME_LENGTH = 120  # characters of the name of a record
_MAX_HINT_LENGTH = 1000  # characters


class AnnotationError(Exception):
    """A problem with one record of a file.

    Args:
        problem: short description without values; skipped records are counted per problem.
        field: name of the field.
        value: invalid value of the field.
        hint: remedy for the user.
        error: exception that a loader raises for it.
    """

    def __init__(self, problem: str, field: str, value: Any, hint: str, error: type[Exception] = UserError) -> None:
        super().__init__(problem)
        self.problem, self.field, self.value, self.hint, self.error = problem, field, value, hint, error


@dataclass(frozen=True)
class Remark:
    """A remark on a record that is used all the same.

    Args:
        text: short description without values; remarks are counted by it.
        field: name of the field.
        value: value of the field.
        is_suspect: True if the value is probably wrong, so that it is warned of.
    """

    text: str
    field: str
    value: Any
    is_suspect: bool = False


class LoadReport:
    """The report of one file: it raises the first bad record, or counts skipped records; it counts remarks too.

    Args:
        source: path of the file, with which every message begins.
        skip_bad: count bad records and continue instead of raising.
        skip_hint: end of the message that is raised; empty if the caller cannot skip records.

    Attributes:
        skipped: problem → number of records skipped because of it.
        notes: remark → number of records that were kept but deserve attention.
        suspects: those of the remarks that say that something is probably wrong.
        examples: problem or remark → message about its first record.
        messages: messages about all skipped records, in order.
        names: names of classes in the file, before `label_map` is applied.
        images: number of images loaded.
        objects: number of objects loaded.

    Example:
        >>> report = LoadReport("train.json", skip_bad=True)
        >>> report.reject("annotation 7", AnnotationError("unknown image", "image_id", 99, "list it under 'images'"))
        >>> report.skipped["unknown image"], report.examples["unknown image"]
        (1, "train.json: annotation 7: image_id is 99: unknown image; list it under 'images'")
    """

    def __init__(self, source: str = "", skip_bad: bool = False, skip_hint: str = SKIP_HINT) -> None:
        self.source, self.skip_bad, self.skip_hint = source, skip_bad, skip_hint
        self.skipped: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.suspects: set[str] = set()
        self.examples: dict[str, str] = {}
        self.messages: list[str] = []
        self.names: set[str] = set()
        self.images = self.objects = 0

    def reject(self, record: str, bad: AnnotationError) -> None:
        """Raise `bad.error` with file, record, field, value and hint; with `skip_bad`, count the record instead."""
        # The same message is raised, or kept as the account of a skipped record.
        place = f"{self.source}: {record:.{_MAX_NAME_LENGTH}}"
        hint = f"{bad.hint:.{_MAX_HINT_LENGTH}}"
        message = _on_one_line(f"{place}: {bad.field} is {brief(bad.value)}: {bad.problem}; {hint}")
        if not self.skip_bad:
            raise bad.error(message + self.skip_hint) from bad
        # Count by the problem alone, which contains no values, and keep the first message as an example.
        self.messages.append(message)
        self.skipped[bad.problem] += 1
        self.examples.setdefault(bad.problem, message)

    def note(self, record: str, remark: Remark) -> None:
        """Count a record that is kept but deserves attention."""
        self.notes[remark.text] += 1
        if remark.is_suspect:
            self.suspects.add(remark.text)
        example = f"{self.source}: {record:.{_MAX_NAME_LENGTH}}: {remark.field} is {brief(remark.value)}"
        self.examples.setdefault(remark.text, _on_one_line(example))

    def no_image(self, reason: str) -> UserError:
        """Return the error for a file without an image to load: the reason is the first bad record, if there is one."""
        if self.messages:
            reason = f"{counted(self.skipped.total(), 'bad record')} skipped, the first one: {self.first_message()}"
        return UserError(f"{self.source}: no image to load ({reason}); a dataset needs at least one")

    def first_message(self) -> str:
        """Return the message about the first skipped record, without the name of the file."""
        return self.messages[0].removeprefix(f"{self.source}: ")

    def table(self) -> str:
        """Return one line per problem or remark with its count and first example; empty without any."""
        lines = []
        for fate, counts in (("skipped", self.skipped), ("kept", self.notes)):
            for problem, count in counts.most_common():
                fate = "suspect" if problem in self.suspects else fate
                lines.append(f"  {fate:<7} {count:>7}  {problem}; first: {self.examples[problem]}")
        return "\n".join(lines)

    def log(self) -> None:
        """Log the table: as a warning if records were skipped or are suspect, otherwise as information."""
        if self.skipped or self.notes:
            level = logging.WARNING if self.skipped or self.suspects else logging.INFO
            loaded = f"{counted(self.images, 'image')}, {counted(self.objects, 'object')} loaded"
            logger.log(level, "%s: %s\n%s", self.source, loaded, self.table())


def _on_one_line(message: str) -> str:
    """Return a message without line breaks, and with every character that a file or terminal can store."""
    return " ".join(message.splitlines()).encode("utf-8", "backslashreplace").decode("utf-8")
