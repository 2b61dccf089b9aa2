# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The end of a process that a signal has asked to stop."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


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
    """Raise `Interrupted` on SIGTERM inside the block, as Python raises `KeyboardInterrupt` on SIGINT.

    Outside of the main thread, Python handles no signals, and nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise Interrupted(number)

    former = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
