# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The plan of a run says what its stages will do."""

from helpers import tiny
from pointwssis.runs.data import load_data
from pointwssis.runs.plan import RunPlan
from pointwssis.runs.run import Run


def test_a_plan_before_and_after(shapes, tmp_path, trainings):
    recipe = tiny.recipe(tmp_path / "out", data_dir=str(shapes))
    assert RunPlan(recipe, load_data(recipe)).stages()[0].name == "teacher" and not (tmp_path / "out").exists()
    run = Run(recipe)
    plan = run.plan.stages()
    assert [(each.stage, each.name, each.action) for each in plan] == [
        ("teacher", "teacher", "train"),
        ("rough", "point", "label"),
        ("refiner", "refiner", "train"),
        ("pseudo", "refined", "label"),
        ("control", "control", "train"),
        ("student", "student_point", "train"),
        ("student", "student_refined", "train"),
        ("upper_bound", "upper_bound", "train"),
    ]
    assert not any(each.is_done for each in plan)
    assert {each.steps for each in plan} == {3, None}
    by_name = {each.name: each for each in plan}
    assert by_name["teacher"].images == by_name["control"].images == 2
    assert by_name["student_point"].images == by_name["upper_bound"].images == 8
    assert by_name["upper_bound"].objects == sum(map(len, run.data.train["objects"]))
    assert trainings == [] and not (tmp_path / "out" / "teacher").exists()

    run.run()
    assert all(each.is_done for each in Run(recipe).plan.stages())


def test_a_given_callable_is_taken_as_given(shapes, tmp_path):
    recipe = tiny.recipe(tmp_path, data_dir=str(shapes), stages=["refiner"])
    plan = Run(recipe, refiner=lambda image, masks, points, labels: masks).plan.stages()
    assert [(each.stage, each.action, each.is_done) for each in plan] == [("refiner", "given", True)]
