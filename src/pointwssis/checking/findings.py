# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""What a check has found: an error would stop a training, a warning would spoil it, a note is good to know."""

from collections.abc import Sequence
from dataclasses import dataclass, field

ERROR, WARNING, NOTE = SEVERITIES = ("error", "warning", "note")
EXAMPLES_KEPT = 100  # of one kind; unreadable files are all kept
ROWS_KEPT = 3


@dataclass
class Finding:
    """All findings of one kind.

    Args:
        severity: "error", "warning" or "note".
        what: the kind, in the plural.
        remedy: what a person can do about it.
        count: how many there are.
        examples: where; not always all of them.
        rows: (split, position) of images to look at, a few.
    """

    severity: str
    what: str
    remedy: str
    count: int = 0
    examples: list[str] = field(default_factory=list)
    rows: list[tuple[str, int]] = field(default_factory=list)


class Findings:
    """Findings by kind, in the order in which the first of each came up.

    Example:
        >>> findings = Findings()
        >>> for name in ("a.png", "b.png"):
        ...     findings.add(WARNING, "images of one color", name, "look at them")
        >>> [(finding.what, finding.count, finding.examples) for finding in findings]
        [('images of one color', 2, ['a.png', 'b.png'])]
    """

    def __init__(self) -> None:
        self._by_kind: dict[tuple[str, str], Finding] = {}

    def add(
        self,
        severity: str,
        what: str,
        example: str,
        remedy: str,
        rows: Sequence[tuple[str, int]] = (),
        count: int = 1,
        keep_all: bool = False,
    ) -> None:
        """Counts one more of a kind, or `count` of which one is the example."""
        finding = self._by_kind.setdefault((severity, what), Finding(severity, what, remedy))
        finding.count += count
        if keep_all or len(finding.examples) < EXAMPLES_KEPT:
            finding.examples.append(example)
        if len(finding.rows) + len(rows) <= max(ROWS_KEPT, len(rows)):
            finding.rows.extend(rows)

    def __iter__(self):
        """The worst first."""
        return iter(sorted(self._by_kind.values(), key=lambda finding: SEVERITIES.index(finding.severity)))

    def __len__(self) -> int:
        return len(self._by_kind)

    def count(self, severity: str) -> int:
        """How many kinds of this severity there are."""
        return sum(finding.severity == severity for finding in self)
