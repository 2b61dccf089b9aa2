# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Students that label again after a share of their steps."""

import json

import numpy as np
import pytest

from helpers import tiny
from helpers.interruptions import interrupt_training
from helpers.tiny import recipe
from pointwssis.runs.run import Run
from pointwssis.runs.saved_rows import stored_rows

STUDENTS = ["student_point", "student_refined"]


def two_rounds(shapes, output_dir, **changes):
    options = {"data_dir": str(shapes), "label_rounds": 2, "stages": ["rough", "pseudo", "student"], "gate": False}
    teacher, refiner = (output_dir.parent / name for name in ("given_teacher", "given_refiner"))
    if not teacher.exists():
        tiny.saved_segmenter(teacher)
        tiny.saved_refiner(refiner)
    models = {"teacher_name_or_path": str(teacher), "refiner_name_or_path": str(refiner)}
    return recipe(output_dir, **{**options, **models, **changes})


@pytest.fixture(scope="module")
def finished(shapes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rounds") / "out"
    return folder, Run(two_rounds(shapes, folder)).run()


def test_each_student_labels_again_within_the_same_number_of_steps(finished, shapes):
    folder, results = finished
    rounds = [f"rounds/{name}_1" for name in STUDENTS]
    steps = {}
    for name in [*rounds, *STUDENTS]:
        steps[name] = json.loads((folder / name / "training_settings.json").read_text())["steps"]
    assert list(steps.values()) == [1, 1, 2, 2]
    # The card counts all of them.
    assert json.loads((folder / "student_refined" / "training_facts.json").read_text())["training"]["steps"] == 3
    first = stored_rows(folder / "pseudo" / "refined")
    second = stored_rows(folder / "rounds" / "student_refined_1" / "labels" / "pseudo" / "refined")
    assert first["image_id"] == second["image_id"] and first["objects"] != second["objects"]
    assert set(results["label_rounds"]) == {"student_point_1", "student_refined_1"}
    quality = results["label_rounds"]["student_refined_1"]
    assert quality["refined"]["points"] == results["pseudo_labels"]["refined"]["points"]
    assert results["label_rounds"]["student_point_1"]["refined"] is None
    again = Run(two_rounds(shapes, folder))
    assert again.plan.steps() == {} and again.run() == results


def test_the_plan_counts_the_steps_of_all_rounds(shapes, tmp_path):
    run = Run(two_rounds(shapes, tmp_path / "out", label_rounds=3))
    assert list(run.plan.steps().values()) == [1] * 6
    lines = {line.name: line.steps for line in run.plan.stages() if line.stage == "student"}
    assert lines == dict.fromkeys(STUDENTS, 3)


@pytest.mark.parametrize("stop", ["rounds/student_refined_1", "student_refined"])
def test_a_run_resumes_in_any_round(finished, shapes, tmp_path, trainings, stop):
    folder, results = finished
    made = two_rounds(shapes, tmp_path / "out")
    interrupt_training(made, stop)
    trainings.clear()
    assert Run(made).run() == results
    assert trainings[0] == stop.rpartition("/")[2] and trainings[-1] == "student_refined"
    for name in STUDENTS:
        assert tiny.same_weights(tiny.state_of(tmp_path / "out" / name), tiny.state_of(folder / name))


def test_a_given_refiner_refines_in_every_round(shapes, tmp_path):
    made = two_rounds(shapes, tmp_path / "out", refiner_name_or_path=None, rough_student=False)
    results = Run(made, refiner=_everywhere).run()
    assert results["label_rounds"]["student_refined_1"]["refined"]["labels"] > 0
    labels = stored_rows(tmp_path / "out" / "rounds" / "student_refined_1" / "labels" / "pseudo" / "refined")
    masks = [item["segmentation"] for objects in labels["objects"] for item in objects]
    assert masks and all(mask is None or mask["counts"] for mask in masks)


def _everywhere(image, rough_masks, points, labels):
    return np.ones_like(rough_masks)
