# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Processes that work together, as `torchrun` starts them: they wait for each other and share decisions and sums.

Without `torchrun`, a single process does everything, and nothing here communicates.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from .user_error import UserError

T = TypeVar("T")


class LostProcessError(UserError):
    """Another process of the run has ended, or does not answer."""


def connect_processes(timeout: float) -> None:
    """Connect the processes that `torchrun` has started, once; each of them takes its own GPU.

    Objects are exchanged in main memory (gloo), tensors of GPUs between these (NCCL). transformers and accelerate use
    the same connection.

    Args:
        timeout: seconds to wait for another process before giving up.

    Raises:
        LostProcessError: not all processes have come in time.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or distributed.is_initialized():
        return
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        backend = "cpu:gloo,cuda:nccl"
    with naming_lost_processes():
        distributed.init_process_group(backend, timeout=timedelta(seconds=timeout))


def process_count() -> int:
    """Return the number of processes that work together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def process_index() -> int:
    """Return the index of this process, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def is_first_process() -> bool:
    """Return True in the process that writes files, the first one, also before the processes are connected."""
    return (process_index() if distributed.is_initialized() else int(os.environ.get("RANK", "0"))) == 0


def wait_for_all() -> None:
    """Wait until every process has come here.

    Raises:
        LostProcessError: another process has ended, or has not come in time.
    """
    if process_count() > 1:
        with naming_lost_processes():
            distributed.all_gather_object([None] * process_count(), None)


def from_first_process(decide: Callable[[], T]) -> T:
    """Return, in every process, what a function returns in the first one; the others do not call it.

    Args:
        decide: function without communication, whose result can be pickled.

    Raises:
        LostProcessError: another process has ended, or has not come in time.
    """
    if process_count() == 1:
        return decide()
    decided: list[Any] = [decide() if is_first_process() else None]
    with naming_lost_processes():
        distributed.broadcast_object_list(decided, src=0)
    return decided[0]


def sum_over_processes(values: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes that train together, for a loss of their common batch.

    Each process computes the loss of the common batch from such sums. Gradients are those of its own share times the
    number of processes, which `DistributedDataParallel` then averages: together they are the gradients of that loss.
    Without gradients, in an evaluation, each process has its own batches, and nothing is summed.

    Args:
        values: tensor of the same shape in every process.
    """
    count = process_count()
    if count == 1 or not torch.is_grad_enabled():
        return values
    own = values.detach()
    total = own.clone()
    with naming_lost_processes():
        distributed.all_reduce(total)
    # The difference is zero and carries the gradient.
    return total + count * (values - own)


@contextmanager
def naming_lost_processes() -> Iterator[None]:
    """Turn errors of the communication inside the block into `LostProcessError`; all others pass through unchanged."""
    try:
        yield
    except RuntimeError as error:
        is_lost = isinstance(error, distributed.DistError) or any(name in str(error) for name in ("gloo", "NCCL"))
        if not is_lost:
            raise
        raise LostProcessError(
            f"process {os.environ.get('RANK', '0')} has lost another process of this run, which has ended or does not "
            "answer; look for the error of that process, and run the same command again: complete results are kept. "
            "Where processes differ in speed, raise training.ddp_timeout (seconds)"
        ) from error
