# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A teacher that stops when its labels of held-back images stop improving."""

import json
import os
import signal

import pytest

from helpers import tiny
from helpers.tiny import recipe
from pointwssis.ops.interruption import Interrupted
from pointwssis.ops.user_error import UserError
from pointwssis.ops.whole_files import is_whole_folder
from pointwssis.runs.held_back_labels import HeldBackLabels
from pointwssis.runs.label_stopping import LabelStopping
from pointwssis.runs.run import Run
from pointwssis.training.trainer import SegmentationTrainer

# Measurements after each step: the third is the best, and the fourth and fifth do not improve it.
MEAN_IOU = {1: 0.1, 2: 0.3, 3: 0.4, 4: 0.4, 5: 0.2, 6: 0.9, 7: 0.9, 8: 0.9}
TRAINING = {"per_device_train_batch_size": 2, "max_steps": 8, "warmup_steps": 1, "logging_steps": 1, "save_steps": 2}


@pytest.fixture
def measured(monkeypatch):
    """Replace the measurements by `MEAN_IOU`, and return the steps that were measured."""
    steps = []

    def mean_iou_of(self, weights):
        steps.append(int(weights.name.removeprefix("step_")))
        return MEAN_IOU[steps[-1]]

    monkeypatch.setattr(HeldBackLabels, "mean_iou_of", mean_iou_of)
    return steps


def stopping(folder, shapes, **changes):
    """Return a recipe with six images with masks, one of which is held back."""
    values = {"data_dir": str(shapes), "labeled_fraction": 0.75, "stages": ["teacher"], "training": TRAINING}
    return recipe(folder, **{**values, "teacher_patience": 2, **changes})


def test_the_best_weights_are_kept(shapes, tmp_path, measured, capsys):
    made = stopping(tmp_path, shapes)
    run = Run(made)
    assert run.plan.stages()[0].images == 5
    results = run.run()
    assert measured == [1, 2, 3, 4, 5]
    line = "teacher: weights of step 3 of 5, with the best labels of held-back objects (mean IoU 0.400)"
    assert (
        line in capsys.readouterr().out and line in results["notes"] and line in (tmp_path / "results.md").read_text()
    )
    # Two thirds and eight ninths of three steps are two and three.
    teacher = tiny.state_of(tmp_path / "teacher")
    assert tiny.same_weights(tiny.state_of(tmp_path / "teacher" / "weights_at_89_percent"), teacher)
    assert not tiny.same_weights(tiny.state_of(tmp_path / "teacher" / "weights_at_67_percent"), teacher)
    facts = json.loads((tmp_path / "teacher" / "training_facts.json").read_text())
    assert facts["training"]["steps"] == 3 and facts["learned_from"] == {"full": 5}
    assert not (tmp_path / "teacher" / "checkpoints").exists()
    assert is_whole_folder(tmp_path / "teacher" / "weights_at_67_percent")
    assert Run(made).run() == results and len(measured) == 5


@pytest.mark.parametrize("last", [4, 5])
def test_an_interrupted_training_stops_at_the_same_step(shapes, tmp_path, measured, monkeypatch, last):
    """Interrupted before a step, or after the last one, before the best weights are saved."""
    Run(stopping(tmp_path / "whole", shapes)).teacher()
    again = stopping(tmp_path / "stopped", shapes)
    step, measured[:] = SegmentationTrainer.training_step, []

    def interrupted(self, *arguments, **values):
        if self.state.global_step == last:
            raise KeyboardInterrupt
        return step(self, *arguments, **values)

    def unsaved(self, *arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if last == 4:
            patch.setattr(SegmentationTrainer, "training_step", interrupted)
        else:
            patch.setattr(LabelStopping, "keep_best", unsaved)
        with pytest.raises(KeyboardInterrupt):
            Run(again).teacher()
    Run(again).teacher()
    # What came after the checkpoint of step 4 is measured again.
    assert measured == [1, 2, 3, 4, 5] if last == 4 else [1, 2, 3, 4, 5, 5]
    for name in (".", "weights_at_67_percent"):
        folders = (tmp_path / run / "teacher" / name for run in ("whole", "stopped"))
        assert tiny.same_weights(*(tiny.state_of(folder) for folder in folders))


def test_a_checkpoint_of_the_last_measurement_ends_the_training(shapes, tmp_path, measured, monkeypatch):
    """A signal during the last step saves a checkpoint of it."""
    Run(stopping(tmp_path / "whole", shapes)).teacher()
    again, step = stopping(tmp_path / "stopped", shapes), SegmentationTrainer.training_step

    def signaled(self, *arguments, **values):
        if self.state.global_step == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, *arguments, **values)

    with monkeypatch.context() as patch:
        patch.setattr(SegmentationTrainer, "training_step", signaled)
        with pytest.raises(Interrupted):
            Run(again).teacher()
    assert (tmp_path / "stopped" / "teacher" / "checkpoints" / "checkpoint-5").is_dir()
    measured.clear()
    Run(again).teacher()
    assert measured == []
    files = [tmp_path / run / "teacher" / "held_back_labels.json" for run in ("whole", "stopped")]
    assert files[0].read_text() == files[1].read_text()
    folders = [tmp_path / run / "teacher" for run in ("whole", "stopped")]
    assert tiny.same_weights(*map(tiny.state_of, folders))


def test_labels_are_measured_on_images_that_the_teacher_never_learns_from(shapes, tmp_path):
    stages = ["teacher", "rough", "refiner", "pseudo"]
    run = Run(stopping(tmp_path, shapes, stages=stages, max_steps=2, gate=False))
    results = run.run()
    mean_iou = json.loads((tmp_path / "teacher" / "held_back_labels.json").read_text())["mean_iou"]
    assert list(mean_iou) == ["1", "2"] and all(0 <= value <= 1 for value in mean_iou.values())
    # Patience needs no gate; the refiner has not learned from these images either.
    assert results["gate"] is None and len(run.labeling.held_back.rows) == 1
    assert not set(run.labeling.held_back.rows["image_id"]) & set(run.labeling.rough_full()["image_id"])
    best = max(mean_iou, key=mean_iou.get)
    assert run.labeling.held_back.mean_iou_of(tmp_path / "teacher") == pytest.approx(mean_iou[best], abs=1e-6)


def test_without_held_back_images_there_is_nothing_to_measure(shapes, tmp_path):
    with pytest.raises(UserError, match="teacher_patience is 2, but no image is held back to measure labels on; raise"):
        Run(stopping(tmp_path, shapes, held_back_fraction=0.0))
    with pytest.raises(UserError, match="teacher_patience is -1; it must be at least 0"):
        stopping(tmp_path, shapes, teacher_patience=-1)
