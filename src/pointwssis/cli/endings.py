# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""One line in place of a traceback, where a command or a script ends by a signal or by an error of its input."""

import errno
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..ops.full_disk import is_about_a_full_disk
from ..ops.interruption import Interrupted, ending_with_the_reader, raising_on_termination
from ..ops.user_error import UserError

# Errors of the file system, which state a path → what they mean, and what to do
SYSTEM_ERRORS = {
    errno.EISDIR: "a folder is in the place of a file; move it away",
    errno.ENOTDIR: "a file is in the place of a folder; move it away, or choose another path",
    errno.EROFS: "the disk is read-only; choose another output folder",
    errno.ENAMETOOLONG: "the name is too long for this disk; shorten it",
    errno.ELOOP: "links lead in a circle; correct them",
    errno.EIO: "the disk cannot be read or written; check it",
}


def run_script(main: Callable[[], Any], resume: str = "") -> int:
    """Run the main function of a script; a bug ends with its traceback, anything else with one line on stderr.

    Args:
        main: function without arguments.
        resume: how to go on after a signal has ended the script.

    Returns:
        Exit code: 0 on success, 1 after an error, 129, 130 or 143 after SIGHUP, SIGINT or SIGTERM.
    """
    name = Path(sys.argv[0]).name
    try:
        with ending_with_the_reader(), raising_on_termination(), naming_errors_of_threads(name):
            main()
        return 0
    except KeyboardInterrupt as stop:
        return stopped(name, stop, resume)
    except Exception as error:
        reason = reason_of(error)
        if reason is None:
            raise
        print(f"{name}: {reason}", file=sys.stderr)
        return 1


@contextmanager
def naming_errors_of_threads(name: str) -> Iterator[None]:
    """Print one line for an error of the input or the disk in any thread of the block, such as TensorBoard's writer.

    Args:
        name: name of the command, for the line.
    """
    former = threading.excepthook

    def print_reason(details: threading.ExceptHookArgs) -> None:
        error = details.exc_value
        reason = reason_of(error) if isinstance(error, Exception) else None
        if reason is None:
            former(details)
        else:
            print(f"{name}: {reason}", file=sys.stderr)

    threading.excepthook = print_reason
    try:
        yield
    finally:
        threading.excepthook = former


def stopped(name: str, stop: KeyboardInterrupt, resume: str) -> int:
    """Print that a signal has ended a command, what was saved, and how to go on; return the exit code."""
    # Python raises a plain one for SIGINT.
    stop = stop if isinstance(stop, Interrupted) else Interrupted(signal.SIGINT)
    details = f" ({stop.details})" if stop.details else ""
    remedy = f"; {resume}" if resume else ""
    print(f"{name}: interrupted{details}{remedy}", file=sys.stderr)
    return stop.exit_code


def reason_of(error: Exception) -> str | None:
    """Return what is wrong with the input, the disk or the world outside, and the remedy; None for a bug."""
    if isinstance(error, expected_errors()):
        return str(error)
    if is_about_a_full_disk(error):
        return f"the disk is full ({error}); free some space and try again"
    # A file system may not permit what every other one does.
    if isinstance(error, OSError) and error.errno in SYSTEM_ERRORS and error.filename:
        path = error.filename2 or error.filename  # the second one is the target of a renaming
        return f"{path}: {SYSTEM_ERRORS[error.errno]}"
    return None


def expected_errors() -> tuple[type[Exception], ...]:
    """Return errors of the user's input and of the world outside: a folder that is not writable, a Hub that is down."""
    # Imported when something was raised: the help does without the library.
    from huggingface_hub.errors import HfHubHTTPError

    return UserError, PermissionError, HfHubHTTPError
