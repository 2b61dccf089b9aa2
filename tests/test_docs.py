# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The pages under docs/: their commands exist, their code compiles and imports, their links lead somewhere."""

import ast
import dataclasses
import importlib
import re
from pathlib import Path

import pytest

from helpers.paths import ROOT
from helpers.repository import missing_parts, shell_commands
from pointwssis.runs.recipe import Recipe

PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
SOURCES = (ROOT, ROOT / "src" / "pointwssis")
RECIPE_KEYS = {f"--{field.name}" for field in dataclasses.fields(Recipe)}
OPTIONAL = {"gradio_client"}  # packages that a page may import and that need not be installed
TAKE_RECIPE_KEYS = ("run", "check", "budget", "export")


def options_of(command: str, capsys: pytest.CaptureFixture) -> set[str]:
    """Return the long options that the help text of a `pointwssis` command lists, and recipe keys if it takes them."""
    with pytest.raises(SystemExit):
        importlib.import_module(f"pointwssis.cli.{command}").main(["--help"])
    listed = set(re.findall(r"--\w+", capsys.readouterr().out))
    return listed | RECIPE_KEYS if command in TAKE_RECIPE_KEYS else listed


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub names them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_commands_exist(page, capsys):
    commands = shell_commands(page.read_text("utf-8"))
    assert {command: missing_parts(command) for command in commands if missing_parts(command)} == {}
    for words in (command.split() for command in commands):
        # The commands of the troubleshooting page fail on purpose; test_guides.py runs them.
        if words[0] == "pointwssis" and not words[1].startswith("--") and page.stem != "troubleshooting":
            options = {word.partition(".")[0] for word in words if word.startswith("--")}
            assert options <= options_of(words[1], capsys), " ".join(words)


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_code_compiles_and_imports(page):
    for code in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.S):
        imports = [node for node in ast.parse(code).body if isinstance(node, (ast.Import, ast.ImportFrom))]
        try:
            exec(compile(ast.Module(imports, []), str(page), "exec"), {})
        except ModuleNotFoundError as error:
            if error.name not in OPTIONAL:
                raise
            pytest.skip(f"needs {error.name}")


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def test_table_of_annotation_formats_is_that_of_the_code():
    from pointwssis.data.formats.table import formats_table

    assert formats_table() in (ROOT / "docs" / "annotation_formats.md").read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_source_files_exist(page):
    named = re.findall(r"`([\w/]+/[\w/]*\w\.py)`", page.read_text("utf-8"))
    assert [path for path in named if not any((base / path).is_file() for base in SOURCES)] == []


def test_every_recipe_key_is_documented():
    page = (ROOT / "docs" / "recipes.md").read_text("utf-8")
    assert [field.name for field in dataclasses.fields(Recipe) if f"`{field.name}`" not in page] == []


def test_anchors_are_those_of_github(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# COCO and BDD100K\n\n## Your own teacher, refiner, proposer\n")
    assert anchors(page) == {"coco-and-bdd100k", "your-own-teacher-refiner-proposer"}
