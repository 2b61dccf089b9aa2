# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The jobs of the tables and figures, in the order in which they depend on each other."""

from collections.abc import Sequence

from .costs import WORK
from .experiment import Job
from .published import all_tables
from .settings import Preset

# Jobs of the pictures, whose models they show
PICTURE_JOBS: dict[str, tuple[Job, ...]] = {
    "figure2": (("teacher",),),
    "figure4": (("teacher",),),
    "figure5": (("teacher",), ("labels",)),
    "figure7": (("teacher",), ("labels",), ("students",), ("control",), ("upper_bound",)),
}


def jobs_of(names: Sequence[str], preset: Preset) -> dict[float, list[Job]]:
    """Return fraction of masks → jobs of some tables and figures, each once.

    Args:
        names: tables and figures, of `EVERYTHING`.
        preset: sizes of the experiments.

    Example:
        >>> from .settings import PRESETS
        >>> jobs_of(["4", "figure5"], PRESETS["cpu"])
        {0.1: [('teacher',), ('labels',), ('positions',)]}
    """
    tables, wanted = all_tables(preset), {}
    for name in names:
        own = {None: PICTURE_JOBS[name]} if name in PICTURE_JOBS else tables[name].jobs
        for fraction, jobs in own.items():
            # The same job of several tables is one job.
            known = wanted.setdefault(fraction or preset.fraction, {})
            known.update(dict.fromkeys(jobs))
    # `WORK` lists what others depend on first.
    order = list(WORK)
    return {fraction: sorted(jobs, key=lambda job: order.index(job[0])) for fraction, jobs in wanted.items()}
