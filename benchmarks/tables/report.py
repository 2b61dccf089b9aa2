# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The tables as Markdown and JSON: mean and standard deviation over the seeds, beside the paper."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .experiment import measured
from .levels import Metrics
from .published import Claim, Row, Table, all_tables
from .settings import Settings

NOT_RESOLVED = "not resolved"
UPPER_BOUND_AP50 = 0.4  # below this, networks are too little trained for their differences to say much
DIGITS = {"days": 2}  # after the point; others have one
MISSING = "–"
Results = Mapping[int, Mapping[float, Mapping[str, Metrics]]]  # seed → fraction of masks → name → metrics


@dataclass(frozen=True)
class Statement:
    """A claim after its test.

    Args:
        claim: the claim.
        worse: name of the result that the better one was compared with, the best of those of the claim.
        gaps: seed → difference in AP, in percent.
    """

    claim: Claim
    worse: str
    gaps: dict[int, float]

    @property
    def verdict(self) -> str:
        """Return "holds", "the opposite holds", or "not resolved", for a gap below one standard deviation.

        One seed has no standard deviation, so that it resolves nothing.
        """
        gaps = list(self.gaps.values())
        if len(gaps) < 2 or abs(statistics.mean(gaps)) <= statistics.stdev(gaps):
            return NOT_RESOLVED
        return "holds" if statistics.mean(gaps) > 0 else "the opposite holds"


class Report:
    """The tables of all seeds in an output folder.

    Args:
        results: results of all seeds.
        fraction: fraction of masks of the tables that have only one.
    """

    def __init__(self, results: Results, fraction: float):
        self.results, self.fraction = results, fraction

    def values(self, row: Row, metric: str) -> dict[int, float]:
        """Return seed → value of a row, in percent, or in days; seeds that did not measure it are left out."""
        key = row.cost if metric == "days" else row.key
        found = {}
        for seed, fractions in self.results.items():
            metrics = fractions.get(row.fraction or self.fraction, {}).get(key or "")
            if metrics is not None and metrics.get(metric) is not None:
                found[seed] = metrics[metric] * (1 if metric == "days" else 100)
        return found

    def test(self, claim: Claim) -> Statement | None:
        """Compare the results of a claim seed by seed; None without a seed that has measured all of them."""
        better = self._ap(claim, claim.better)
        others = {key: self._ap(claim, key) for key in claim.worse}
        seeds = set(better).intersection(*map(set, others.values()))
        if not seeds:
            return None
        worse = max(others, key=lambda key: statistics.mean(others[key][seed] for seed in seeds))
        return Statement(claim, worse, {seed: better[seed] - others[worse][seed] for seed in sorted(seeds)})

    def _ap(self, claim: Claim, key: str) -> dict[int, float]:
        return self.values(Row("", key, fraction=claim.fraction), "AP")

    def is_undertrained(self) -> bool | None:
        """Return True if the upper bound has too low an AP50; None if it was not measured."""
        values = self.values(Row("", "upper_bound"), "AP50")
        return statistics.mean(values.values()) < 100 * UPPER_BOUND_AP50 if values else None

    # -- Markdown

    def markdown(self, table: Table) -> str:
        """Return a table, the verdicts on its claims, and its notes."""
        columns = [f"{metric}{' ours' if index == 0 else ''}" for index, metric in enumerate(table.metrics)]
        header = ["", f"published {' / '.join(table.metrics)}", *columns, "seeds"]
        lines = [f"## {table.title}", "", f"Measured on: {table.measured_on}.", "", _line(header)]
        lines.append(_line(["---"] * len(header)))
        is_undertrained = self.is_undertrained()
        for row in table.rows:
            # Values of untrained networks say so in their own row.
            title = f"{row.title} (undertrained)" if is_undertrained and row.key is not None else row.title
            values = [self.values(row, metric) for metric in table.metrics]
            seeds = max(map(len, values)) or MISSING
            cells = [cell(own, DIGITS.get(metric, 1)) for metric, own in zip(table.metrics, values, strict=True)]
            lines.append(_line([title, published(row), *cells, str(seeds)]))
        lines.append("")
        for claim in table.claims:
            lines.append(self._sentence(claim))
        lines += ["", table.note]
        if is_undertrained is None:
            lines += ["", "The upper bound was not measured, so these networks may be undertrained."]
        return "\n".join(lines) + "\n"

    def _sentence(self, claim: Claim) -> str:
        statement = self.test(claim)
        if statement is None:
            return f"- {claim.text}: not measured"
        gaps = list(statement.gaps.values())
        against = f", against {statement.worse.replace('_', ' ')}" if len(claim.worse) > 1 else ""
        seeds = "1 seed" if len(gaps) == 1 else f"{len(gaps)} seeds"
        return f"- {claim.text}{against}: {signed(gaps)} AP ({seeds}), **{statement.verdict}**"

    # -- JSON

    def as_dict(self, table: Table) -> dict[str, Any]:
        """Return all figures of a table."""
        rows = []
        for row in table.rows:
            ours = {metric: self.values(row, metric) for metric in table.metrics}
            paper = dict(zip(table.metrics, row.published, strict=False))
            rows.append({"title": row.title, "fraction": row.fraction, "published": paper, "seeds": ours})
        claims = []
        for claim in table.claims:
            statement = self.test(claim)
            if statement is not None:
                entry = {"text": claim.text, "worse": statement.worse, "gaps": statement.gaps}
                claims.append({**entry, "verdict": statement.verdict})
        return {"title": table.title, "rows": rows, "claims": claims}


