# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Progress of a run: one short block per training stage, with its ETA."""

import time
from typing import Any

from transformers import TrainerCallback

from ..ops.wording import counted
from .names import round_name

# The first steps warm up caches; the steps between these two are timed for the first estimate.
FIRST_TIMED_STEP, LAST_TIMED_STEP = 5, 20
LINES_PER_STAGE = 10


class EtaCallback(TrainerCallback):
    """Print the steps, the loss and the ETA of a training stage, in about ten lines per stage.

    Args:
        steps: name of each training stage that is not done yet, in order → its number of steps.
    """

    def __init__(self, steps: dict[str, int]):
        self.pending = dict(steps)
        self.stage = ""
        self.seconds_per_step: dict[str, float] = {}
        self.first_step = self.timed_from = self.printed_step = 0
        self.stage_began = self.timing_began = time.monotonic()

    def for_stage(self, stage: str) -> "EtaCallback":
        """Set the stage that starts now, and return this callback."""
        self.stage = stage
        return self

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        # A resumed training is timed from the step where it goes on.
        self.first_step = self.timed_from = self.printed_step = state.global_step
        self.stage_began = self.timing_began = time.monotonic()
        if state.is_world_process_zero:
            resumed = f", resumed at step {state.global_step}" if state.global_step else ""
            print(f"{self.stage}: {counted(state.max_steps, 'step')}{resumed}", flush=True)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        done = state.global_step - self.first_step
        # Timing starts anew after the warm-up, so that the first estimate is not too long.
        if done == FIRST_TIMED_STEP:
            self.timed_from, self.timing_began = state.global_step, time.monotonic()
        if done == LAST_TIMED_STEP and state.is_world_process_zero:
            self._measure(state)
            print(f"  {self._left(state)}", flush=True)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict | None = None, **kwargs: Any) -> None:
        if "loss" not in (logs or {}) or not state.is_world_process_zero:
            return
        # The first loss is printed at once, the following ones at even distances.
        is_first_line = self.printed_step == self.first_step
        is_due = state.global_step - self.printed_step >= state.max_steps / LINES_PER_STAGE
        if not is_first_line and not is_due:
            return
        self.printed_step = state.global_step
        self._measure(state)
        loss = f"loss {float(logs['loss']):.3f}"
        print(f"  step {state.global_step:>6,} / {state.max_steps:,}   {loss}   {self._left(state)}", flush=True)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.pending.pop(self.stage, None)
        if state.is_world_process_zero:
            print(f"  done in {duration(time.monotonic() - self.stage_began)}", flush=True)

    def _measure(self, state: Any) -> None:
        """Update the seconds per step of this kind of stage."""
        # The mean over all steps that were timed since the warm-up
        steps = state.global_step - self.timed_from
        if steps > 0:
            self.seconds_per_step[kind_of(self.stage)] = (time.monotonic() - self.timing_began) / steps

    def _left(self, state: Any) -> str:
        """Return the time per step, the ETA of this stage and that of all remaining stages."""
        seconds = self.seconds_per_step.get(kind_of(self.stage), 0.0)
        own = seconds * (state.max_steps - state.global_step)
        # Before its first stage, the speed of the other kind of model is unknown; this stage's speed is the best guess.
        others = {stage: steps for stage, steps in self.pending.items() if stage != self.stage}
        rest = sum(steps * self.seconds_per_step.get(kind_of(stage), seconds) for stage, steps in others.items())
        text = f"{seconds:.2f} s per step, {duration(own)} left"
        return f"{text}; all training stages: {duration(own + rest)}" if others else text


def kind_of(stage: str) -> str:
    """Return the kind of model that a stage trains; stages of one kind take the same time per step."""
    return "refiner" if stage in ("refiner", round_name("refiner", 1)) else "segmenter"


def duration(seconds: float) -> str:
    """Return a duration in seconds, minutes or hours.

    Example:
        >>> duration(45), duration(600), duration(9000)
        ('45 s', '10 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
