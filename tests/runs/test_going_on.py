# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The recipe of a run that goes on from another one, and what the models of that run bring along."""

import json

import pytest

from helpers import tiny
from pointwssis.pseudo_labeling.gate import MeasuredObject, decide
from pointwssis.runs.going_on import recipe_after_corrections
from pointwssis.runs.run import Run


@pytest.fixture
def earlier(shapes, tmp_path):
    """Return the output folder of a run that looks finished: a student, and a refiner whose gate is closed."""
    folder = tmp_path / "earlier"
    tiny.saved_segmenter(folder / "student_refined")
    tiny.saved_refiner(folder / "refiner")
    gate = decide([MeasuredObject(10, 0.5, 0.9, 0.2)])
    (folder / "refiner" / "gate.json").write_text(json.dumps(gate.to_dict()))
    tiny.recipe_file(folder / "recipe.yaml", data_dir=str(shapes), labeled_fraction=0.75, corrections="a.json", seed=4)
    return folder


def test_student_and_refiner_take_over(earlier, tmp_path):
    words = {"corrections": "b.json,a.json", "output_dir": str(tmp_path / "next"), "student.max_steps": "7"}
    recipe = recipe_after_corrections(str(earlier), words)
    student = str(earlier / "student_refined")
    assert recipe.teacher_name_or_path == recipe.student_name_or_path == student
    assert recipe.refiner_name_or_path == str(earlier / "refiner") and recipe.seed == 4
    assert recipe.student["max_steps"] == 7 and recipe.corrections == ["b.json", "a.json"]
    # Earlier corrections stay, and come first.
    assert recipe_after_corrections(str(earlier), words | {"corrections": "c.json"}).corrections == ["a.json", "c.json"]
    # Stages and models may be chosen all the same.
    own = recipe_after_corrections(str(earlier), words | {"stages": "pseudo", "refiner_name_or_path": "general"})
    assert own.stages == ["pseudo"] and own.refiner_name_or_path == "general"


def test_reused_models_bring_their_gate(earlier, shapes, tmp_path):
    options = {"data_dir": str(shapes), "labeled_fraction": 0.75, "stages": ["rough", "pseudo"]}
    models = {
        "teacher_name_or_path": str(earlier / "student_refined"),
        "refiner_name_or_path": str(earlier / "refiner"),
    }
    run = Run(tiny.recipe(tmp_path / "next", **options, **models))
    gate = run.labeling.held_back.gate()
    assert gate.decision == "none" and not (tmp_path / "next" / "rough").exists()  # nothing was measured
    assert Run(tiny.recipe(tmp_path / "next", **options, **models)).labeling.held_back.gate() == gate
    # A refiner without a gate is measured.
    (earlier / "refiner" / "gate.json").unlink()
    Run(tiny.recipe(tmp_path / "other", **options, **models)).labeling.held_back.gate()
    assert (tmp_path / "other" / "rough" / "held_back_refined").is_dir()


def test_a_student_names_the_images_that_were_held_back(shapes, tmp_path):
    files = {"train_annotations": str(shapes / "annotations" / "instances_train.json"), "labeled_fraction": 0.75}
    options = {"image_dir": str(shapes / "images"), "max_steps": 1, **files}
    first = Run(tiny.recipe(tmp_path / "first", stages=["teacher", "rough", "pseudo", "student"], **options))
    first.run()
    student = str(tmp_path / "first" / "student_point")
    second = Run(tiny.recipe(tmp_path / "second", stages=["rough"], teacher_name_or_path=student, seed=9, **options))
    assert second.data.validation["file_name"] == first.data.validation["file_name"]
    assert second.write_results()["notes"] == []
