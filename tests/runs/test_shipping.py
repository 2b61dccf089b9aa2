# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The model that a run ships."""

import json

import pytest

from helpers import tiny
from pointwssis.runs.publish import run_models
from pointwssis.runs.shipping import save_validation_size, shipped_model


@pytest.fixture
def trained(tmp_path):
    """Return a function that makes an output folder with models of these APs."""

    def make(**precision):
        for name, ap in precision.items():
            folder = tmp_path / name
            tiny.saved_segmenter(folder)
            (folder / "metrics.json").write_text(json.dumps({} if ap is None else {"AP": ap}))
        return tmp_path

    return make


def test_the_best_model_ships_but_never_the_upper_bound(trained):
    folder = trained(teacher=0.1, control=0.2, student_point=0.4, student_refined=0.3, upper_bound=0.9)
    assert shipped_model(folder).name == "student_point"
    models = {role: path.name for role, path in run_models(folder).items()}
    assert models == {"student": "student_point", "teacher": "teacher"}


def test_a_better_control_takes_the_place_of_the_student(trained):
    folder = trained(teacher=0.1, control=0.5, student_point=0.4)
    assert shipped_model(folder).name == run_models(folder)["student"].name == "control"


def test_without_measurements_the_order_is_by_name(trained):
    assert shipped_model(trained(teacher=None, control=None, student_point=None)).name == "student_point"
    assert shipped_model(trained(student_refined=None)).name == "student_refined"


def test_on_few_objects_the_order_is_by_name_too(trained):
    folder = trained(teacher=0.3, control=0.5, student_point=0.4)
    save_validation_size(tiny.shapes(2), folder)
    assert shipped_model(folder).name == run_models(folder)["student"].name == "student_point"
    save_validation_size(tiny.shapes(40), folder)
    assert shipped_model(folder).name == "control"


def test_nothing_ships_before_the_first_training(tmp_path):
    assert shipped_model(tmp_path) is None and run_models(tmp_path) == {}
