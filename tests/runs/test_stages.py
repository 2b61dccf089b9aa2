# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Starting points of training runs."""

from helpers import tiny
from pointwssis.data import dataset_from_rows
from pointwssis.runs.stages import SegmenterTraining, starting_segmenter, train_segmenter


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


def test_intermediate_weights_are_averaged_ones(tmp_path):
    saved, rows = {}, tiny.shapes(4)
    for decay in (0.0, 0.9):
        folder = tmp_path / str(decay)
        made = tiny.recipe(folder, training={**tiny.recipe_values()["training"], "average_weights": decay})
        folders = {1 / 3: folder / "early", 1.0: folder / "late"}
        training = SegmenterTraining("teacher", rows, tiny.SEGMENTER, {}, intermediate_folders=folders)
        train_segmenter(made, training, None)
        assert tiny.same_weights(tiny.state_of(folder / "late"), tiny.state_of(folder / "teacher"))
        saved[decay] = tiny.state_of(folder / "early")
    # After the first step, the average holds 9/10 of its weights.
    assert not tiny.same_weights(saved[0.0], saved[0.9])
    assert (folder / "early" / "preprocessor_config.json").is_file()
