# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Held-back images: as measure of the refiner, and as validation images where there are none."""

import json
from dataclasses import replace

import numpy as np
import pytest

from helpers import tiny
from helpers.tiny import recipe
from pointwssis.ops.coco_masks import decode_rle, encode_mask
from pointwssis.runs.data import load_data
from pointwssis.runs.held_back import late_images, with_validation
from pointwssis.runs.run import Run
from pointwssis.runs.saved_rows import stored_rows
from pointwssis.training.datasets import InstanceDataset
from pointwssis.training.trainer import SegmentationTrainer

STAGES = ["teacher", "rough", "refiner", "pseudo"]


def test_the_same_images_are_held_back_each_time(shapes, tmp_path):
    made = recipe(tmp_path, data_dir=str(shapes), labeled_fraction=1.0)
    data = load_data(made)
    assert len(data.masked) == 8
    first = late_images(made, data)
    assert len(first) == 2 and first == late_images(made, data)
    assert (
        late_images(replace(made, held_back_fraction=0.0), data) == late_images(replace(made, gate=False), data) == []
    )
    few = recipe(tmp_path, data_dir=str(shapes))  # two images with masks
    assert late_images(few, load_data(few)) == []


@pytest.mark.parametrize("fraction", [-0.1, 0.6])
def test_a_fraction_out_of_range(tmp_path, fraction):
    with pytest.raises(ValueError, match="held_back_fraction is .*; it must be a fraction of the images with masks"):
        recipe(tmp_path, held_back_fraction=fraction)


# -- the gate of a run


def test_a_run_measures_its_refiner_on_images_that_it_has_not_seen(shapes, tmp_path, capsys):
    made = recipe(tmp_path, data_dir=str(shapes), labeled_fraction=0.75, stages=STAGES, max_steps=2)
    run = Run(made)
    results = run.run()
    held_back = run.data.masked.select(run.labeling.held_back.late_images)["image_id"]
    assert len(held_back) == 1 and len(run.data.masked) == 6
    # The refiner learned from the other images, and only these have rough masks of both intermediate teachers.
    seen = run.labeling.rough_full()["image_id"]
    assert set(seen) == set(run.data.masked["image_id"]) - set(held_back) and len(seen) == 10
    gate = json.loads((tmp_path / "refiner" / "gate.json").read_text())
    objects = run.data.masked.select(run.labeling.held_back.late_images)[0]["objects"]
    assert gate["overall"]["objects"] == len(objects)
    assert results["gate"] == gate and gate["decision"] in ("all", "some", "none")
    assert capsys.readouterr().out.count("gate: labels ") == 1
    assert "gate: labels " in (tmp_path / "results.md").read_text()
    counts = [json.loads((tmp_path / name / "training_facts.json").read_text()) for name in ("teacher", "refiner")]
    assert [facts["learned_from"]["full"] for facts in counts] == [6, 5]
    names = json.loads((tmp_path / "teacher" / "held_back.json").read_text())
    assert names == run.data.masked.select(run.labeling.held_back.late_images)["file_name"]
    assert Run(made).run() == results


def test_the_teacher_joins_held_back_images_late_and_resumes_with_the_same_images(shapes, tmp_path, monkeypatch):
    seen, original = [], InstanceDataset.__getitem__

    def watched(self, index):
        seen.append((self.epoch, self.rows[self.row_index(index)]["image_id"]))
        return original(self, index)

    monkeypatch.setattr(InstanceDataset, "__getitem__", watched)
    # Two steps per epoch; the first intermediate weights are those of step 4, so that epoch 2 is the first to see all.
    options = {"data_dir": str(shapes), "labeled_fraction": 0.5, "stages": ["teacher"]}
    training = {
        "per_device_train_batch_size": 2,
        "max_steps": 6,
        "warmup_steps": 1,
        "logging_steps": 1,
        "save_steps": 1,
    }
    made = recipe(tmp_path / "whole", training=training, **options)
    run = Run(made)
    run.teacher()
    late = set(run.data.masked.select(run.labeling.held_back.late_images)["image_id"])
    assert len(late) == 1
    assert not any(image in late for epoch, image in seen if epoch < 2)
    assert any(image in late for epoch, image in seen if epoch == 2)
    whole = tiny.state_of(tmp_path / "whole" / "teacher")

    step = SegmentationTrainer.training_step

    def stopping(self, *arguments, **values):
        if self.state.global_step == 3:
            raise KeyboardInterrupt
        return step(self, *arguments, **values)

    again = recipe(tmp_path / "stopped", training=training, **options)
    with monkeypatch.context() as patch:
        patch.setattr(SegmentationTrainer, "training_step", stopping)
        with pytest.raises(KeyboardInterrupt):
            Run(again).teacher()
    Run(again).teacher()
    assert tiny.same_weights(tiny.state_of(tmp_path / "stopped" / "teacher"), whole)


def square(size, point, side):
    mask = np.zeros(size, dtype=bool)
    x, y = (int(value) for value in point)
    mask[max(0, y - side) : y + side + 1, max(0, x - side) : x + side + 1] = True
    return mask


