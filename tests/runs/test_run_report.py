# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The report of a run: one page that holds everything, and the curves beside the results."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from helpers import tiny
from pointwssis.data.schema import dataset_from_rows, make_object
from pointwssis.ops.rle import encode_mask
from pointwssis.runs.doubtful_labels import doubtful_labels
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
    for expected in ("student, masks + points", "rough masks", "Contact sheet", "Labels that deserve the least trust"):
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


def test_the_least_trusted_labels_come_first():
    def square(left: int, size: int = 8) -> dict:
        mask = np.zeros((32, 64), bool)
        mask[8 : 8 + size, left : left + size] = True
        return encode_mask(mask)

    def row(number: int, **values) -> dict:
        item = make_object(number, 0, point=[11.0, 11.0], **values)
        picture = {"path": f"{number}.png", "bytes": None}
        size = {"width": 64, "height": 32, "complete": True, "image_labels": None}
        return {"image": picture, "image_id": number, "file_name": f"{number}.png", **size, "objects": [item]}

    rows = [
        row(1, segmentation=square(8), rough_segmentation=square(8), score=0.9),
        row(2, segmentation=square(8), rough_segmentation=square(12), score=0.9),
        row(3, segmentation=square(40), rough_segmentation=square(40), score=0.9),
        row(4, segmentation=square(8), rough_segmentation=None, score=0.5),
        row(5, segmentation=None, rough_segmentation=square(8), score=0.1),
        row(6, segmentation=square(8, 0), rough_segmentation=None, score=0.1),
    ]
    found = doubtful_labels(dataset_from_rows(rows, ["thing"]), 10)
    # The mask that misses its point, the one that the refiner has moved, the one of a low score; no empty ones
    assert [label.row + 1 for label in found] == [3, 2, 4, 1]
    assert [label.misses_point for label in found] == [True, False, False, False]
    assert [round(label.trust, 3) for label in found] == [0, 0.3, 0.5, 0.9]
    assert len(doubtful_labels(dataset_from_rows(rows, ["thing"]), 2)) == 2
