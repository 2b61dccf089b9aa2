# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The progress of a training stage is a short block."""

import contextlib
import io

from helpers import tiny
from pointwssis.runs.progress import EtaCallback
from pointwssis.runs.run import Run


class State:
    """As much of the Trainer's state as the callback reads."""

    def __init__(self, max_steps):
        self.max_steps, self.global_step, self.is_world_process_zero = max_steps, 0, True


def block(max_steps, pending, logging_steps=1):
    """Return the lines of a stage of so many steps."""
    callback, state = EtaCallback(pending).for_stage("teacher"), State(max_steps)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        callback.on_train_begin(None, state, None)
        for step in range(1, max_steps + 1):
            state.global_step = step
            callback.on_step_end(None, state, None)
            if step % logging_steps == 0:
                callback.on_log(None, state, None, logs={"loss": 1.5})
        callback.on_log(None, state, None, logs={"eval_AP": 0.5})
        callback.on_train_end(None, state, None)
    return printed.getvalue().splitlines()


def test_a_long_stage_has_a_dozen_lines():
    lines = block(1000, {"teacher": 1000, "student_point": 500})
    assert lines[0] == "teacher: 1,000 steps" and lines[-1].startswith("  done in")
    assert 8 <= len(lines) <= 15
    assert all("s per step" in line and "all training stages" in line for line in lines[1:-1] if "step 1 " not in line)


def test_the_last_stage_has_nothing_after_it():
    assert not any("all training stages" in line for line in block(50, {"teacher": 50}, 20))


def test_a_run_prints_nothing_else(shapes, tmp_path, capfd):
    Run(tiny.recipe(tmp_path, data_dir=str(shapes), stages=["teacher"])).run()
    out = capfd.readouterr().out.splitlines()
    assert out[0] == "teacher: 3 steps" and out[-2].startswith("  done in") and out[-1].startswith("  AP ")
    assert len(out) <= 6
