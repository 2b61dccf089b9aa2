# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""What a path means to `pointwssis budget` and `pointwssis check`."""

import pytest

from helpers import tiny
from pointwssis.cli.sources import recipe_of
from pointwssis.data import make_shapes_dataset


def test_each_kind_of_source(shapes, tmp_path):
    assert recipe_of(str(shapes)).data_dir == str(shapes)
    file = str(shapes / "annotations" / "instances_train.json")
    made = recipe_of(file, ["--image_dir", "images", "--seed", "4"])
    assert (made.train_annotations, made.image_dir, made.seed) == (file, "images", 4)
    make_shapes_dataset(1, (16, 16)).save_to_disk(tmp_path / "prepared")
    assert recipe_of(str(tmp_path / "prepared")).dataset_name == str(tmp_path / "prepared")
    assert recipe_of(None, ["--data_dir", "here"]).data_dir == "here"


def test_recipes_and_other_yaml_files(tmp_path):
    made = recipe_of(str(tiny.recipe_file(tmp_path / "recipe.yaml", data_dir="here")), ["--seed", "7"])
    assert (made.data_dir, made.seed, made.labeled_fraction) == ("here", 7, 0.3)
    yolo = tmp_path / "data.yaml"
    yolo.write_text("path: .\ntrain: images\nnames: [cat, dog]\n")
    assert recipe_of(str(yolo)).train_annotations == str(yolo)
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [")
    with pytest.raises(ValueError, match="is not YAML"):
        recipe_of(str(broken))


def test_supervision_is_that_of_the_files(shapes):
    assert recipe_of(str(shapes)).labeled_fraction is None
    assert recipe_of(None).labeled_fraction is None
    assert recipe_of(str(shapes), ["--labeled_fraction", "0.2"]).labeled_fraction == 0.2


def test_nothing_there():
    with pytest.raises(FileNotFoundError, match="nowhere: no such file or folder; it takes a recipe"):
        recipe_of("nowhere")
