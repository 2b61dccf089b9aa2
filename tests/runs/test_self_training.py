# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A refiner that is trained a second time, on its own labels too."""

import json
import shutil

import pytest
from PIL import Image, ImageOps

from helpers import tiny
from helpers.interruptions import interrupt_training
from helpers.tiny import recipe, recipe_values
from pointwssis.ops.whole_files import is_whole_folder
from pointwssis.pseudo_labeling.gate import Gate, GateBin
from pointwssis.runs.run import Run
from pointwssis.runs.saved_rows import stored_rows
from pointwssis.training.refinement_dataset import RefinementDataset

FIRST, LABELS = "rounds/refiner_1", "labels"


def self_trained(shapes, output_dir, stages=("rough", "refiner", "pseudo"), **refiner):
    teacher = output_dir.parent / "given_teacher"
    if not teacher.exists():
        tiny.saved_segmenter(teacher)
    options = {"self_training": 0.5, "agreement": 0.0, "perturb": 0.5, **refiner}
    values = {"refiner": {**recipe_values()["refiner"], **options}, "labeled_fraction": 0.5, "data_dir": str(shapes)}
    return recipe(output_dir, stages=list(stages), teacher_name_or_path=str(teacher), **values)


@pytest.fixture
def samples(monkeypatch):
    """Return a list of the training samples of each refiner that is trained: annotated, and pseudo labels."""
    counts, original = [], RefinementDataset.__init__

    def watched(self, *arguments, **options):
        original(self, *arguments, **options)
        counts.append((self, len(self.objects), len(self.pseudo_objects)))

    monkeypatch.setattr(RefinementDataset, "__init__", watched)
    return counts


@pytest.fixture
def gate(monkeypatch):
    """Return a function that fixes the decision of the gate."""

    def fix(is_open):
        decision = "all" if is_open else "none"
        whole = GateBin(20, 0.5, 0.6, 0.01, is_open)
        made = Gate(decision, whole, [], [], [[whole]])
        for module in ("self_training", "held_back_labels"):
            monkeypatch.setattr(f"pointwssis.runs.{module}.decide", lambda measured: made)

    return fix


def test_a_refiner_goes_on_with_its_labels_and_labels_at_last(shapes, tmp_path, trainings, samples, gate):
    gate(is_open=True)
    made = self_trained(shapes, tmp_path / "out")
    run = Run(made)
    assert run.plan.steps() == {FIRST: 3, "refiner": 3}
    assert {line.name: line.steps for line in run.plan.stages()}["refiner"] == 6
    results = run.run()
    assert trainings == ["refiner_1", "refiner"]
    (first, masks, none), (second, same_masks, pseudo) = samples
    assert none == 0 and masks == same_masks and pseudo > 0 and first.seed != second.seed
    # All pseudo labels are those of points, by the refiner after its first training.
    labels = stored_rows(tmp_path / "out" / FIRST / "labels")
    assert set(labels["image_id"]) == set(run.data.point["image_id"])
    by_image = {row["image_id"]: row["objects"] for row in labels}
    for index, place in second.pseudo_objects:
        row = second.rows[index]
        assert row["objects"][place] == by_image[row["image_id"]][place] and row["objects"][place]["score"] is not None
    # The last refiner has moved on from the first one, and makes the labels of the run.
    states = [tiny.refiner_state_of(tmp_path / "out" / name) for name in (FIRST, "refiner")]
    assert not tiny.same_weights(*states)
    final = stored_rows(tmp_path / "out" / "pseudo" / "refined")
    assert final["image_id"] == labels["image_id"] and final["objects"] != labels["objects"]
    facts = json.loads((tmp_path / "out" / "refiner" / "training_facts.json").read_text())
    assert facts["training"]["steps"] == 6 and facts["learned_from"] == {"full": 3, "pseudo": 4}
    again = Run(made)
    assert again.plan.steps() == {} and again.run() == results


def test_labels_behind_a_closed_gate_are_not_learned(shapes, tmp_path, samples, gate):
    gate(is_open=False)
    Run(self_trained(shapes, tmp_path / "out", ("rough", "refiner"))).run()
    assert [pseudo for _, _, pseudo in samples] == [0, 0]


@pytest.mark.parametrize("stop", [FIRST, "refiner"])
def test_a_run_resumes_in_either_training(shapes, tmp_path, trainings, stop):
    Run(self_trained(shapes, tmp_path / "whole")).run()
    made = self_trained(shapes, tmp_path / "out")
    interrupt_training(made, stop)
    trainings.clear()
    Run(made).run()
    assert trainings[0] == stop.rpartition("/")[2] and trainings[-1] == "refiner"
    states = [tiny.refiner_state_of(tmp_path / name / "refiner") for name in ("whole", "out")]
    assert tiny.same_weights(*states)


def test_a_changed_refiner_outdates_both_trainings_and_a_changed_student_neither(shapes, tmp_path, trainings):
    made = self_trained(shapes, tmp_path / "out", ("rough", "refiner"))
    Run(made).run()
    with pytest.raises(ValueError, match=r"other settings of refiner; .*\(refiner, rounds/refiner_1, "):
        Run(self_trained(shapes, tmp_path / "out", ("rough", "refiner"), self_training=0.2))
    made.student = {"learning_rate": 0.5}
    made.full_repeats = 2
    trainings.clear()
    Run(made, update=True).run()
    assert trainings == [] and (tmp_path / "out" / FIRST).is_dir()


def test_moved_clicks_outdate_a_refiner_that_has_learned_from_them(shapes, tmp_path, trainings):
    data = tmp_path / "data"
    shutil.copytree(shapes, data)
    made = self_trained(data, tmp_path / "out", ("rough", "refiner"))
    Run(made).run()
    edited = set(Run(made).data.point["file_name"])
    for name in edited:
        with Image.open(data / "images" / name) as image:
            inverted = ImageOps.invert(image.convert("RGB"))
        inverted.save(data / "images" / name)
    with pytest.raises(ValueError, match=r"images with points: .*\(rough/point, refiner, rounds/refiner_1, "):
        Run(made)
    trainings.clear()
    Run(made, update=True).run()
    assert trainings == ["refiner_1", "refiner"]


def test_damaged_labels_are_made_again(shapes, tmp_path, trainings):
    made = self_trained(shapes, tmp_path / "out", ("rough", "refiner"))
    Run(made).run()
    labels = tmp_path / "out" / FIRST / LABELS
    (path,) = labels.glob("*.arrow")
    path.write_bytes(path.read_bytes()[:100])
    shutil.rmtree(tmp_path / "out" / "refiner")
    trainings.clear()
    Run(made).run()
    assert trainings == ["refiner"] and is_whole_folder(labels)
