# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Threads of a training on a CPU: measured again when another program slows its steps down."""

import logging
import time
from dataclasses import replace
from statistics import median
from typing import Any

import torch
from transformers import TrainerCallback

from .compute_settings import ComputeSettings, TimedSamples, fastest_settings, thread_counts

WINDOW = 20  # steps whose median is compared
SLOW_DOWN = 3.0  # times as long as in the fastest window so far

logger = logging.getLogger(__name__)


class ThreadsCallback(TrainerCallback):
    """Train with a number of threads, and measure again which is fastest when steps take several times as long.

    Precision and memory format stay, so that the numbers of a stage come from one precision.

    Args:
        settings: settings that the training starts with.
        samples: training samples to measure on; None measures nothing.
        is_fixed: True keeps the number of threads, and only reports slow steps.
    """

    def __init__(self, settings: ComputeSettings, samples: TimedSamples | None, is_fixed: bool):
        self.settings, self.samples, self.is_fixed = settings, samples, is_fixed
        self.threads_before = torch.get_num_threads()
        self.fastest: float | None = None  # median seconds per step of the fastest window
        self.seconds: list[float] = []
        self.began: float | None = None
        self.has_reported = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.threads_before = torch.get_num_threads()
        torch.set_num_threads(self.settings.threads)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        torch.set_num_threads(self.threads_before)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.began is None:  # several passes may form one step
            self.began = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        self.seconds.append(time.monotonic() - self.began)
        self.began = None
        if len(self.seconds) < WINDOW:
            return
        now, self.seconds = median(self.seconds), []
        if self.fastest is not None and now > SLOW_DOWN * self.fastest:
            self._slowed_down(now, model, args.world_size)
            self.fastest = None  # the next window is the new reference
        else:
            self.fastest = now if self.fastest is None else min(now, self.fastest)

    def _slowed_down(self, now: float, model: torch.nn.Module, num_processes: int) -> None:
        """Report slow steps once, and take the number of threads that is fastest now."""
        if not self.has_reported:
            times = now / self.fastest
            logger.warning("training steps take %.1f times as long as before; is another program running?", times)
            self.has_reported = True
        # Of several processes, which train in step, a single one cannot measure.
        if self.is_fixed or self.samples is None or num_processes > 1:
            return
        choices = [replace(self.settings, threads=count) for count in thread_counts(self.settings.threads)]
        if len(choices) > 1:
            chosen, _ = fastest_settings(model, self.samples.batch(), choices)
            torch.set_num_threads(chosen.threads)
