# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Settings without effect are refused where they contradict the data, and warned of once otherwise."""

import logging

import pytest
from transformers import AutoConfig

from helpers import tiny
from pointwssis.checking.checkup import check_recipe
from pointwssis.checking.findings import WARNING
from pointwssis.cli.main import main
from pointwssis.data.prepared.prepare_coco import prepare_coco
from pointwssis.ops.user_error import UserError
from pointwssis.runs.data import load_data
from pointwssis.runs.recipe import Recipe
from pointwssis.runs.unused_settings import unused_settings


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    return tiny.shapes_folder(tmp_path_factory.mktemp("shapes") / "data", num_train=6, num_val=2)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("include_unlabeled", True), ("complete", True), ("val_annotations", "val.json"), ("image_dir", "images"),
        ("dataset_config", "coco10"),
    ],
)  # fmt: skip
def test_settings_of_other_data_are_refused(shapes, tmp_path, key, value):
    with pytest.raises(UserError, match=f"^{key} requires .*, and this recipe has data_dir: "):
        load_data(tiny.recipe(tmp_path, data_dir=str(shapes), **{key: value}))


def test_names_that_no_file_has(shapes, tmp_path, caplog):
    recipe = tiny.recipe(tmp_path, data_dir=str(shapes), label_map={"Star": "sun", "star": "sun", "zebra": "x"})
    with caplog.at_level(logging.WARNING):
        names = load_data(recipe).class_names
    assert "sun" in names and caplog.messages == [
        "label_map: names that no annotation file has, without effect (2 of 3): 'Star'; did you mean 'star'?, 'zebra'"
    ]
    findings = [item for item in check_recipe(recipe).findings if item.what == "name that no annotation file has"]
    assert [(item.severity, item.count) for item in findings] == [(WARNING, 2)]


@pytest.mark.parametrize(
    ("changes", "unused"),
    [
        ({}, {}),
        ({"stages": ["teacher", "rough", "pseudo", "student"]}, {"refiner", "refiner_model"}),
        ({"stages": ["refiner"], "student": {"max_steps": 2}}, {"teacher_model", "student"}),
        ({"stages": ["teacher"], "refiner": {}, "refiner_model": {}, "label_rounds": 2}, {"label_rounds"}),
        ({"hub_private": True}, {"hub_private"}),
        ({"labeled_fraction": 1.0, "point_noise": {"missing": 0.5}}, {"point_noise"}),
        ({"point_noise": {"missing": 1.0}}, {}),
        ({"image_level_threshold": 0.4}, {"image_level_threshold"}),
        ({"image_level_threshold": 0.4, "image_level_fraction": 0.5}, {}),
        ({"unlabeled_threshold": 0.4}, {"unlabeled_threshold"}),
        ({"refiner_name_or_path": "general"}, {"refiner_model"}),
    ],
)
def test_settings_that_a_run_does_not_use(shapes, tmp_path, changes, unused):
    recipe = tiny.recipe(tmp_path, data_dir=str(shapes), **changes)
    assert set(unused_settings(recipe, load_data(recipe))) == set(unused)


def test_fields_that_saved_segmenters_fix(shapes, tmp_path):
    saved = tiny.saved_segmenter(tmp_path / "saved")
    grids = AutoConfig.from_pretrained(saved).num_grids

    def unused(**changes):
        recipe = tiny.recipe(tmp_path, data_dir=str(shapes), **changes)
        return unused_settings(recipe, load_data(recipe))

    other = {"num_grids": [grid + 1 for grid in grids], "score_threshold": 0.2}
    start = {"teacher_name_or_path": saved, "teacher_model": {}}
    assert unused(**start, student_name_or_path=saved, model=other) == {"model": f"{saved} and {saved} fixes num_grids"}
    assert unused(**start, student_name_or_path="teacher", model=other) == {"model": f"{saved} fixes num_grids"}
    assert unused(**start | {"teacher_model": other}) == {"teacher_model": f"{saved} fixes num_grids"}
    # The same values, fields that may change, and students with new weights
    assert not unused(**start, student_name_or_path=saved, model=other | {"num_grids": list(grids)})
    assert not unused(**start, model=other)


def test_some_stages_of_a_whole_recipe(shapes, tmp_path, caplog):
    path = tiny.recipe_file(tmp_path / "recipe.yaml", data_dir=str(shapes), output_dir=str(tmp_path / "out"))
    # The other stages follow later, but an option beside --stages is meant for now.
    recipe = Recipe.load(path, {"stages": "teacher"})
    assert not unused_settings(recipe, load_data(recipe))
    words = ["--stages", "teacher,rough", "--refiner.max_steps", "9"]
    with caplog.at_level(logging.WARNING, logger="pointwssis"):
        assert main(["run", str(path), "--dry_run", *words]) == 0
    assert caplog.messages == [f"{path}: 1 setting has no effect: refiner (stages lacks refiner)"]


def test_a_fraction_of_a_dataset_that_is_split_already(shapes, tmp_path):
    folder = prepare_coco(shapes, tmp_path / "prepared", percentages=(50,))
    options = {"dataset_name": str(folder), "dataset_config": "coco50", "image_dir": str(shapes)}
    recipe = tiny.recipe(tmp_path, **options, labeled_fraction=0.5)
    assert not unused_settings(recipe, load_data(recipe))
    recipe = tiny.recipe(tmp_path, **options, labeled_fraction=0.2)
    (reason,) = unused_settings(recipe, load_data(recipe)).values()
    assert reason == "it is 0.2, but the dataset is split already: 3 of 6 images have masks"
