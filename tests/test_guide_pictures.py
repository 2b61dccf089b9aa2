# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The pictures of the guides show what their captions say, with models that have learned nothing."""

import importlib
import re
import sys

import numpy as np
import pytest
from PIL import Image
from transformers import pipeline

from helpers import tiny
from helpers.paths import ROOT


@pytest.fixture(scope="module")
def pictures():
    """Return docs/guide_pictures.py, which imports its neighbors."""
    sys.path.insert(0, str(ROOT / "docs"))
    yield importlib.import_module("guide_pictures")
    sys.path.remove(str(ROOT / "docs"))


@pytest.fixture(scope="module")
def segmenter():
    model, processor = tiny.segmenter()
    return pipeline("point-instance-segmentation", model=model, image_processor=processor, device="cpu")


@pytest.fixture
def scene(pictures):
    row = next(row for row in tiny.shapes() if len(row["objects"]) > 1)
    return pictures.Scene(row)


def test_a_part_lies_around_its_point_and_inside_of_the_picture(pictures):
    shade = np.arange(256, dtype=np.uint8)[None].repeat(256, axis=0)
    picture = Image.fromarray(shade)  # an image of 64 × 64 pixels, enlarged by 4
    middle, corner = (np.asarray(pictures.zoomed(picture, (x, 32), side=16)) for x in (32, 63))
    assert abs(middle.mean() - 127) < 2 and abs(corner.mean() - 223) < 2


def test_pictures_stand_in_rows(pictures, tmp_path):
    panels = [Image.new("RGB", (100, 100), (250, 10, 10))] * 5
    pictures.save(panels, list("abcde"), tmp_path / "a.png", columns=3)
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.width == pictures.PICTURE_WIDTH and sheet.height > sheet.width / 2
        assert sheet.getpixel((1390, 10)) != sheet.getpixel((1390, sheet.height - 200))  # the second row is shorter


def test_levels_name_their_scores_and_the_chosen_one(pictures, scene, segmenter):
    panels, captions = pictures.levels(scene, segmenter, side=32)
    assert len(panels) == len(captions) == 6 and captions[0] == "click"
    scores = [float(re.search(r"P\d: (\d\.\d\d)", caption)[1]) for caption in captions[1:]]
    (chosen,) = (index for index, caption in enumerate(captions[1:]) if caption.endswith("chosen"))
    assert scores[chosen] == max(scores)


def test_other_pictures_have_one_panel_per_caption(pictures, scene, segmenter, tmp_path):
    assert len(pictures.labels(scene, scene)) == 4
    assert len(pictures.overlaps(scene, segmenter)) == len(pictures.prediction(scene, segmenter)) == 3
    one = pictures.Scene(scene.row, (0,), [(255, 0, 0)])
    refiner = tiny.saved_refiner(tmp_path / "refiner")
    assert len(pictures.refinement(one, segmenter, refiner, side=32)) == 4
