# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Run example scripts in the process of the tests."""

import runpy
import sys

import pytest

from helpers.paths import EXAMPLES


@pytest.fixture
def script(monkeypatch, capsys):
    """Run an example script in this process and return what it prints; of one that fails, its error."""

    def run(name: str, *arguments: str, exit_code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        printed = capsys.readouterr()
        assert end.value.code == exit_code, printed.err
        return printed.err if exit_code else printed.out

    return run
