# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`pointwssis run RECIPE --dry_run`: a table of stages, times and disk space, and nothing written."""

import pytest

from helpers import tiny
from pointwssis.cli.dry_run import dry_run_report
from pointwssis.cli.main import main
from pointwssis.planning.estimates import CostModel
from pointwssis.runs.data import load_data
from pointwssis.runs.plan import StagePlan


def plan(stage: str, name: str = "", steps: int | None = None, is_done: bool = False, images: int = 6) -> StagePlan:
    """Return the plan of one step of a run, with three objects per image."""
    action = "label" if steps is None else "train"
    return StagePlan(stage, name or stage, action, images, 3 * images, steps, is_done)


PLANS = [
    plan("teacher", steps=300, images=2),
    plan("rough", "point"),
    plan("refiner", steps=3, images=2, is_done=True),
    plan("pseudo", "refined"),
    plan("student", "student_refined", steps=1200),
]


@pytest.fixture
def recipe(shapes, tmp_path):
    return tiny.recipe(tmp_path / "out", data_dir=str(shapes))


def costs(recipe, seconds: float) -> CostModel:
    return CostModel(recipe, load_data(recipe), lambda recipe, rows: seconds, lambda recipe, rows: seconds)


def cells(text: str, stage: str) -> list[str]:
    """Return the words of the line of a stage."""
    return next(line for line in text.splitlines() if line.startswith(stage)).split()


def test_every_stage_has_its_line(recipe):
    text = dry_run_report(PLANS, costs(recipe, seconds=1.0))
    assert cells(text, "teacher")[:6] == ["teacher", "teacher", "train", "2", "6", "300"]
    assert cells(text, "teacher")[6:8] == ["5", "min"] and cells(text, "student")[5:8] == ["1,200", "20", "min"]
    assert cells(text, "refiner")[-1] == "done"
    assert cells(text, "rough")[:5] == ["rough", "point", "label", "6", "18"]
    assert cells(text, "total")[1:3] == ["25", "min"] and "Nothing was written." in text


def test_times_are_unknown_without_masks(recipe):
    recipe.labeled_fraction = 0.0
    text = dry_run_report(PLANS[1:2] + PLANS[-1:], costs(recipe, seconds=1.0))
    assert "unknown" in cells(text, "student") and "unknown" in cells(text, "total")
    assert "Times are unknown because no image has masks" in text


def test_the_command_writes_nothing(shapes, tmp_path, capsys):
    out = tmp_path / "out"
    path = tiny.recipe_file(tmp_path / "recipe.yaml", data_dir=str(shapes), output_dir=str(out))
    assert main(["run", str(path), "--dry_run", "--seed", "3"]) == 0
    printed = capsys.readouterr().out
    assert "2 images with masks, 6 with points" in printed and cells(printed, "total")
    stages = [line.split()[:3] for line in printed.splitlines() if " train " in line or " label " in line]
    assert stages == [
        ["teacher", "teacher", "train"],
        ["rough", "point", "label"],
        ["refiner", "refiner", "train"],
        ["pseudo", "refined", "label"],
        ["control", "control", "train"],
        ["student", "student_point", "train"],
        ["student", "student_refined", "train"],
        ["upper_bound", "upper_bound", "train"],
    ]
    assert sorted(tmp_path.iterdir()) == [path]


def test_stages_that_are_done_are_marked(shapes, tmp_path, capsys):
    out = tmp_path / "out"
    (out / "rough" / "point").mkdir(parents=True)
    path = tiny.recipe_file(tmp_path / "recipe.yaml", data_dir=str(shapes), output_dir=str(out))
    assert main(["run", str(path), "--dry_run"]) == 0
    assert cells(capsys.readouterr().out, "rough")[-1] == "done"
    assert [entry.name for entry in out.iterdir()] == ["rough"]


def test_objects_that_a_proposer_will_find_are_unknown(recipe):
    proposals = StagePlan("rough", "proposed", "label", 6, 0, None, False)
    assert cells(dry_run_report([proposals], costs(recipe, 1.0)), "rough")[4] == "unknown"
