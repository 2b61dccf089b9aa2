# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis run RECIPE --dry_run`: the stages of a run with their expected time and disk space."""

from collections.abc import Sequence

from ..planning.estimates import CostModel, StageEstimate, total
from ..runs.plan import LABEL, StagePlan
from ..runs.progress import duration

FOOTNOTE = """Times are estimates from a few measured steps. While a stage trains, its checkpoints take up to three
times the disk space of its model in addition. Nothing was written."""
HEAD = f"{'stage':<13}{'result':<17}{'action':<9}{'images':>9}{'objects':>10}{'steps':>9}{'time':>10}{'disk':>10}"


def dry_run_report(plans: Sequence[StagePlan], costs: CostModel) -> str:
    """Return a table of the stages of a run.

    Args:
        plans: one per training and per set of labels, in order.
        costs: measured speeds and sizes.
    """
    estimates = [costs.estimate(plan) for plan in plans]
    lines = [HEAD, *map(_line, plans, estimates)]
    # The total time is unknown as soon as that of one stage is.
    everything = total(estimates)
    time = duration_text(everything.seconds)
    lines.append(f"{'total':<13}{'':<54}{time:>10}{size(everything.disk):>10}")
    if everything.seconds is None:
        lines.append("\nTimes are unknown because no image has masks to measure a training step on.")
    return "\n".join([*lines, "", FOOTNOTE])


def _line(plan: StagePlan, estimate: StageEstimate) -> str:
    """Return one line of the table."""
    steps = "" if plan.steps is None else f"{plan.steps:,}"
    # The number of objects that a proposer will find in images without points is unknown.
    objects = "unknown" if plan.action == LABEL and not plan.objects else f"{plan.objects:,}"
    counts = f"{plan.images:>9,}{objects:>10}{steps:>9}"
    cost = f"{'done':>10}" if plan.is_done else f"{duration_text(estimate.seconds):>10}{size(estimate.disk):>10}"
    return f"{plan.stage:<13}{plan.name:<17}{plan.action:<9}{counts}{cost}"


def duration_text(seconds: float | None) -> str:
    """Return a duration, which may be unknown.

    Example:
        >>> duration_text(None), duration_text(600)
        ('unknown', '10 min')
    """
    return "unknown" if seconds is None else duration(seconds)


def size(count: int) -> str:
    """Return a number of bytes in a unit that suits it.

    Example:
        >>> size(52_300), size(44_000_000), size(2_500_000_000)
        ('0.1 MB', '44 MB', '2.5 GB')
    """
    if count >= 10**9:
        return f"{count / 10**9:.1f} GB"
    return f"{count / 10**6:.0f} MB" if count >= 10**7 else f"{count / 10**6:.1f} MB"
