# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Checkpoints in time: every few minutes, and before a process that was asked to stop ends."""

import logging
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from transformers import TrainerCallback
from transformers.trainer_utils import SaveStrategy

from ..ops.interruption import TERMINATING, Interrupted, leave_closed_terminal
from ..ops.whole_files import is_whole_folder

logger = logging.getLogger(__name__)

CHECKPOINT_NAME = re.compile(r"checkpoint-(\d+)")
UNFINISHED_CHECKPOINTS = "unfinished"  # folder beside the checkpoints


def last_whole_checkpoint(folder: Path) -> Path | None:
    """Return the latest checkpoint whose files are all as they were written; None if there is none.

    Later checkpoints, which are damaged, are named in a warning.

    Args:
        folder: folder of the checkpoints, which need not exist.
    """
    found, damaged = _checkpoints(folder), []
    for step in sorted(found, reverse=True):
        if is_whole_folder(found[step]):
            _warn_about(damaged, f"the training goes on from step {step:,}")
            return found[step]
        damaged.append(found[step])
    _warn_about(damaged, "there is no other checkpoint, so the training starts anew")
    return None


def remove_checkpoints_after(checkpoint: Path | None, folder: Path) -> None:
    """Remove the checkpoints later than the one that a training goes on from, so that none is taken for newer.

    Args:
        checkpoint: result of `last_whole_checkpoint`; None removes all.
        folder: folder of the checkpoints.
    """
    last = -1 if checkpoint is None else int(checkpoint.name.rpartition("-")[2])
    for step, path in _checkpoints(folder).items():
        if step > last:
            shutil.rmtree(path, ignore_errors=True)


def _checkpoints(folder: Path) -> dict[int, Path]:
    """Return step → checkpoint."""
    found = {}
    for path in folder.glob("checkpoint-*"):
        name = CHECKPOINT_NAME.fullmatch(path.name)
        if name and path.is_dir():
            found[int(name[1])] = path
    return found


def _warn_about(damaged: list[Path], consequence: str) -> None:
    if damaged:
        names = ", ".join(map(str, damaged))
        logger.warning("%s: incomplete or damaged; %s", names, consequence)


class SaveInTime(TrainerCallback):
    """Save a checkpoint when the last one is some minutes old, and when the process was asked to stop.

    With `save_strategy="no"`, nothing is saved, and a process that was asked to stop ends after its step.

    Args:
        minutes: time between two checkpoints; 0 saves none by time.

    Attributes:
        signal: number of the signal that asked the process to stop; 0 before.
    """

    def __init__(self, minutes: float):
        self.minutes, self.signal = minutes, 0
        self.saved_at = time.monotonic()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.saved_at = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        is_due = 0 < 60 * self.minutes <= time.monotonic() - self.saved_at
        # All processes save at the same step.
        if args.world_size > 1:
            wishes = torch.tensor([self.signal, int(is_due)], device=args.device)
            torch.distributed.all_reduce(wishes, torch.distributed.ReduceOp.MAX)
            self.signal, is_due = wishes.tolist()
        if args.save_strategy == SaveStrategy.NO:
            if self.signal:
                raise Interrupted(self.signal, "no checkpoint was saved, since save_strategy is 'no'")
        elif self.signal or is_due:
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.saved_at = time.monotonic()
        if self.signal:
            raise Interrupted(self.signal, f"a checkpoint of step {state.global_step:,} was saved")


@contextmanager
def saving_on_signals(callback: SaveInTime) -> Iterator[None]:
    """Let a training save a checkpoint before SIGINT, SIGTERM or SIGHUP end it; a second signal ends it at once.

    Outside of the main thread, Python handles no signals, and nothing changes. A signal that the process ignores stays
    ignored: shells start programs in the background like that, so that Ctrl-C ends only what runs in the foreground.

    Args:
        callback: callback of the training inside the block.

    Raises:
        Interrupted: a signal came; the training has ended.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {}
    for number in (signal.SIGINT, *TERMINATING):
        if signal.getsignal(number) != signal.SIG_IGN:
            handlers[number] = signal.getsignal(number)
    process = os.getpid()

    def restore() -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    def ask(number: int, frame: FrameType | None) -> None:
        # The next signal is handled as before. Workers of data loaders leave the end to the training.
        restore()
        if os.getpid() == process:
            callback.signal = number
            leave_closed_terminal(number)
            os.write(2, b"\nsaving a checkpoint after this step; interrupt again to stop at once\n")

    for number in handlers:
        signal.signal(number, ask)
    try:
        yield
    except RuntimeError as error:
        # A worker of a data loader that the same signal has ended
        if not callback.signal:
            raise
        raise Interrupted(callback.signal, "no checkpoint could be saved") from error
    finally:
        restore()
    # It came after the last step.
    if callback.signal:
        raise Interrupted(callback.signal, "the training was complete")