def square_teacher(images, points, labels):
    """Return one square of 9 pixels per point."""
    answers = []
    for image, own, names in zip(images, points, labels, strict=True):
        masks = [encode_mask(square((image.height, image.width), point, 4)) for point in own]
        answers.append([{"mask": m, "score": 0.5, "label": n or "star"} for m, n in zip(masks, names, strict=True)])
    return answers


def refiner_to(side):
    """Return a refiner that answers with squares of another size."""

    def refiner(image, rough_masks, points, labels):
        return np.stack([square((image.height, image.width), point, side) for point in points])

    return refiner


@pytest.mark.parametrize(("gate", "side"), [(True, 4), (False, 0)])
def test_a_refiner_that_harms_is_shut_out(shapes, tmp_path, gate, side):
    """A refiner that shrinks all masks to one pixel: with the gate, labels keep the rough masks."""
    made = recipe(tmp_path, data_dir=str(shapes), labeled_fraction=0.5, stages=["rough", "pseudo"], gate=gate)
    results = Run(made, teacher=square_teacher, refiner=refiner_to(0)).run()
    labels = stored_rows(tmp_path / "pseudo" / "refined")
    widest = max(decode_rle(item["segmentation"]).any(axis=0).sum() for row in labels for item in row["objects"])
    assert widest == 2 * side + 1
    assert (results["gate"] or {}).get("decision") == ("none" if gate else None)
    if gate:
        assert results["pseudo_labels"]["refined"] == results["pseudo_labels"]["rough"]
        assert "gate: labels keep the rough masks" in (tmp_path / "results.md").read_text()


# -- validation images


def without_validation(shapes, output_dir, **changes):
    path = shapes / "annotations" / "instances_train.json"
    return recipe(output_dir, train_annotations=str(path), image_dir=str(shapes / "images"), **changes)


def test_without_validation_images_some_with_masks_take_their_place(shapes, tmp_path):
    stages = ["teacher", "rough", "refiner", "pseudo", "control", "student", "upper_bound"]
    made = without_validation(shapes, tmp_path, labeled_fraction=0.75, max_steps=1, stages=stages)
    run = Run(made)
    held_back = set(run.data.validation["image_id"])
    assert len(held_back) == 1 and "5 images with masks (1 more held back), 2 with points" in run.data.summary()
    # No model learns from them, the upper bound included.
    for rows in (run.data.train, run.data.full, run.data.masked):
        assert not held_back & set(rows["image_id"])
    results = run.run()
    names = ("teacher", "control", "student_point", "student_refined", "upper_bound")
    assert all(results[name]["AP"] is not None for name in names)
    assert results["gate"]["overall"]["objects"] == len(run.data.validation[0]["objects"])
    assert json.loads((tmp_path / "teacher" / "held_back.json").read_text()) == run.data.validation["file_name"]
    facts = json.loads((tmp_path / "teacher" / "training_facts.json").read_text())
    assert facts["labels"] == {"full": 6, "point": 2} and facts["data"]["val_images"] == 1
    assert facts["data"]["val_name"] == "instances_train.json, held-back images"
    # One image tells little, so that the name decides.
    text = (tmp_path / "results.md").read_text()
    assert results["shipped"] == "student_refined" and "ships: student_refined\n" in text
    assert "note: the model that ships was chosen by its name" in text


def test_data_with_validation_images_or_few_masks_stays_as_it_is(shapes, tmp_path):
    made = recipe(tmp_path, data_dir=str(shapes), labeled_fraction=1.0)
    data = load_data(made)
    assert with_validation(made, data) is data
    few = without_validation(shapes, tmp_path)
    data = load_data(few)
    assert with_validation(few, data) is data
    none = without_validation(shapes, tmp_path, labeled_fraction=1.0, held_back_fraction=0.0)
    data = load_data(none)
    assert with_validation(none, data) is data


def test_weights_of_pseudo_labels_are_fitted_to_held_back_objects(shapes, tmp_path, monkeypatch):
    used, original = {}, InstanceDataset.__init__

    def watched(self, *arguments, **options):
        used.setdefault(len(used), options["weigh_pseudo_labels"])
        original(self, *arguments, **options)

    monkeypatch.setattr(InstanceDataset, "__init__", watched)
    options = {
        "data_dir": str(shapes),
        "labeled_fraction": 0.5,
        "stages": ["rough", "pseudo", "student"],
        "max_steps": 1,
    }
    made = recipe(tmp_path, weigh_pseudo_labels=True, **options)
    run = Run(made, teacher=square_teacher, refiner=refiner_to(3))
    run.run()
    rough, refined = used.values()
    mask = encode_mask(np.ones((4, 4), dtype=bool))
    item = {"score": 0.5, "segmentation": mask, "rough_segmentation": mask}
    assert 0 < rough(item) < 1 and 0 < refined(item) < 1
    again = run.labeling.held_back
    assert rough == again.expected_iou("rough") and refined == again.expected_iou("refined")
