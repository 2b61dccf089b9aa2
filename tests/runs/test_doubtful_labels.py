# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The labels of a run that are most in doubt, as the report shows them."""

import re

import pytest
from PIL import Image

from helpers.doubtful_labels import SIZE, label, others, row
from pointwssis.data import hide_masks
from pointwssis.runs import doubtful_labels
from pointwssis.runs.doubtful_labels import doubtful_figures


@pytest.fixture
def labels(make, tmp_path, monkeypatch):
    """Return the pseudo labels of five images, one of them sound, one without a label."""
    monkeypatch.chdir(tmp_path)
    for number in range(1, 6):
        Image.new("RGB", SIZE[::-1], (90, 120, 150)).save(f"{number}.png")
    moved = label(1, (50, 20, 60, 30), (54.5, 24.5), rough=(50, 20, 60, 25), score=0.8)
    elsewhere = label(3, (20, 30, 30, 40), score=0.95)
    refined_only = {**label(4, score=0.5), "rough_segmentation": None}
    rows = [row(1, *others(10)), row(2, label(2), moved), row(3, elsewhere, label(5, score=0.1)), row(4, refined_only)]
    return make(*rows, row(5))


def captions(figures: list[str]) -> list[str]:
    return [re.search("<figcaption>(.*)</figcaption>", figure).group(1) for figure in figures]


def test_the_worst_label_of_each_image_says_what_speaks_against_it(labels, make):
    # The true masks of the first three images are those of the labels, but for one.
    known = list(labels.with_format(None))
    known[1]["objects"][1]["segmentation"] = known[1]["objects"][1]["rough_segmentation"]
    known[3]["objects"] = []
    truth = make(*known)
    assert captions(doubtful_figures(labels, truth, 10)) == [
        "3.png: click outside the mask (doubt 1.00, score 0.95, overlap 1.00, IoU with the hidden mask 1.00)",
        "2.png: rough and refined mask differ (doubt 0.60, score 0.80, overlap 0.50, IoU with the hidden mask 0.50)",
        "4.png: low score (doubt 0.50, score 0.50)",
        "1.png: nothing unusual (doubt 0.10, score 0.90, overlap 1.00, IoU with the hidden mask 1.00)",
    ]


def test_few_of_many_labels_are_shown(labels, monkeypatch):
    hidden = hide_masks(labels)
    shown = doubtful_figures(labels, hidden, 2)
    assert len(shown) == 2 and "hidden" not in "".join(captions(shown))
    # Of a large dataset, images are looked through that are evenly spread over it.
    monkeypatch.setattr(doubtful_labels, "MAX_IMAGES", 2)
    assert [caption[:5] for caption in captions(doubtful_figures(labels, hidden, 10))] == ["4.png", "1.png"]
    assert doubtful_figures(labels.select([4]), hidden, 10) == doubtful_figures(labels.select([]), hidden, 10) == []
