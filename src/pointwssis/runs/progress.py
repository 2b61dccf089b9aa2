# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""How long a run will take, measured after its first steps."""

import time
from typing import Any

from transformers import TrainerCallback

PROBE = (5, 20)  # the first steps warm caches up; what lies between these two is timed


class EtaCallback(TrainerCallback):
    """Prints, 20 steps into each training, how long it and the ones behind it will take.

    Args:
        steps: trainings in their order → steps.
    """

    def __init__(self, steps: dict[str, int]):
        self.pending = dict(steps)
        self.name = ""
        self.started = 0.0
        self.seconds_a_step: dict[str, float] = {}

    def of(self, name: str) -> "EtaCallback":
        """The probe, told which training comes now."""
        self.name = name
        return self

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.first_step = state.global_step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        done = state.global_step - self.first_step
        if done == PROBE[0]:
            self.started = time.monotonic()
        if done == PROBE[1] and state.is_world_process_zero:
            self._tell((time.monotonic() - self.started) / (PROBE[1] - PROBE[0]), state.max_steps - state.global_step)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.pending.pop(self.name, None)

    def _tell(self, seconds: float, left: int) -> None:
        self.seconds_a_step[speed_of(self.name)] = seconds
        own = seconds * left
        # The refiner's speed is not known before it starts; a segmenter's step is the better guess of the two.
        others = {name: steps for name, steps in self.pending.items() if name != self.name}
        rest = sum(steps * self.seconds_a_step.get(speed_of(name), seconds) for name, steps in others.items())
        print(
            f"{self.name}: {seconds:.2f} s a step, {minutes(own)} to go; all trainings: about {minutes(own + rest)}",
            flush=True,
        )


def speed_of(training: str) -> str:
    """What trainings of the same speed share."""
    return "refiner" if training == "refiner" else "segmenter"


def minutes(seconds: float) -> str:
    """Seconds in the unit that people think in.

    Example:
        >>> minutes(45), minutes(600), minutes(9000)
        ('45 s', '10 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
