# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Precision, memory format and threads of training on a CPU, chosen by measuring steps.

Which of them is fastest differs between processors, networks and what else runs on the machine: bfloat16 can take half
the time of float32, or many times as long.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import nn

from ..ops.devices import autocast, computes_in_bf16
from ..ops.user_error import UserError
from ..ops.wording import counted

ROUNDS = 3  # measured steps per candidate; the first one also warms up
SLOW_FACTOR = 2.0  # candidates that take this many times as long as the fastest one are dropped after the first round
CLEAR_GAIN = 0.95  # a later candidate must take less than this share of the time of an earlier one
TIMED_SAMPLES = 4  # batch size of the measured steps
TIME_LIMIT = 15.0  # seconds after which no further step starts


@dataclass(frozen=True)
class ComputeSettings:
    """Settings of a training on a CPU that change its speed, and its results by rounding only.

    Args:
        bf16: compute in bfloat16 instead of float32.
        channels_last: keep weights and features with the channels last in memory.
        threads: threads that compute.
    """

    bf16: bool
    channels_last: bool
    threads: int

    @property
    def trains_on_cpu(self) -> bool:
        """Return False for bfloat16 with the channels last.

        Its backward pass corrupts memory with several threads (PyTorch 2.13). The operation is unknown: convolutions,
        norms, pooling, resizing, and joining coordinates by themselves did not fail in 15 runs each.
        """
        return not (self.bf16 and self.channels_last)

    def __str__(self) -> str:
        precision = "bfloat16" if self.bf16 else "float32"
        order = "channels last" if self.channels_last else "channels first"
        return f"{precision}, {order}, {counted(self.threads, 'thread')}"


def candidates(
    bf16: bool | None = None, channels_last: bool | None = None, threads: int | None = None
) -> list[ComputeSettings]:
    """Return the settings to measure on this machine's CPU, plain ones first; a value other than None is kept.

    Example:
        >>> candidates(bf16=False, channels_last=True, threads=1)
        [ComputeSettings(bf16=False, channels_last=True, threads=1)]

    Raises:
        UserError: nothing is left, because bfloat16 with the channels last is asked for.
    """
    precisions = [False, True] if computes_in_bf16(torch.device("cpu")) else [False]
    choices = product(
        thread_counts(torch.get_num_threads()) if threads is None else [threads],
        precisions if bf16 is None else [bf16],
        [False, True] if channels_last is None else [channels_last],
    )
    settings = [ComputeSettings(precision, order, count) for count, precision, order in choices]
    settings = [one for one in settings if one.trains_on_cpu]
    if not settings:
        raise UserError("bf16 and channels_last are both true; PyTorch cannot train so on a CPU: leave one out")
    return settings


@dataclass(frozen=True)
class TimedSamples:
    """Training samples that steps are measured on.

    Args:
        dataset: a training dataset.
        collate: makes a batch of its samples.
    """

    dataset: Any
    collate: Callable[[list[Any]], Mapping[str, Any]]

    def batch(self) -> Mapping[str, Any]:
        """Return a small batch, the same one each time."""
        return self.collate([self.dataset[index % len(self.dataset)] for index in range(TIMED_SAMPLES)])


def thread_counts(most: int) -> list[int]:
    """Return the numbers of threads to measure: all, half of them, and one."""
    return sorted({most, max(1, most // 2), 1}, reverse=True)


def fastest_settings(
    model: nn.Module, batch: Mapping[str, Any], choices: Sequence[ComputeSettings], time_limit: float = TIME_LIMIT
) -> tuple[ComputeSettings, dict[ComputeSettings, float]]:
    """Return the settings with the fastest training step, and the seconds of every candidate's fastest step.

    Steps are forward and backward passes. Weights, buffers, gradients, random numbers and threads are left unchanged,
    the memory format of the weights is not.

    Args:
        model: a model in training mode on the CPU, without gradients.
        batch: its arguments, with labels.
        choices: settings to measure, at least one. Of two that are about equally fast the earlier one is chosen.
        time_limit: seconds after which no further step starts.
    """
    buffers = [buffer.clone() for buffer in model.buffers()]
    seconds: dict[ComputeSettings, float] = {}
    began, left = time.monotonic(), list(choices)
    with torch.random.fork_rng(devices=[]):
        for number in range(ROUNDS):
            for settings in left:
                if seconds and time.monotonic() - began > time_limit:
                    break
                taken = _step_seconds(model, batch, settings)
                seconds[settings] = min(taken, seconds.get(settings, taken))
            # Hopeless candidates are not measured again.
            if number == 0:
                best = min(seconds.values())
                left = [settings for settings in left if seconds.get(settings, best) <= SLOW_FACTOR * best]
    # Norms have updated their statistics.
    for buffer, before in zip(model.buffers(), buffers, strict=True):
        buffer.copy_(before)
    chosen, *others = seconds
    for settings in others:
        if seconds[settings] < CLEAR_GAIN * seconds[chosen]:
            chosen = settings
    return chosen, seconds


def in_memory_format(model: nn.Module, channels_last: bool) -> nn.Module:
    """Return the model with its weights in a memory format."""
    return model.to(memory_format=torch.channels_last if channels_last else torch.contiguous_format)


@contextmanager
def using_threads(count: int) -> Iterator[None]:
    """Compute with a number of threads, and with as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _step_seconds(model: nn.Module, batch: Mapping[str, Any], settings: ComputeSettings) -> float:
    """Return the seconds of one forward and backward pass."""
    in_memory_format(model, settings.channels_last)
    dtype = torch.bfloat16 if settings.bf16 else torch.float32
    began = time.monotonic()
    with using_threads(settings.threads):
        with autocast(torch.device("cpu"), dtype):
            loss = model(**batch).loss
        loss.backward()
    taken = time.monotonic() - began
    model.zero_grad(set_to_none=True)
    return taken
