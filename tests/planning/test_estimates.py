# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Expected time and disk space of the stages of a run."""

from dataclasses import replace

import pytest

from helpers import tiny
from pointwssis.planning.estimates import CostModel, StageEstimate, total
from pointwssis.runs.data import load_data
from pointwssis.runs.plan import StagePlan


@pytest.fixture
def recipe(shapes, tmp_path):
    batches = {"training": {"per_device_train_batch_size": 2}, "refiner": {"per_device_train_batch_size": 4}}
    return tiny.recipe(tmp_path, data_dir=str(shapes), labeled_fraction=0.5, label_flips=False, **batches)


def costs(recipe, measured: list) -> CostModel:
    """Return costs on a machine whose steps take 2 s, or 1 s for the refiner."""

    def measure(recipe, rows):
        measured.append(recipe.training)
        return 2.0

    return CostModel(recipe, load_data(recipe), measure, lambda recipe, rows: 1.0)


def estimate(model: CostModel, stage: str, name: str, steps: int | None, images: int = 4, objects: int = 8):
    action = "label" if steps is None else "train"
    return model.estimate(StagePlan(stage, name, action, images, objects, steps, is_done=False))


def test_trainings_take_their_steps_and_an_evaluation(recipe, tmp_path):
    model = costs(recipe, [])
    student = estimate(model, "student", "student_refined", 100)
    assert student.seconds == 100 * 2 + 3 * 0.5 * 2 / 2  # three validation images, at half a training sample each
    tiny.saved_segmenter(tmp_path / "model")
    assert student.disk == pytest.approx((tmp_path / "model" / "model.safetensors").stat().st_size, rel=0.2)
    teacher = estimate(model, "teacher", "teacher", 100)
    assert teacher.disk == 3 * student.disk  # and the weights at two fractions of its training
    patient = estimate(costs(replace(recipe, teacher_patience=3), []), "teacher", "teacher", 100)
    assert patient.disk == 23 * student.disk


def test_labeling_takes_half_of_a_training_sample(recipe):
    model = costs(recipe, [])
    assert estimate(model, "rough", "point", None).seconds == 4 * 0.5 * 2 / 2
    assert estimate(model, "pseudo", "refined", None).seconds == 8 * 0.5 * 1 / 4
    assert estimate(model, "pseudo", "rough", None).seconds == 0  # copies of the rough masks
    refiner = estimate(model, "refiner", "refiner", 10)
    assert refiner.seconds == 10 * 1 + 2 * 4 * 0.5 * 2 / 2  # rough masks of four images by two teachers


def test_a_run_takes_time_besides_training(recipe):
    model = costs(recipe, [])
    rows = load_data(recipe).point
    objects = sum(len(row["objects"]) for row in rows)
    evaluation = estimate(model, "control", "control", 100).seconds - 100 * 2
    rough_masks = estimate(model, "refiner", "refiner", 100).seconds - 100
    labels = estimate(model, "rough", "point", None, len(rows), objects).seconds
    labels += estimate(model, "pseudo", "refined", None, len(rows), objects).seconds
    # A teacher and a student; with ground truth also a control and the upper bound
    assert model.besides_training(False) == pytest.approx(2 * evaluation + rough_masks + labels)
    assert model.besides_training(True) == pytest.approx(4 * evaluation + rough_masks + labels)


def test_accumulated_passes_multiply_the_time_of_a_step(recipe):
    accumulating = replace(
        recipe,
        training={**recipe.training, "total_batch_size": 6},
        refiner={**recipe.refiner, "total_batch_size": 8},
    )
    for name, factor in (("teacher", 3), ("refiner", 2)):
        one = estimate(costs(recipe, []), name, name, 100).seconds
        more = estimate(costs(accumulating, []), name, name, 100).seconds
        per_step = 1.0 if name == "refiner" else 2.0
        assert more - one == (factor - 1) * 100 * per_step


@pytest.mark.parametrize(
    ("changes", "factor"),
    [({"label_flips": True}, 2), ({"label_scales": [1.0, 2.0]}, 5), ({"tile_size": 32}, 3 * 3)],
)
def test_views_and_tiles_multiply_the_time_of_labeling(recipe, changes, factor):
    plain = estimate(costs(recipe, []), "rough", "point", None).seconds
    model = costs(replace(recipe, **changes), [])
    assert estimate(model, "rough", "point", None).seconds == factor * plain


def test_students_label_after_each_round_but_the_last(recipe):
    plain = estimate(costs(recipe, []), "student", "student_point", 100).seconds
    rounds = costs(replace(recipe, label_rounds=3), [])
    assert estimate(rounds, "student", "student_point", 100).seconds == plain + 2 * 4 * 0.5 * 2 / 2


def test_folds_cost_steps_of_the_teacher_and_label_each_image_once(recipe):
    model = costs(replace(recipe, rough_folds=3), [])
    folds, one = estimate(model, "refiner", "folds", 100), estimate(model, "student", "student_point", 100)
    assert (folds.seconds, folds.disk) == (100 * 2, 3 * one.disk)  # they are not evaluated
    assert estimate(model, "refiner", "refiner", 10).seconds == 10 * 1 + 4 * 0.5 * 2 / 2


def test_every_configuration_is_measured_once(recipe):
    measured: list = []
    model = costs(recipe, measured)
    for name in ("student_point", "student_refined", "upper_bound"):
        estimate(model, "student", name, 5)
    assert len(measured) == 1
    recipe.student["per_device_train_batch_size"] = 1
    assert estimate(model, "student", "student_point", 5).seconds is not None
    assert [settings["per_device_train_batch_size"] for settings in measured] == [2, 1]


def test_what_is_done_costs_nothing(recipe):
    done = StagePlan("teacher", "teacher", "train", 4, 8, 9, is_done=True)
    given = StagePlan("teacher", "teacher", "given", 0, 0, None, is_done=True)
    model = costs(recipe, [])
    assert model.estimate(done) == model.estimate(given) == StageEstimate(0.0, 0)


def test_unknown_times_stay_unknown(recipe):
    recipe.labeled_fraction = 0.0
    model = costs(recipe, [])
    found = [estimate(model, "rough", "point", None), estimate(model, "student", "student_point", 5)]
    assert [item.seconds for item in found] == [None, None] and total(found).seconds is None
    assert total(found).disk == sum(item.disk for item in found) > 0


def test_a_short_probe(recipe):
    model = CostModel(recipe, load_data(recipe))
    assert 0 < estimate(model, "student", "student_point", 1).seconds < 60
