# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Data as `pointwssis budget` and `pointwssis check` take it."""

import pytest

from helpers import tiny
from pointwssis.cli.sources import recipe_of, refuse_annotations
from pointwssis.data.prepared.prepare_coco import prepare_coco
from pointwssis.ops.user_error import UserError


def test_each_kind_of_source(shapes, tmp_path):
    assert recipe_of([str(shapes)]).data_dir == str(shapes)
    file = str(shapes / "annotations" / "instances_train.json")
    made = recipe_of([file], ["--image_dir", "images", "--seed", "4"])
    assert (made.train_annotations, made.image_dir, made.seed) == (file, "images", 4)
    prepared = str(prepare_coco(shapes, tmp_path / "prepared", percentages=(50,)))
    assert recipe_of([prepared], ["--dataset_config", "all"]).dataset_name == prepared
    assert recipe_of([], ["--data_dir", "here"]).data_dir == "here"
    assert recipe_of([], ["--train_annotations", "a.json,b.csv"]).train_annotations == ["a.json", "b.csv"]


def test_several_files_are_merged(shapes, tmp_path):
    (tmp_path / "clicks.csv").write_text("image,x,y,label")
    files = [str(shapes / "annotations" / "instances_train.json"), str(tmp_path / "clicks.csv")]
    made = recipe_of(files, ["--image_dir", "images"])
    assert (made.train_annotations, made.image_dir, made.labeled_fraction) == (files, "images", None)


def test_only_files_can_be_merged(shapes, tmp_path):
    file = str(shapes / "annotations" / "instances_train.json")
    with pytest.raises(UserError, match="is a folder; several sources must be annotation files"):
        recipe_of([file, str(shapes)])
    recipe = tiny.recipe_file(tmp_path / "recipe.yaml")
    with pytest.raises(UserError, match="is a recipe; several sources must be annotation files"):
        recipe_of([str(recipe), file])


def test_recipes_by_name_and_file(tmp_path):
    made = recipe_of([str(tiny.recipe_file(tmp_path / "recipe.yaml", data_dir="here"))], ["--seed", "7"])
    assert (made.data_dir, made.seed, made.labeled_fraction) == ("here", 7, 0.3)
    assert recipe_of(["nuclei"], ["--data_dir", "here"]).max_detections == 400


def test_a_yolo_dataset_names_its_images_and_its_validation_split(tmp_path):
    yolo = tmp_path / "data.yaml"
    yolo.write_text("path: .\ntrain: images\nnames: [cat, dog]\n")
    made = recipe_of([str(yolo)])
    assert (made.train_annotations, made.image_dir, made.val_annotations) == (str(yolo), str(tmp_path), None)
    yolo.write_text("path: .\ntrain: images\nval: more\nnames: [cat, dog]\n")
    assert recipe_of([str(yolo)]).val_annotations == str(yolo)
    other = recipe_of([str(yolo)], ["--image_dir", "there", "--val_annotations", "null"])
    assert (other.image_dir, other.val_annotations) == ("there", None)


def test_a_yaml_file_that_is_neither_is_read_as_a_recipe(tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [")
    with pytest.raises(UserError, match="not valid YAML"):
        recipe_of([str(broken)])


def test_supervision_is_that_of_the_files(shapes):
    assert recipe_of([str(shapes)]).labeled_fraction is None
    assert recipe_of([]).labeled_fraction is None
    assert recipe_of([str(shapes)], ["--labeled_fraction", "0.2"]).labeled_fraction == 0.2


def test_suffixes_in_capitals(tmp_path):
    assert recipe_of([str(tiny.recipe_file(tmp_path / "RECIPE.YAML", data_dir="here"))]).data_dir == "here"
    yolo = tmp_path / "data.YML"
    yolo.write_text("path: .\ntrain: images\nnames: [cat, dog]\n")
    assert recipe_of([str(yolo)]).image_dir == str(tmp_path)


def test_a_folder_that_is_no_dataset_names_the_files_in_it(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "_annotations.coco.json").write_text("{}")
    with pytest.raises(UserError, match=r"neither in COCO's layout .* such as train/_annotations\.coco\.json, and"):
        recipe_of([str(tmp_path)], ["--image_dir", "images"])


def test_annotations_are_no_recipe(shapes, tmp_path):
    yolo, clicks, recipe = tmp_path / "data.yaml", tmp_path / "clicks.csv", tmp_path / "recipe.json"
    yolo.write_text("train: images\nnames: [cat]\n")
    clicks.write_text("image,x,y,label\n")
    recipe.write_text('{"seed": 3}')
    for file in (yolo, clicks, shapes / "annotations" / "instances_train.json"):
        with pytest.raises(UserError, match=r"is an annotation file \(.*\), not a recipe; let one be written with"):
            refuse_annotations(str(file))
    refuse_annotations(str(recipe))
    refuse_annotations("nuclei")


def test_missing_sources():
    with pytest.raises(FileNotFoundError, match="nowhere: no such file or folder; expected a recipe"):
        recipe_of(["nowhere"])
    with pytest.raises(FileNotFoundError, match="did you mean 'nuclei'"):
        recipe_of(["nuclie"])
