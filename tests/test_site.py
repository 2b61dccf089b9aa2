# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The docs site: every page is in its navigation, every public name in its reference."""

import importlib
import importlib.util
import re
from types import SimpleNamespace

import pytest
import yaml

from helpers.paths import ROOT

DOCS = ROOT / "docs"
PUBLIC = (
    "data",
    "evaluation",
    "models",
    "onnx_runtime",
    "pipelines",
    "pseudo_labeling",
    "runs",
    "training",
    "visualization",
)
REFERENCE = "\n".join(path.read_text("utf-8") for path in (DOCS / "reference").glob("*.md"))
SHOWN = re.findall(r"^::: ([\w.]+)$", REFERENCE, re.M)


class Settings(yaml.SafeLoader):
    """A loader for mkdocs.yml, which names a Python function."""


Settings.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: suffix)


def pages_of(entry: object) -> list[str]:
    """Return the pages of an entry of the navigation."""
    if isinstance(entry, str):
        return [entry]
    children = entry.values() if isinstance(entry, dict) else entry
    return [page for child in children for page in pages_of(child)]


@pytest.fixture(scope="module")
def settings() -> dict:
    return yaml.load((ROOT / "mkdocs.yml").read_text("utf-8"), Settings)


def test_every_page_is_in_the_navigation_once(settings):
    pages = pages_of(settings["nav"])
    assert sorted(pages) == sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))


def test_nothing_comes_from_the_net(settings):
    assert settings["theme"]["font"] is False and "extra_javascript" not in settings
    assert [name for name in settings["extra_css"] if not (DOCS / name).is_file()] == []
    assert [name for name in settings["plugins"] if name in ("offline", "social")] == []


def test_warnings_fail_the_build():
    # With --quiet, MkDocs would not count warnings, and --strict would pass.
    command = re.search(r"mkdocs build (.*)", (ROOT / "Makefile").read_text("utf-8"))[1]
    assert command == "--strict"


@pytest.mark.parametrize("package", PUBLIC)
def test_public_names_are_in_the_reference(package):
    names = importlib.import_module(f"pointwssis.{package}").__all__
    assert [name for name in names if not any(path.endswith(f".{name}") for path in SHOWN)] == []


def test_names_of_the_root_are_in_the_reference():
    names = importlib.import_module("pointwssis").__all__
    assert [name for name in names if not any(path.endswith(f".{name}") for path in SHOWN)] == []


def test_the_reference_shows_no_module():
    # Where a module and a function have one name, static analysis would find the module.
    paths = [ROOT / "src" / path.replace(".", "/") for path in SHOWN]
    assert [str(path) for path in paths if path.is_dir() or path.with_suffix(".py").is_file()] == []


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("[slurm](../examples/train_solov2.py)", "slurm (`examples/train_solov2.py`)"),
        ("[`train_solov2.py`](../examples/train_solov2.py)", "`examples/train_solov2.py`"),
        ("[budget](budget.md#point-noise)", "[budget](budget.md#point-noise)"),
        ("[missing](../examples/missing.py)", "[missing](../examples/missing.py)"),
        ("[web](https://example.org/a)", "[web](https://example.org/a)"),
        ("![picture](../README.md)", "![picture](../README.md)"),
    ],
)
def test_links_to_files_outside_of_the_site_become_paths(link, shown):
    spec = importlib.util.spec_from_file_location("site_hooks", DOCS / "site_hooks.py")
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    page = SimpleNamespace(file=SimpleNamespace(abs_src_path=str(DOCS / "recipes.md")))
    config = SimpleNamespace(docs_dir=str(DOCS))
    assert hooks.on_page_markdown(link, page=page, config=config, files=None) == shown
