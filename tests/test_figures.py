# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The drawings of the docs: the chart shows documented figures, and each helper draws what it says."""

import importlib.util
import re

import numpy as np
import pytest
from PIL import Image

from helpers.paths import ROOT

BLACK = Image.new("RGB", (300, 200))
RED = (255, 0, 0)


@pytest.fixture(scope="module")
def figures():
    spec = importlib.util.spec_from_file_location("figures", ROOT / "docs" / "figures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def count(image: Image.Image, color: tuple[int, int, int]) -> int:
    """Return the number of pixels of one color."""
    return int((np.asarray(image) == color).all(axis=2).sum())


def test_chart_shows_documented_figures(figures):
    pages = "".join((ROOT / "docs" / name).read_text("utf-8") for name in ("results.md", "reproduce.md"))
    documented = set(re.findall(r"\d+\.\d", pages))
    coco = (*figures.COCO_POINTS, *figures.COCO_UNLABELED, *figures.COCO_ALL)
    shown = {f"{value:.1f}" for days, precision, _ in coco for value in (days, precision)}
    assert shown - documented == set()
    chart = figures.chart()
    assert count(chart, figures.ORANGE) > 1000 and count(chart, figures.BLUE) > 1000


def test_pointers_and_labels(figures):
    clicked = figures.with_pointers(BLACK, [(150, 100)], [RED])
    assert clicked.getpixel((148, 98)) == RED and count(clicked, figures.WHITE) > 20
    labeled = figures.with_labels(BLACK, [(299, 199)], ["nucleus 0.93"], [RED])
    assert labeled.size == BLACK.size and count(labeled, figures.WHITE) > 20
    assert count(BLACK, (0, 0, 0)) == 300 * 200  # the source stays


def test_side_by_side(figures):
    sheet = figures.side_by_side([BLACK, Image.new("RGB", BLACK.size, RED)], ["first", "second"])
    assert sheet.width == 2 * figures.HERO_WIDTH + 20
    assert count(sheet, RED) == count(sheet, (0, 0, 0)) > 200_000


def test_animation(figures, tmp_path):
    frames = [Image.new("RGB", (60, 40), (40 * index, 0, 0)) for index in range(4)]
    figures.save_gif(frames, [100, 200, 300, 400], tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.n_frames == 4 and picture.info["loop"] == 0 and picture.width == figures.GIF_WIDTH
        picture.seek(3)
        assert picture.info["duration"] == 400


def test_method(figures):
    colors = [(10 * index, 20, 30) for index in range(1, 6)]
    sheet = figures.method([Image.new("RGB", (50, 50), color) for color in colors])
    assert [count(sheet, color) > 40_000 for color in colors] == [False, True, True, True, True]
