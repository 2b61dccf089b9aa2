# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Findings of a check: an error would stop training, a warning would degrade it, a note is for information."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

ERROR, WARNING, NOTE = SEVERITIES = ("error", "warning", "note")
MAX_EXAMPLES = 100  # per kind; all unreadable files are kept
MAX_ROWS = 3


@dataclass
class Finding:
    """All findings of one kind.

    Args:
        severity: "error", "warning" or "note".
        what: name of the kind, in the plural.
        remedy: advice to the user.
        count: number of occurrences.
        examples: descriptions of occurrences, at most `MAX_EXAMPLES` unless all are kept.
        rows: (split, index) of a few images that show it.
    """

    severity: str
    what: str
    remedy: str
    count: int = 0
    examples: list[str] = field(default_factory=list)
    rows: list[tuple[str, int]] = field(default_factory=list)


class Findings:
    """Findings by kind, in the order of their first occurrence.

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
        """Add occurrences of a kind.

        Args:
            severity: "error", "warning" or "note".
            what: name of the kind, in the plural.
            example: description of one occurrence.
            remedy: advice to the user.
            rows: (split, index) of the images concerned.
            count: number of occurrences that the example stands for.
            keep_all: keep the example even beyond `MAX_EXAMPLES`.
        """
        # Severity and name identify a kind: the same name may occur as error and as warning.
        finding = self._by_kind.setdefault((severity, what), Finding(severity, what, remedy))
        finding.count += count
        # Examples are limited, so that a problem of every image does not fill memory and report.
        if keep_all or len(finding.examples) < MAX_EXAMPLES:
            finding.examples.append(example)
        # The images of one occurrence stay together, so a pair is kept or left out as a whole.
        if len(finding.rows) + len(rows) <= max(MAX_ROWS, len(rows)):
            finding.rows.extend(rows)

    def __iter__(self) -> Iterator[Finding]:
        """Iterate over the findings, errors first."""
        return iter(sorted(self._by_kind.values(), key=lambda finding: SEVERITIES.index(finding.severity)))

    def __len__(self) -> int:
        return len(self._by_kind)

    def count(self, severity: str) -> int:
        """Return the number of kinds of a severity."""
        return sum(finding.severity == severity for finding in self)
