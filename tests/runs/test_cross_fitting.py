# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Rough masks for the refiner from teachers that have not seen the image."""

import json

import pytest

from helpers import tiny
from helpers.interruptions import interrupt_training
from helpers.tiny import recipe
from pointwssis.runs.run import Run
from pointwssis.runs.saved_rows import stored_rows
from pointwssis.training.datasets import InstanceDataset

FOLDS = ["folds/1_of_2", "folds/2_of_2"]


def folded(shapes, output_dir, **changes):
    options = {"data_dir": str(shapes), "labeled_fraction": 0.5, "rough_folds": 2, "stages": ["rough", "refiner"]}
    teacher = output_dir.parent / "given_teacher"
    if not teacher.exists():
        tiny.saved_segmenter(teacher)
    return recipe(output_dir, **{**options, "teacher_name_or_path": str(teacher), **changes})


@pytest.fixture
def learned(monkeypatch):
    """Return a mapping of each training run to the ids of the images that it is given."""
    images, original = {}, InstanceDataset.__init__

    def watched(self, rows, *arguments, **options):
        images[len(images)] = set(rows["image_id"])
        original(self, rows, *arguments, **options)

    monkeypatch.setattr(InstanceDataset, "__init__", watched)
    return images


def test_each_image_is_labeled_by_the_teacher_that_has_not_seen_it(shapes, tmp_path, trainings, learned):
    made = folded(shapes, tmp_path / "out")
    run = Run(made)
    # Two steps for each half of the images are as many epochs as the teacher's three for all of them.
    assert run.plan.steps() == {**dict.fromkeys(FOLDS, 2), "refiner": 3}
    lines = {line.name: (line.action, line.steps) for line in run.plan.stages()}
    assert lines["folds"] == ("train", 4) and lines["refiner"] == ("train", 3)
    run.run()
    assert trainings == ["1_of_2", "2_of_2", "refiner"]
    expected = set(run.plan.refiner_rows["image_id"])
    assert len(expected) == 3  # of four, one is held back
    labeled = [set(stored_rows(tmp_path / "out" / "rough" / f"full_{name[6:]}")["image_id"]) for name in FOLDS]
    for number, own in enumerate(labeled):
        assert own and not own & learned[number] and own | learned[number] == expected
    rough = run.labeling.rough_full()
    assert sorted(rough["image_id"]) == sorted(expected)
    assert all(item["rough_segmentation"] is not None for row in rough for item in row["objects"])
    # A reused teacher has seen all images, so that those of the folds do not start from it.
    settings = json.loads((tmp_path / "out" / FOLDS[0] / "training_settings.json").read_text())
    assert settings["steps"] == 2
    again = Run(made)
    assert again.plan.steps() == {} and all(line.is_done for line in again.plan.stages())


@pytest.fixture(scope="module")
def whole(shapes, tmp_path_factory):
    """Return the folder of a run that was never interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    Run(folded(shapes, folder)).run()
    return folder


@pytest.mark.parametrize("stop", ["folds/2_of_2", "refiner"])
def test_a_run_resumes_in_any_fold(whole, shapes, tmp_path, trainings, stop):
    made = folded(shapes, tmp_path / "out")
    interrupt_training(made, stop)
    trainings.clear()
    Run(made).run()
    assert trainings[0] == stop.rpartition("/")[2] and trainings[-1] == "refiner"
    states = [tiny.refiner_state_of(folder / "refiner") for folder in (whole, tmp_path / "out")]
    assert tiny.same_weights(*states)


def test_another_number_of_folds_outdates_the_refiner_and_keeps_the_teachers(shapes, tmp_path, trainings):
    Run(folded(shapes, tmp_path / "out")).run()
    message = r"other settings of rough_folds; .*\(refiner, rough/full_1_of_2, rough/full_2_of_2, rough/held_back"
    with pytest.raises(ValueError, match=message):
        Run(folded(shapes, tmp_path / "out", rough_folds=1))
    Run(folded(shapes, tmp_path / "out", rough_folds=1), update=True).run()
    trainings.clear()
    Run(folded(shapes, tmp_path / "out"), update=True).run()
    assert trainings == ["refiner"]
    # The teachers of the folds depend on what the teacher depends on.
    with pytest.raises(ValueError, match=r"other settings of seed; .*\(folds, "):
        Run(folded(shapes, tmp_path / "out", seed=7))


def test_folds_that_cannot_be_made_are_refused_before_anything_is_trained(shapes, tmp_path):
    with pytest.raises(ValueError, match="rough_folds is 0; it must be an integer from 1 to 2,147,483,647"):
        folded(shapes, tmp_path / "out", rough_folds=0)
    with pytest.raises(ValueError, match="rough_folds is 4, but the refiner learns from 3 images with masks"):
        Run(folded(shapes, tmp_path / "out", rough_folds=4))
    with pytest.raises(ValueError, match="rough_folds is 2, but the teacher is a callable"):
        Run(folded(shapes, tmp_path / "out", teacher_name_or_path=None), teacher=lambda *batch: [])
    assert not (tmp_path / "out").exists()
    # Without a refiner to train, there is nothing to refuse.
    Run(folded(shapes, tmp_path / "out", rough_folds=4, stages=["rough"]))