def write_report(settings: Settings, names: Sequence[str], facts: Mapping[str, Any]) -> Path:
    """Write `tables.md` and `tables.json` with the results of all seeds in the output folder.

    Args:
        settings: settings of the experiments.
        names: tables to write, keys of `all_tables`.
        facts: machine and command, for both files.

    Returns:
        The Markdown file.
    """
    results = measured(settings)
    report, tables = Report(results, settings.preset.fraction), all_tables(settings.preset)
    steps = dict(zip(("teacher", "student", "refiner"), settings.preset.steps, strict=True))
    facts = {**facts, "data": settings.data, "steps": steps, "fraction": settings.preset.fraction}
    facts["seeds"] = sorted(results)
    # Facts first, since figures mean nothing without them
    lines = [f"# The tables of the paper on {settings.data}", ""]
    lines += [f"- Data: {settings.data}; masks for {100 * settings.preset.fraction:g}% of the training images"]
    lines += [f"- Steps: {', '.join(f'{count:,} of a {name}' for name, count in steps.items())}"]
    lines += [f"- Seeds: {', '.join(map(str, facts['seeds']))}"]
    lines += [f"- Machine of the latest call: {facts['machine']}", f"- Latest call: `{facts['command']}`", ""]
    lines += ["AP, AR, and IoU in percent: mean ± standard deviation over the seeds. Published figures are those of"]
    lines += ["the paper on COCO or BDD100K; compare orders and gaps, not values.", ""]
    blocks = [report.markdown(tables[name]) for name in names]
    path = settings.output_dir / "tables.md"
    path.write_text("\n".join([*lines, *blocks]), encoding="utf-8")
    content = {**facts, "tables": {name: report.as_dict(tables[name]) for name in names}}
    path.with_suffix(".json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    return path


def published(row: Row) -> str:
    """Return the values of the paper in one cell.

    Example:
        >>> published(Row("", None, (39.0, None))), published(Row("", None))
        ('39.0 / –', '–')
    """
    return " / ".join(MISSING if value is None else f"{value:.1f}" for value in row.published) or MISSING


def cell(values: Mapping[int, float], digits: int = 1) -> str:
    """Return mean and standard deviation.

    Args:
        values: seed → value.
        digits: digits after the point.

    Example:
        >>> cell({1: 30.0, 2: 32.0}), cell({1: 30.0}), cell({})
        ('31.0 ± 1.4', '30.0', '–')
    """
    numbers = list(values.values())
    if not numbers:
        return MISSING
    mean = f"{statistics.mean(numbers):.{digits}f}"
    return mean if len(numbers) == 1 else f"{mean} ± {statistics.stdev(numbers):.{digits}f}"


def signed(gaps: Sequence[float]) -> str:
    """Return the mean of differences with its sign, and their standard deviation.

    Example:
        >>> signed([1.0, 2.0]), signed([-0.5])
        ('+1.5 ± 0.7', '-0.5')
    """
    mean = f"{statistics.mean(gaps):+.1f}"
    return mean if len(gaps) == 1 else f"{mean} ± {statistics.stdev(gaps):.1f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
