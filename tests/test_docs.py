# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""What the pages under docs/ tell people to type: commands that exist, names that can be imported, links that lead."""

import ast
import re
from pathlib import Path

import pytest

from helpers.paths import ROOT
from helpers.repository import missing_parts, shell_commands

PAGES = sorted((ROOT / "docs").glob("*.md"))


def options_of(command: str) -> set[str]:
    """The long options that a `pointwssis` command declares in its file."""
    source = (ROOT / "src" / "pointwssis" / "cli" / f"{command}.py").read_text("utf-8")
    return set(re.findall(r'"(--\w+)"', source))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_exist(page):
    commands = shell_commands(page.read_text("utf-8"))
    assert {command: missing_parts(command) for command in commands if missing_parts(command)} == {}
    for words in (command.split() for command in commands):
        if words[0] == "pointwssis" and words[1] != "run":  # whose options are the keys of a recipe
            assert {word for word in words if word.startswith("--")} <= options_of(words[1]), " ".join(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_code_compiles_and_imports(page):
    for code in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.S):
        imports = [node for node in ast.parse(code).body if isinstance(node, (ast.Import, ast.ImportFrom))]
        exec(compile(ast.Module(imports, []), str(page), "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_inside_the_repository_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
        assert "://" in target or Path(page.parent / target).exists(), target
