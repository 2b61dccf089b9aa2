# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The front page is true: its quickstart runs, and its tree is there. Its commands: test_repository.py."""

import re

import pytest

from helpers.paths import ROOT
from pointwssis.cli.demo import RECIPE
from pointwssis.data import write_shapes_coco
from pointwssis.data.synthetic import SHAPE_CLASSES
from pointwssis.models.factory import new_refiner, new_segmenter
from pointwssis.runs.recipe import Recipe

README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture
def demo_output(tmp_path, monkeypatch):
    """What `make demo` leaves, with models that have learned nothing."""
    recipe = Recipe.load(RECIPE)
    output = tmp_path / "outputs" / "demo"
    write_shapes_coco(output / "data", num_train=1, num_val=1)
    parts = {
        "student_refined": new_segmenter(SHAPE_CLASSES, recipe.model, recipe.image_size),
        "refiner": new_refiner(SHAPE_CLASSES, recipe.refiner_model),
    }
    for name, (model, processor) in parts.items():
        model.save_pretrained(output / name)
        processor.save_pretrained(output / name)
    monkeypatch.chdir(tmp_path)


def test_quickstart_runs(demo_output, capsys):
    blocks = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)
    assert blocks, "README has no quickstart"
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "star" in printed and "instances" in printed
