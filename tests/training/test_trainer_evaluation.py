# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Evaluation of a SOLOv2 by the Trainer."""

import pytest

from helpers import tiny
from helpers.tiny_trainer import evaluated, trainer
from helpers.training_in_two_processes import answered_rows, mixed_rows
from pointwssis.evaluation import CocoEvaluator


def test_evaluation_is_the_same_at_batch_1_and_8_and_counts_every_image(tmp_path):
    rows = answered_rows()
    one, results = evaluated(tmp_path, rows, per_device_eval_batch_size=1)
    eight, _ = evaluated(tmp_path, rows, per_device_eval_batch_size=8)
    assert 0.2 < one["eval_AP"] < 1  # it knows every object, and as many others
    assert one == pytest.approx(eight, abs=1e-9)
    assert set(results) == set(rows["image_id"])


def test_evaluation_after_training_steps_does_not_disturb_training(tmp_path):
    rows = answered_rows()
    plain = trainer(tmp_path, rows)
    plain.train()
    watched = trainer(tmp_path, rows, eval_dataset=rows, eval_strategy="steps", eval_steps=2)
    watched.train()
    assert tiny.same_weights(plain.model.state_dict(), watched.model.state_dict())
    entries = [entry for entry in watched.state.log_history if "eval_AP" in entry]
    assert [entry["step"] for entry in entries] == [2, 4]
    assert entries[0]["eval_AP"] != entries[1]["eval_AP"]


def test_several_caps_on_detections(tmp_path):
    metrics, _ = evaluated(tmp_path, answered_rows(), max_detections=[100, 400])
    names = {"eval_AP", "eval_AP@100", "eval_AP50@100", "eval_AR1", "eval_AR10", "eval_AR100", "eval_AR400"}
    assert names <= set(metrics)
    assert metrics["eval_AR400"] >= metrics["eval_AR100"] > metrics["eval_AR1"]


def test_a_perfect_model_has_an_ap_of_one(tmp_path, monkeypatch):
    rows = mixed_rows()
    ground_truth = {row["image_id"]: row for row in rows.with_format(None)}
    made = trainer(tmp_path, eval_dataset=rows, per_device_eval_batch_size=3)
    plain = CocoEvaluator.update

    def update(self, image_id, predictions):
        assert predictions  # of the model
        objects = ground_truth[image_id]["objects"]
        plain(self, image_id, [{"label": o["category"], "score": 0.9, "rle": o["segmentation"]} for o in objects])

    monkeypatch.setattr(CocoEvaluator, "update", update)
    assert made.evaluate()["eval_AP"] == pytest.approx(1.0)
