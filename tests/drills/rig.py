# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Tiny runs in child processes, which drills stop, starve and damage, and compare with an undisturbed one."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from helpers import tiny
from pointwssis.cli import run as run_command  # noqa: F401 imported once, and inherited by every child
from pointwssis.cli.main import main
from pointwssis.runs import run as stages  # noqa: F401 likewise

# What a run leaves for people and for the next stage; all of it is the same after any interruption.
COMPARED = (
    "results.json", "results.md", "**/model.safetensors", "**/config.json", "**/training_log.json", "**/metrics.json",
    "**/training_facts.json", "**/README.md", "**/held_back.json", "**/gate.json", "pseudo/*.json",
)  # fmt: skip
# Records of the present and the coming content differ after an interruption.
NOT_COMPARED = ("manifest.json",)
WRITING_EVENTS = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir")


class Rig:
    """A folder of runs of one tiny recipe. Each run has its own folder, in which its output folder is `out`.

    Args:
        folder: folder of the runs.
    """

    def __init__(self, folder: Path):
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        data = tiny.shapes_folder(self.folder / "data", 8, 2)
        self.recipe = tiny.recipe_file(
            self.folder / "recipe.yaml",
            data_dir=str(data),
            stages=["teacher", "rough", "refiner", "pseudo", "student"],
            rough_student=False,
            teacher={"average_weights": 0.9},
            training={"per_device_train_batch_size": 2, "max_steps": 3, "warmup_steps": 1, "logging_steps": 2},
        )
        began = time.monotonic()
        if self.run("undisturbed") != 0:
            raise RuntimeError(self.log("undisturbed"))
        self.seconds = time.monotonic() - began
        self.expected = self.results("undisturbed")
        # Nothing that is compared, or shared with others, tells where it lies on this disk.
        leaks = [file for file, content in self.expected.items() if str(self.folder).encode() in content]
        if leaks:
            raise RuntimeError(f"absolute paths in {leaks}")

    def start(self, name: str, prepare: Callable[[], None] = lambda: None) -> int:
        """Start or continue a run in a child process, and return its process id.

        Args:
            name: name of the run.
            prepare: function that the child calls first.
        """
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        child = os.fork()
        if child:
            return child
        code = 99
        # Shells start programs in the background with SIGINT ignored, which their children inherit.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            os.chdir(folder)
            log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            prepare()
            code = main(["run", str(self.recipe), "--output_dir", "out"])
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def wait(self, child: int) -> int:
        """Wait for a child, and return its exit code; a negative one is the signal that ended it."""
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def run(self, name: str, prepare: Callable[[], None] = lambda: None) -> int:
        """Start or continue a run, and return its exit code."""
        return self.wait(self.start(name, prepare))

    def log(self, name: str) -> str:
        """Return what the latest child of a run has printed."""
        return (self.folder / name / "log").read_text(encoding="utf-8", errors="replace")

    def copy(self, name: str) -> Path:
        """Copy the undisturbed run, and return the output folder of the copy."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder / "undisturbed", folder)
        return folder / "out"

    def results(self, name: str) -> dict[str, bytes]:
        """Return file → content of all files that are compared."""
        out, found = self.folder / name / "out", {}
        for pattern in COMPARED:
            for path in sorted(out.glob(pattern)):
                if path.name not in NOT_COMPARED and "earlier" not in path.parts:
                    found[str(path.relative_to(out))] = path.read_bytes()
        return found

    def differences(self, name: str) -> list[str]:
        """Return the files that differ from those of the undisturbed run."""
        found = self.results(name)
        return [path for path in {**self.expected, **found} if found.get(path) != self.expected.get(path)]


def count_writes(act: Callable[[int], None]) -> None:
    """Call a function before every change of the output folder in this process, with its number, counted from 1."""
    out, count = str(Path("out").resolve()), 0

    def hook(event: str, arguments: tuple) -> None:
        nonlocal count
        if event not in WRITING_EVENTS or not isinstance(arguments[0], (str, os.PathLike)):
            return
        is_reading = event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if not is_reading and os.path.abspath(arguments[0]).startswith(out):
            count += 1
            act(count)

    sys.addaudithook(hook)


def kill_at(number: int) -> Callable[[], None]:
    """Return a function that has this process killed just before its change of the output folder of that number."""

    def act(count: int) -> None:
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return lambda: count_writes(act)
