# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import pytest

from helpers import tiny
from pointwssis.cli.main import main
from pointwssis.runs.recipe import Recipe
from pointwssis.runs.run import Run

TOKEN = "hf_" + "abcDEF123456" * 3


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"training": {"hub_token": TOKEN}}, "training.hub_token"),
        ({"refiner": {"hub_token": "short"}}, "refiner.hub_token"),
        ({"dataset_name": f"https://user:{TOKEN}@huggingface.co/datasets/me/x"}, "dataset_name"),
        ({"label_map": {"cat": TOKEN}}, "label_map.cat"),
    ],
)
def test_a_token_is_refused_and_not_repeated(changes, key):
    with pytest.raises(ValueError, match=f"{key} holds a token.*hf auth login") as caught:
        Recipe(**changes)
    assert TOKEN not in str(caught.value)


def test_options_that_speak_of_tokens_are_no_secrets():
    Recipe(training={"include_num_input_tokens_seen": "no", "hub_token": None})
    Recipe(label_map={"game_token": "token"})  # classes


def test_no_token_is_written(shapes, tmp_path, capsys):
    path = tiny.recipe_file(tmp_path / "r.yaml", data_dir=str(shapes), output_dir=str(tmp_path / "out"))
    assert main(["run", str(path), "--training.hub_token", TOKEN]) == 1
    assert not (tmp_path / "out").exists() and TOKEN not in "".join(capsys.readouterr())
    # Neither one that came into a recipe later
    recipe = Recipe.load(path)
    recipe.training["hub_token"] = TOKEN
    with pytest.raises(ValueError, match="holds a token"):
        Run(recipe)
    written = [file for file in (tmp_path / "out").rglob("*") if file.is_file()]
    assert not any(TOKEN.encode() in file.read_bytes() for file in written)
