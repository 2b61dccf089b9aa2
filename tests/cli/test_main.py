# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The command line starts without the libraries that only commands need."""

import io
import os
import subprocess
import sys

import pytest

from pointwssis.cli.convert import PRESET_NAMES
from pointwssis.cli.export import FORMAT_NAMES
from pointwssis.cli.main import COMMANDS, main
from pointwssis.conversion.solov2 import PRESETS
from pointwssis.data.formats.exporting import EXPORT_FORMATS

HEAVY = {"torch", "transformers", "datasets", "pandas", "pyarrow"}
# Like the console script, which is named for the command; prints the heavy modules that the help has imported.
SCRIPT = f"""
import sys
sys.argv = ["/usr/bin/pointwssis", *sys.argv[1:]]
from pointwssis.cli.main import main
try:
    code = main()
except SystemExit as end:
    code = end.code
print(code, *sorted({HEAVY} & set(sys.modules)))
"""


def last_line(*words):
    done = subprocess.run([sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True)
    assert done.stderr == "" and "usage: pointwssis" in done.stdout
    return done.stdout.splitlines()[-1].split()


@pytest.mark.parametrize("words", [[], *([command] for command in COMMANDS if command != "budget")])
def test_help_imports_no_heavy_library(words):
    assert last_line(*words, "--help") == ["0"]


def test_help_of_budget_does_not_import_torch():
    # It shows the seconds of the paper, which stand beside functions of datasets.
    assert {"torch", "transformers"}.isdisjoint(last_line("budget", "--help"))


def test_the_package_as_a_module_starts_as_light():
    command = [sys.executable, "-X", "importtime", "-m", "pointwssis", "--help"]
    done = subprocess.run(command, capture_output=True, text=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert done.returncode == 0 and "usage: pointwssis" in done.stdout
    assert "pointwssis.cli.main" in imported and imported.isdisjoint(HEAVY)


@pytest.mark.parametrize("program", ["train.py", "-m", ""])
def test_any_other_process_registers(program):
    code = (
        f"import sys\nsys.argv = [{program!r}]\n"
        "import pointwssis\nfrom transformers.pipelines import PIPELINE_REGISTRY as known\n"
        "assert 'point-mask-refinement' in known.get_supported_tasks()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_choices_of_the_help_are_those_of_the_tables():
    assert tuple(EXPORT_FORMATS) == FORMAT_NAMES
    assert tuple(sorted(PRESETS)) == PRESET_NAMES


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["check", "c.csv", "--image_dir", ""], "--image_dir"),
        (["check", "c.csv", "--image_dir="], "--image_dir"),
        (["predict", "model", ""], "argument 2"),
        (["check", ""], "argument 1"),
    ],
)
def test_an_empty_word_is_not_the_working_directory(words, name, capsys):
    assert main(words) == 1
    assert capsys.readouterr().err.startswith(f"pointwssis {words[0]}: {name} is empty; give a value, or leave it out")


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])  # the second one in the C locale
def test_an_encoding_that_lacks_a_character(monkeypatch, errors):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii", errors=errors))
    assert main(["--version"]) == 0
    print("a → b")
    sys.stdout.flush()
    assert written.getvalue().endswith(b"\na \\u2192 b\n")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [["recipes"], ["--help"], ["run", "--help"]])
def test_a_reader_that_ends_early_is_no_error(words, unbuffered):
    command = [sys.executable, "-m", "pointwssis", *words]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as started:
        started.stdout.close()
        assert started.stderr.read() == b"" and started.wait() in (0, 141)  # argparse ignores the error


def test_a_broken_pipe_of_another_process_is_reported(monkeypatch, capfd):
    def lose_a_worker(words):
        raise BrokenPipeError("of a worker process")

    monkeypatch.setattr("pointwssis.cli.recipes.main", lose_a_worker)
    read, write = os.pipe()
    former = os.dup(1)
    os.dup2(write, 1)  # a pipe that is read
    try:
        assert main(["recipes"]) == 1
    finally:
        os.dup2(former, 1)
        for descriptor in (read, write, former):
            os.close(descriptor)
    assert "this is a bug" in capfd.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="a shell closes the streams")
def test_closed_streams_lead_nowhere():
    program = "import os, sys; from pointwssis.cli.main import main; sys.exit(main(['recipes']) or os.pipe()[0] - 3)"
    command = ["sh", "-c", 'exec "$0" -c "$1" <&- >&- 2>&-', sys.executable, program]
    assert subprocess.run(command).returncode == 0


def test_python_without_docstrings_is_refused():
    command = [sys.executable, "-OO", "-m", "pointwssis", "recipes"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "without -OO" in done.stderr
