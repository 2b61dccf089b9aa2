# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The learning-rate schedule of SOLOv2: linear warm-up, then a drop by `gamma` at each milestone."""


def warmup_multistep_factor(
    step: int, total: int, milestones: list[float], gamma: float, warmup_steps: int, warmup_factor: float
) -> float:
    """Return the factor of the learning rate at a step.

    Args:
        step: index of the step, from 0.
        total: number of steps of the training.
        milestones: fractions of the training after which the factor falls by `gamma`.
        gamma: factor per milestone.
        warmup_steps: steps of linear warm-up.
        warmup_factor: factor at step 0.

    Example:
        >>> [round(warmup_multistep_factor(s, 100, [0.8], 0.1, 10, 0.01), 3) for s in (0, 5, 10, 79, 80)]
        [0.01, 0.505, 1.0, 1.0, 0.1]
    """
    factor = gamma ** sum(step >= milestone * total for milestone in milestones)
    # A straight line from `warmup_factor` to 1
    if step < warmup_steps:
        progress = step / warmup_steps
        factor *= warmup_factor * (1 - progress) + progress
    return factor
