# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Every error about a setting begins with the file and line, or the option, that gives it."""

import dataclasses

import pytest
import yaml

from helpers import tiny
from pointwssis.cli.main import main
from pointwssis.ops.user_error import UserError
from pointwssis.runs.recipe import Recipe
from pointwssis.runs.run import Run
from pointwssis.training.augmentation import Augmentation
from pointwssis.training.refinement_sampling import RefinementSampling


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    return tiny.shapes_folder(tmp_path_factory.mktemp("shapes") / "data", num_train=6, num_val=2)


@pytest.mark.parametrize("key", [field.name for field in dataclasses.fields(Recipe)])
def test_a_value_of_the_wrong_type(tmp_path, key):
    path = tmp_path / "recipe.yaml"
    path.write_text(f"# settings\n\n{key}: !!set {{}}\n")
    with pytest.raises(UserError) as caught:
        Recipe.load(path)
    assert str(caught.value).startswith(f"{path}: line 3: {key} is set()")


NESTED = [
    *(("augmentation", field.name) for field in dataclasses.fields(Augmentation)),
    *(("refiner", field.name) for field in dataclasses.fields(RefinementSampling)),
    ("augmentation", "flipp"), ("point_noise", "jiter"), ("model", "fpn_channels"),
    ("model", "fpn_chanels"), ("model", "num_grids"), ("teacher_model", "nms_type"), ("refiner_model", "crop_size"),
    ("refiner_model", "corp_size"), ("training", "learning_rate"), ("training", "learning_rat"),
    ("training", "lr_scheduler_type"), ("training", "max_steps"), ("training", "report_to"),
    ("training", "output_dir"), ("training", "optim"), ("teacher", "max_steps"), ("teacher", "warmup_steps"),
    ("student", "weight_decay"), ("student", "milestones"), ("refiner", "learning_rate"), ("refiner", "seeed"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "inner"), NESTED)
def test_a_wrong_value_in_a_mapping(shapes, tmp_path, key, inner):
    path = tmp_path / "recipe.yaml"
    recipe = dataclasses.asdict(tiny.recipe(tmp_path / "out", data_dir=str(shapes)))
    # The mapping is written at the end, one key per line.
    values = {**recipe.pop(key), inner: "no such" if inner == "optim" else -7}
    lines = [f"{key}:", *(f"  {name}: {value!r}" for name, value in values.items())]
    path.write_text(yaml.safe_dump(recipe) + "\n".join(lines))
    line = 1 + path.read_text().splitlines().index(f"  {inner}: {values[inner]!r}")
    with pytest.raises(UserError) as caught:
        Run(Recipe.load(path))
    message = str(caught.value)
    assert message.startswith(f"{path}: line {line}: {key}.{inner}"), message


def test_a_setting_of_the_base_is_found_in_its_file(tmp_path):
    base, path = tmp_path / "base.yaml", tmp_path / "recipe.yaml"
    base.write_text("seed: 1\naugmentation:\n  min_crop: 3\n  brightness: 0.1\n")
    path.write_text(f"augmentation: {{brightness: 0.2}}\nbase: {base}\n")
    with pytest.raises(UserError, match=f"^{base}: line 3: augmentation.min_crop is 3"):
        Recipe.load(path)
    path.write_text(f"seed: 1\nbase: {base}s\n")
    with pytest.raises(FileNotFoundError, match=f"^{path}: base is .*neither a recipe file"):
        Recipe.load(path)


def test_options_are_named_as_they_were_given(shapes, tmp_path, capsys):
    path = tiny.recipe_file(tmp_path / "recipe.yaml", data_dir=str(shapes), output_dir=str(tmp_path / "out"))
    for words, start in (
        (["--training.max_steps", "0"], "--training.max_steps is 0; it must be at least 1"),
        (["--training", "{max_steps: 0}"], "--training: training.max_steps is 0"),
        (["--model.fpn_channels", "wide"], "--model.fpn_channels: "),
        (["--point_noise.missing", "2"], "--point_noise.missing is 2.0"),
        (["--rough_folds", "50"], "--rough_folds is 50, but the refiner learns from"),
        (["--complete", "true"], "--complete requires train_annotations, and this recipe has data_dir"),
    ):
        assert main(["run", str(path), "--dry_run", *words]) == 1
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith(f"pointwssis run: {start}"), error


def test_a_recipe_made_in_python_has_no_places(shapes, tmp_path):
    with pytest.raises(UserError, match=r"^training.max_steps is 0; it must be at least 1$"):
        Run(tiny.recipe(tmp_path, data_dir=str(shapes), training={"max_steps": 0}))
