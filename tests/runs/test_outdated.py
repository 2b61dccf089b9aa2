# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Settings that change between two calls on one output folder."""

from dataclasses import fields

import pytest
from transformers import AutoConfig

from helpers import tiny
from pointwssis.cli.main import main
from pointwssis.runs.data import load_data
from pointwssis.runs.data_record import PARTS, DataRecord
from pointwssis.runs.names import MODELS
from pointwssis.runs.outdated import (
    AFFECTED,
    EVALUATION,
    FIRST_STAGE,
    FREE_KEYS,
    KEYS,
    RECIPE_FILE,
    RESULTS,
    remove_outdated,
)
from pointwssis.runs.recipe import STAGES, Recipe
from pointwssis.runs.run import Run

OF_DATA = {"points", "upper_bound", "evaluation"}  # changes of the data alone affect these


def test_every_key_has_its_first_stage():
    keys = [*FIRST_STAGE, *FREE_KEYS]
    assert sorted(keys) == sorted(field.name for field in fields(Recipe))
    assert sum(map(len, KEYS.values())) == len(FIRST_STAGE)  # no key stands twice
    assert set(KEYS) | OF_DATA == set(AFFECTED) <= {*STAGES, *OF_DATA, "proposals", EVALUATION}
    assert {*STAGES, EVALUATION} == set(RESULTS) and {stage for _, stage in PARTS.values()} <= set(AFFECTED)
    assert all(stage in AFFECTED[stage] for stage in AFFECTED if stage in RESULTS)
    # Thresholds of proposals leave the refiner, which learns from rough masks of points; views of points do not.
    assert "refiner" not in AFFECTED[FIRST_STAGE["image_level_threshold"]]
    assert "refiner" in AFFECTED[FIRST_STAGE["label_flips"]]
    assert {model.name for model in MODELS} <= {pattern for patterns in RESULTS.values() for pattern in patterns}


def test_later_stages_are_made_again_and_earlier_ones_stay(shapes, tmp_path, trainings):
    options = {"data_dir": str(shapes), "stages": ["teacher", "rough", "pseudo", "student"], "max_steps": 1}
    Run(tiny.recipe(tmp_path, **options)).run()
    teacher = tiny.state_of(tmp_path / "teacher")
    assert trainings == ["teacher", "student_point"]
    changed = tiny.recipe(tmp_path, student={"learning_rate": 0.5}, **options)
    message = r"other settings of student; .*use --update .*removes the outdated results \(student_point\)"
    with pytest.raises(ValueError, match=message):
        Run(changed)
    run = Run(changed, update=True)
    assert list(run.plan.steps()) == ["student_point"] and not (tmp_path / "student_point").exists()
    run.run()
    assert trainings == ["teacher", "student_point", "student_point"]
    assert tiny.same_weights(tiny.state_of(tmp_path / "teacher"), teacher)
    assert Run(changed).plan.steps() == {}


def test_another_limit_of_detections_only_evaluates_again(shapes, tmp_path, trainings):
    options = {"data_dir": str(shapes), "stages": ["teacher", "rough", "pseudo"], "max_steps": 1}
    Run(tiny.recipe(tmp_path, **options)).run()
    teacher = tiny.state_of(tmp_path / "teacher")
    changed = tiny.recipe(tmp_path, max_detections=120, **options)
    message = r"other settings of max_detections; .*removes the outdated results \(teacher/metrics.json\)"
    with pytest.raises(ValueError, match=message):
        Run(changed)
    run = Run(changed, update=True)
    assert run.plan.steps() == {} and all(plan.is_done for plan in run.plan.stages())
    assert "AR120" in run.run()["teacher"] and trainings == ["teacher"]
    assert tiny.same_weights(tiny.state_of(tmp_path / "teacher"), teacher)
    # The saved model follows the recipe, and a model that is outdated itself is removed once.
    assert AutoConfig.from_pretrained(tmp_path / "teacher").max_detections == 120
    Run(tiny.recipe(tmp_path, max_detections=130, seed=7, **options), update=True)
    assert not (tmp_path / "teacher").exists()


def test_what_nothing_was_made_with_may_change(shapes, tmp_path):
    options = {"data_dir": str(shapes), "stages": ["teacher"], "max_steps": 1}
    Run(tiny.recipe(tmp_path, **options)).run()
    Run(tiny.recipe(tmp_path, student={"learning_rate": 0.5}, refiner={"max_steps": 2}, **options))
    assert (tmp_path / "teacher").is_dir()
    with pytest.raises(ValueError, match=r"other settings of seed; .*\(teacher\)"):
        Run(tiny.recipe(tmp_path, seed=7, **options))


def test_a_waiting_process_goes_on_when_the_folder_is_claimed(shapes, tmp_path, monkeypatch):
    old, new = tiny.recipe(tmp_path), tiny.recipe(tmp_path, seed=7)
    tiny.saved_segmenter(tmp_path / "teacher")
    old.save(tmp_path / RECIPE_FILE)
    waited = []

    def claim(seconds):
        # The first process claims the folder, and has made a new teacher before this one looks again.
        waited.append(seconds)
        new.save(tmp_path / RECIPE_FILE)

    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr("pointwssis.runs.outdated.time.sleep", claim)
    remove_outdated(new, {}, DataRecord(tmp_path, load_data(tiny.recipe(tmp_path, data_dir=str(shapes)))))
    assert len(waited) == 1 and (tmp_path / "teacher").is_dir()


def test_the_command_updates(shapes, tmp_path, capsys):
    out = tmp_path / "out"
    for name in ("teacher", "control"):
        tiny.saved_segmenter(out / name)
        (out / name / "training_log.json").write_text("[]")
    path = tiny.recipe_file(tmp_path / "r.yaml", data_dir=str(shapes), output_dir=str(out), max_steps=1)
    Recipe.load(path).save(out / "recipe.yaml")
    words = ["run", str(path), "--stages", "control", "--student.learning_rate", "0.5"]
    assert main(words) == 1
    assert "(control)" in capsys.readouterr().err
    capsys.readouterr()
    assert main([*words, "--update", "--dry_run"]) == 0 and (out / "control").is_dir()
    # The plan is that of the folder without the outdated results.
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("control"))
    assert "done" not in line
    assert main([*words, "--update"]) == 0
    assert (out / "control" / "training_log.json").is_file() and (out / "teacher").is_dir()
