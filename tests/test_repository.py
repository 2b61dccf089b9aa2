# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Rules for every file of the repository: words, size, header; and the commands of the README exist."""

import re

import pytest

from helpers.paths import ROOT
from helpers.repository import missing_parts, repository_files, shell_commands

HEADER = "# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0."

# The words are cut in two here so that this file does not find itself.
ABSOLUTE_PATH = re.compile(r"(?<![\w.\-/:$}])/(work|tmp|root|home|farm|mnt|opt|Users)(/|(?=[\s`'\")]))")
UNFINISHED = re.compile("TO" + "DO|FIX" + "ME|XX" + "X")
UNFINISHED_CODE = re.compile("NotImplemented" + "Error|place" + "holder|not imple" + "mented", re.IGNORECASE)
REGISTRY = re.compile(
    "py" + r"pi\.org|python" + r"hosted|npm" + r"js\.(com|org)|deb\.deb" + r"ian|download\.py" + "torch"
)
PICTURE = '"image/png": "'  # the start of a line of a notebook that holds a picture as base64
BESIDE_CHECKOUT = re.compile(r"\.\./sha" + "red")
CODE = ("src", "examples", "benchmarks")


def occurrences(pattern: re.Pattern, text: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines()]
    return [line[:100] for line in lines if pattern.search(line) and not line.startswith(PICTURE)]


@pytest.mark.parametrize(
    ("pattern", "applies"),
    [
        (ABSOLUTE_PATH, lambda path: True),
        (REGISTRY, lambda path: True),
        (UNFINISHED, lambda path: True),
        (UNFINISHED_CODE, lambda path: path.parts[0] in (*CODE, "README.md")),
        (BESIDE_CHECKOUT, lambda path: path.parts[0] not in ("tests", ".ci")),
    ],
    ids=["machine path", "package registry", "unfinished", "unfinished code", "folder beside the checkout"],
)
def test_no_forbidden_words(pattern, applies):
    found = {str(path): occurrences(pattern, text) for path, text in repository_files().items() if applies(path)}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("pattern", "line", "found"),
    [
        (ABSOLUTE_PATH, "data_dir: /wo" + "rk/data", True),
        (ABSOLUTE_PATH, 'open("/ho' + 'me/me/x.json")', True),
        (ABSOLUTE_PATH, "it lies in `/tm" + "p`", True),
        (ABSOLUTE_PATH, "see https://example.org/work/page, outputs/tmp/x and rest/work", False),
        (UNFINISHED, "# TO" + "DO: later", True),
        (UNFINISHED_CODE, "raise NotImplemented" + "Error", True),
        (REGISTRY, "https://py" + "pi.org/simple", True),
        (REGISTRY, "pip install pointwssis", False),
        (BESIDE_CHECKOUT, "data_dir: ../sha" + "red/data", True),
    ],
)
def test_checker_of_words(pattern, line, found):
    assert bool(occurrences(pattern, line)) is found


def test_source_files_carry_the_license_line():
    sources = {path: text for path, text in repository_files().items() if path.suffix == ".py"}
    without = [
        str(path)
        for path, text in sources.items()
        if path.parts[:2] != ("tests", "parity") and HEADER not in text.splitlines()[:2]
    ]
    assert without == []


def test_source_files_are_short():
    lengths = {str(p): len(t.splitlines()) for p, t in repository_files().items() if p.parts[0] in CODE}
    assert {path: length for path, length in lengths.items() if length > 400} == {}, "one concept a file: split it"


def test_readme_commands_exist():
    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("there is no README.md yet")
    commands = shell_commands(readme.read_text("utf-8"))
    assert {command: missing_parts(command) for command in commands if missing_parts(command)} == {}
    for target in ("demo", "test"):
        assert any(command.startswith(f"make {target}") for command in commands), f"README shows no `make {target}`"


def test_checker_of_commands():
    text = """```bash
# comment
$ make test        # tests
make nonsense PYTHON=python3
pointwssis nonsense examples/nonsense.yaml \\
  tests/conftest.py
```
```python
make = other
```"""
    assert [missing_parts(command) for command in shell_commands(text)] == [
        [],
        ["nonsense"],
        ["examples/nonsense.yaml", "nonsense"],
    ]
