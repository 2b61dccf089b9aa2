# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Trained models of one run in another run."""

import json

import pytest

from helpers import tiny
from helpers.tiny import recipe
from pointwssis.runs.reuse import intermediate_weights, trained_model
from pointwssis.runs.run import Run


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """Return the folder of a teacher with intermediate weights."""
    folder = tmp_path_factory.mktemp("first") / "teacher"
    for name in (".", "weights_at_100_percent", "weights_at_67_percent"):
        tiny.saved_segmenter(folder / name, seed=len(name))
    return folder


def test_a_given_teacher_labels_and_starts_the_students(shapes, tmp_path, teacher, trainings):
    options = {"data_dir": str(shapes), "max_steps": 1, "labeled_fraction": 0.5}
    stages = ["rough", "refiner", "pseudo", "student"]
    reuse = {"teacher_name_or_path": str(teacher), "student_name_or_path": "teacher"}
    run = Run(recipe(tmp_path / "out", stages=stages, **reuse, **options))
    results = run.run()
    assert trainings == ["refiner", "student_point", "student_refined"]
    assert not (tmp_path / "out" / "teacher").exists() and results["student_refined"]["AP"] is not None
    names = sorted(path.name for path in (tmp_path / "out" / "rough").glob("full_*"))
    assert names == ["full_weights_at_100_percent", "full_weights_at_67_percent"]
    assert results["gate"] is not None
    facts = json.loads((tmp_path / "out" / "student_refined" / "training_facts.json").read_text())
    assert (facts["start"], facts["base_model"]) == ("a local model", None)


def test_intermediate_weights_stand_in_order_or_the_teacher_for_itself(teacher, tmp_path):
    assert [path.name[11:] for path in intermediate_weights(str(teacher))] == ["67_percent", "100_percent"]
    assert [str(path) for path in intermediate_weights("someone/teacher")] == ["someone/teacher"]


def test_the_images_that_a_teacher_joined_late_are_held_back_again(shapes, tmp_path, teacher):
    options = {"data_dir": str(shapes), "labeled_fraction": 0.75}
    plain = Run(recipe(tmp_path / "a", stages=["rough"], teacher_name_or_path=str(teacher), **options))
    drawn = plain.labeling.held_back.late_images
    other = next(place for place in range(6) if place not in drawn)
    name = plain.data.masked["file_name"][other]
    known = tmp_path / "known"
    tiny.saved_segmenter(known)
    (known / "held_back.json").write_text(json.dumps([name]))
    run = Run(recipe(tmp_path / "b", stages=["rough"], teacher_name_or_path=str(known), **options))
    assert run.labeling.held_back.late_images == [other]
    # Without validation images, they take the place of these, because the teacher has not learned from them.
    files = {"train_annotations": str(shapes / "annotations" / "instances_train.json"), "labeled_fraction": 0.75}
    options = {"stages": ["rough"], "image_dir": str(shapes / "images"), "teacher_name_or_path": str(known), **files}
    assert Run(recipe(tmp_path / "c", **options)).data.validation["file_name"] == [name]
    known_run = Run(recipe(tmp_path / "d", held_back_fraction=0.0, **options))
    assert known_run.data.validation is None and known_run.write_results()["notes"] == []


def test_a_teacher_that_may_know_the_held_back_images_is_noted(shapes, tmp_path, teacher):
    options = {"data_dir": str(shapes), "labeled_fraction": 0.75, "teacher_name_or_path": str(teacher)}
    stages = ["rough", "pseudo"]
    (note,) = Run(recipe(tmp_path / "a", stages=stages, **options)).run()["notes"]
    assert note.startswith(f"the teacher {teacher} has no held_back.json: if it has learned from the held-back images")
    assert f"note: {note}" in (tmp_path / "a" / "results.md").read_text()
    # Without held-back images, and for a teacher of this run, there is nothing to note.
    assert Run(recipe(tmp_path / "b", stages=stages, held_back_fraction=0.0, **options)).write_results()["notes"] == []
    assert Run(recipe(tmp_path / "c", stages=["teacher"], **options)).write_results()["notes"] == []


def test_labels_of_a_reused_teacher_do_not_stay_beside_a_trained_one(shapes, tmp_path, teacher):
    options = {"data_dir": str(shapes), "teacher_name_or_path": str(teacher), "max_steps": 1}
    Run(recipe(tmp_path, stages=["rough"], **options)).run()
    Run(recipe(tmp_path, stages=["rough", "student"], **options))
    own = recipe(tmp_path, stages=["teacher", "rough"], **options)
    with pytest.raises(ValueError, match=r"other settings of stages \(with or without teacher\); .*\(rough/point\)"):
        Run(own)
    Run(own, update=True).run()
    # The teacher that this run has trained takes precedence from now on.
    assert Run(recipe(tmp_path, stages=["rough"], **options)).plan.stages()[0].is_done


def test_a_given_refiner_refines_without_training(shapes, tmp_path, teacher, trainings):
    refiner = tiny.saved_refiner(tmp_path / "refiner")
    models = {"teacher_name_or_path": str(teacher), "refiner_name_or_path": refiner}
    made = recipe(tmp_path / "out", data_dir=str(shapes), stages=["rough", "pseudo"], **models)
    results = Run(made).run()
    assert trainings == [] and results["pseudo_labels"]["refined"]["labels"] > 0


def test_models_of_another_kind_or_with_other_classes_are_refused(shapes, tmp_path, teacher):
    refiner = tiny.saved_refiner(tmp_path / "refiner")
    other = tiny.saved_segmenter(tmp_path / "other", names=["star", "cow"])

    def run(**changes):
        return Run(recipe(tmp_path / "out", data_dir=str(shapes), stages=["rough", "pseudo"], **changes))

    with pytest.raises(ValueError, match="teacher_name_or_path is .*, a mask_refine_net model; expected a SOLOv2"):
        run(teacher_name_or_path=refiner)
    with pytest.raises(ValueError, match="refiner_name_or_path is .*, a solov2 model; expected a MaskRefineNet"):
        run(teacher_name_or_path=str(teacher), refiner_name_or_path=str(teacher))
    with pytest.raises(ValueError, match="does not know the classes ellipse, rectangle, triangle of the data"):
        run(teacher_name_or_path=other)
    assert not (tmp_path / "out").exists()


def test_intermediate_weights_that_were_removed_name_their_teacher(teacher):
    message = rf"weights_at_33_percent: holds no model any more; delete {teacher} and run again"
    with pytest.raises(ValueError, match=message):
        trained_model(teacher.parent, "teacher/weights_at_33_percent")
