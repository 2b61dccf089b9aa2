# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Starting points of training runs."""

from helpers import tiny
from pointwssis.data import dataset_from_rows
from pointwssis.runs.stages import starting_segmenter


def test_where_background_comes_from_is_decided_for_each_training(tmp_path):
    whole = tiny.shapes(2)
    unfinished = dataset_from_rows([{**row, "complete": False} for row in whole], tiny.NAMES)
    recipe = tiny.recipe(tmp_path)
    model, processor = starting_segmenter(recipe, unfinished, tiny.SEGMENTER, None)
    assert model.config.background_threshold == 0.1
    for part in (model, processor):
        part.save_pretrained(tmp_path / "teacher")
    # A student that has complete images does not keep what its teacher needed, unless the recipe says so.
    for rows, own, expected in ((whole, {}, 0.0), (unfinished, {}, 0.1), (whole, {"background_threshold": 0.3}, 0.3)):
        student, _ = starting_segmenter(recipe, rows, {**tiny.SEGMENTER, **own}, str(tmp_path / "teacher"))
        assert student.config.background_threshold == expected
