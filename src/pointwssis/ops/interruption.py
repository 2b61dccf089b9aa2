# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The end of a process that a signal has asked to stop, or whose output nobody reads any more."""

import os
import select
import signal
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Those that end a process by default: from the system or a scheduler, and from a terminal that was closed
TERMINATING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
READER_HAS_ENDED = 141  # exit code by the convention of shells: 128 + SIGPIPE


class Interrupted(KeyboardInterrupt):
    """A signal that ends the process.

    Args:
        number: number of the signal.
        details: what was saved before.

    Example:
        >>> Interrupted(15).exit_code, Interrupted(2).exit_code
        (143, 130)
    """

    def __init__(self, number: int, details: str = ""):
        super().__init__(details)
        self.number, self.details = number, details

    @property
    def exit_code(self) -> int:
        """Exit code by the convention of shells."""
        return 128 + self.number


@contextmanager
def raising_on_termination() -> Iterator[None]:
    """Raise `Interrupted` on SIGTERM or SIGHUP inside the block, as Python raises `KeyboardInterrupt` on SIGINT.

    Outside of the main thread, Python handles no signals, and nothing changes. A signal that the process ignores stays
    ignored, as `nohup` wants it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        leave_closed_terminal(number)
        raise Interrupted(number)

    former = {number: signal.getsignal(number) for number in TERMINATING}
    former = {number: handler for number, handler in former.items() if handler != signal.SIG_IGN}
    for number in former:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def leave_closed_terminal(number: int) -> None:
    """After SIGHUP, write to nowhere in place of the terminal, where all output would fail; ignore more of them.

    A shell may repeat the signal of the system.
    """
    if number in TERMINATING[1:]:
        signal.signal(number, signal.SIG_IGN)
        for descriptor in (1, 2):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode):
                _discard(descriptor)


@contextmanager
def ending_with_the_reader() -> Iterator[None]:
    """Flush stdout after the block; if it is a pipe whose reader has ended, such as `head`, end quietly.

    Raises:
        SystemExit: the reader has ended.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if not reader_has_ended():
            raise
        _discard(1)  # what is still to be written
        raise SystemExit(READER_HAS_ENDED) from None


def reader_has_ended() -> bool:
    """Return True if stdout is a pipe that nobody reads any more; a broken pipe may be that of a worker process."""
    if not stat.S_ISFIFO(os.fstat(1).st_mode):
        return False
    if not hasattr(select, "poll"):  # Windows does not tell
        return True
    waiting = select.poll()
    waiting.register(1, select.POLLOUT)
    return any(events & select.POLLERR for _, events in waiting.poll(0))


def _discard(descriptor: int) -> None:
    """Let what is written to a descriptor go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
