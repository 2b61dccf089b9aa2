# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The report of a run: one page that holds everything, and the curves beside the results."""

import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from helpers import tiny
from pointwssis.runs.run import Run

VOID = {"meta", "img", "br", "hr"}


class Reader(HTMLParser):
    """Collect what a page refers to, and check that its elements are closed in order."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.sources: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.add(tag)
        self.sources += [values["src"]] if "src" in values else []
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values["href"]] if "href" in values else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def finished(shapes, tmp_path_factory):
    """Return the folder of a finished run of few stages."""
    folder = tmp_path_factory.mktemp("report") / "a <run>"
    options = {"stages": ["teacher", "rough", "pseudo", "student"], "max_steps": 2, "training": {"logging_steps": 1}}
    Run(tiny.recipe(folder, data_dir=str(shapes), **options)).run()
    return folder


def test_the_page_is_whole_and_alone(finished):
    text = (finished / "report.html").read_text("utf-8")
    page = Reader(text)
    assert len(text) < 4_000_000 and page.tags >= {"header", "table", "figure", "style"}
    # Nothing is loaded, and nothing runs.
    assert page.sources and all(source.startswith("data:image/") for source in page.sources)
    assert not page.tags & {"script", "link", "iframe"} and not re.search(r"https?://|url\(|@import", text)
    # Anchors lead to sections.
    assert page.links == [f"#{name}" for name in page.ids] == ["#results", "#curves", "#labels", "#data"]
    assert "prefers-color-scheme: dark" in text


def test_the_page_says_what_the_run_has_found(finished):
    text = (finished / "report.html").read_text("utf-8")
    for expected in ("student, masks + points", "rough masks", "Contact sheet", "Labels most in doubt"):
        assert expected in text
    assert '<span class="badge">ships</span>' in text and "images with points" in text
    assert text.count("<figure>") >= 4  # curves, contact sheet, labels
    # Settings, but no path of this disk
    assert "logging_steps" in text and str(finished.parent) not in text


def test_the_curves_are_pictures_beside_the_results(finished):
    for name in ("learning_curves.png", "precision_recall.png"):
        with Image.open(finished / name) as picture:
            picture.load()
            assert picture.width == 640
        assert name in (finished / "manifest.json").read_text()
