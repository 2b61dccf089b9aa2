# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Run example scripts in the process of the tests."""

import runpy
import sys

import pytest

from helpers.paths import EXAMPLES


@pytest.fixture
def script(monkeypatch, capsys):
    """Run an example script in this process and return what it prints."""

    def run(name: str, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return run
