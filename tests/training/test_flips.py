# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Flips that class names forbid."""

import logging
from dataclasses import replace

import pytest

from helpers import tiny
from helpers.hand_made import facts
from pointwssis.checking.checkup import check_data
from pointwssis.data import dataset_from_rows
from pointwssis.planning.sizing import augmentation_setting
from pointwssis.runs.data import split_data
from pointwssis.runs.recipe import Recipe
from pointwssis.runs.run import Run
from pointwssis.runs.segmenter_stage import SegmenterTraining, segmenter_trainer
from pointwssis.training import SegmentationTrainer, SegmentationTrainingArguments, augmentation_for
from pointwssis.training.flips import warn_about_flips

HANDS = ["left hand", "right hand", "jaw", "nose"]


def renamed(rows, names):
    return dataset_from_rows(rows, names)


@pytest.mark.parametrize(
    ("names", "settings", "expected", "warning"),
    [
        (HANDS, {}, 0.0, "the classes 'left hand', 'right hand' distinguish left from right"),
        (HANDS, {"horizontal_flip": 0.3}, 0.3, "augmentation.horizontal_flip is 0.3, but"),
        (HANDS, {"horizontal_flip": 0.0}, 0.0, ""),
        (HANDS, {"horizontal_flip": 0.0, "vertical_flip": 0.5}, 0.0, "augmentation.vertical_flip is 0.5, but"),
        (["upper jaw", "nose", "lip", "eye"], {"rotate90": True}, 0.5, "augmentation.rotate90 is True, but"),
        (["upper jaw", "nose", "lip", "eye"], {}, 0.5, ""),
        (["bright", "nose", "lip", "eye"], {"vertical_flip": 0.5}, 0.5, ""),
    ],
)
def test_class_names_switch_the_default_flip_off_but_no_setting(tmp_path, caplog, names, settings, expected, warning):
    rows = renamed(tiny.shapes(4), names)
    recipe = tiny.recipe(tmp_path, augmentation=settings)
    model, processor = tiny.segmenter(names=names)
    training = SegmenterTraining("teacher", rows, {}, {})
    made = segmenter_trainer(recipe, training, None, model, processor)
    assert made.train_dataset.augmentation.horizontal_flip == expected
    assert augmentation_for(settings, names).horizontal_flip == expected
    warn_about_flips(settings, names)
    assert warning in caplog.text and bool(warning) == bool(caplog.text)

    # `check` reports the same.
    data = split_data(Recipe(labeled_fraction=None), rows, None)
    found = {finding.what: finding for finding in check_data(recipe, data).findings}
    reported = [what for what in found if "direction" in what or "contradict" in what]
    assert len(reported) == bool(warning)
    if warning:
        assert names[0] in found[reported[0]].examples[0]
        assert found[reported[0]].severity == ("note" if not settings else "warning")


def test_a_run_says_it_once(tmp_path, caplog):
    rows = renamed(tiny.shapes(4), HANDS)
    data = split_data(Recipe(labeled_fraction=0.5), rows, None)
    with caplog.at_level(logging.WARNING):
        Run(tiny.recipe(tmp_path, stages=["teacher"]), data).run()
    assert sum("distinguish left from right" in record.getMessage() for record in caplog.records) == 1


def test_rows_are_not_flipped_either(tmp_path, caplog):
    rows = renamed(tiny.shapes(2), HANDS)
    model, processor = tiny.segmenter(names=HANDS)
    arguments = SegmentationTrainingArguments(str(tmp_path), max_steps=1, use_cpu=True)
    made = SegmentationTrainer(model, arguments, train_dataset=rows, processing_class=processor)
    assert made.train_dataset.augmentation.horizontal_flip == 0
    assert "training images are not flipped horizontally" in caplog.text
    plain = SegmentationTrainer(
        tiny.segmenter()[0], arguments, train_dataset=tiny.shapes(2), processing_class=processor
    )
    assert plain.train_dataset.augmentation.horizontal_flip == 0.5


def test_a_proposed_recipe_says_why():
    setting = augmentation_setting(replace(facts(), class_names=HANDS), tiled=False, pretrained=False)
    assert setting.value["horizontal_flip"] == 0
    assert "class names say left or right: 'left hand'" in setting.reason and "vertical_flip" not in setting.reason
    plain = augmentation_setting(facts(), tiled=False, pretrained=False)
    assert "horizontal_flip" not in plain.value and "rotate90" in plain.reason
