# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Scripts that end by a signal or by an error of their input say so in one line."""

import errno
import os
import signal
import sys
import threading

import pytest

from pointwssis.cli.endings import run_script
from pointwssis.ops.interruption import Interrupted
from pointwssis.ops.user_error import UserError


@pytest.fixture(autouse=True)
def script(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["somewhere/train.py"])


def raising(error: BaseException):
    def main() -> None:
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UserError("masks.json: holds no images"), "masks.json: holds no images"),
        (PermissionError(errno.EACCES, "Permission denied", "out"), "[Errno 13] Permission denied: 'out'"),
        (OSError(errno.EROFS, "Read-only", "out/a"), "out/a: the disk is read-only; choose another output folder"),
        (OSError(errno.ENOSPC, "No space left on device", "out/a"), "the disk is full ("),
    ],
)
def test_an_error_of_the_input_is_one_line(error, said, capsys):
    assert run_script(raising(error)) == 1
    printed = capsys.readouterr().err
    assert printed.startswith(f"train.py: {said}") and printed.count("\n") == 1


@pytest.mark.parametrize(
    ("stop", "code", "saved"),
    [
        (KeyboardInterrupt(), 130, ""),
        (Interrupted(signal.SIGTERM, "a checkpoint of step 8 was saved"), 143, " (a checkpoint of step 8 was saved)"),
    ],
)
def test_a_signal_says_what_was_saved_and_how_to_go_on(stop, code, saved, capsys):
    assert run_script(raising(stop), "run it again") == code
    assert capsys.readouterr().err == f"train.py: interrupted{saved}; run it again\n"
    assert run_script(raising(stop)) == code
    assert capsys.readouterr().err == f"train.py: interrupted{saved}\n"


def test_a_termination_is_taken_for_a_stop(capsys):
    assert run_script(lambda: os.kill(os.getpid(), signal.SIGTERM)) == 143
    assert capsys.readouterr().err == "train.py: interrupted\n"


def in_a_thread(error: Exception):
    def main() -> None:
        thread = threading.Thread(target=raising(error))
        thread.start()
        thread.join()

    return main


def test_a_full_disk_in_a_thread_is_one_line_and_a_bug_keeps_its_traceback(capsys, monkeypatch):
    bugs = []
    monkeypatch.setattr(threading, "excepthook", bugs.append)
    assert run_script(in_a_thread(OSError(errno.ENOSPC, "No space left on device"))) == 0
    printed = capsys.readouterr().err
    assert printed.startswith("train.py: the disk is full (") and printed.count("\n") == 1 and not bugs
    assert run_script(in_a_thread(ZeroDivisionError())) == 0
    assert [details.exc_type for details in bugs] == [ZeroDivisionError]
    assert threading.excepthook == bugs.append


def test_a_bug_keeps_its_traceback_and_success_is_quiet(capsys):
    with pytest.raises(ZeroDivisionError):
        run_script(raising(ZeroDivisionError()))
    assert run_script(lambda: "anything") == 0
    assert capsys.readouterr() == ("", "")
