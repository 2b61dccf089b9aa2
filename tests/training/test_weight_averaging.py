# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
from pathlib import Path

import pytest
import torch
from transformers import TrainerCallback

from helpers import tiny
from helpers.training_in_two_processes import answered_rows
from pointwssis.ops.user_error import UserError
from pointwssis.training import SegmentationTrainer, SegmentationTrainingArguments


class Recorder(TrainerCallback):
    """Records the weights after each step, and those that each evaluation sees."""

    def __init__(self):
        self.trained, self.evaluated = [], []

    def on_step_end(self, args, state, control, model=None, **kwargs):
        self.trained.append({name: value.clone() for name, value in model.state_dict().items()})

    def on_prediction_step(self, args, state, control, model=None, **kwargs):
        self.evaluated.append({name: value.clone() for name, value in model.state_dict().items()})


def trainer(folder: Path, made=None, rows=None, **changes) -> SegmentationTrainer:
    values = {
        "output_dir": str(folder),
        "per_device_train_batch_size": 2,
        "per_device_eval_batch_size": 8,
        "max_steps": 4,
        "warmup_steps": 0,
        "learning_rate": 0.05,
        "average_weights": 0.2,
        "save_strategy": "no",
        "use_cpu": True,
        "disable_tqdm": True,
    }
    model, processor = made or tiny.segmenter()
    rows = answered_rows() if rows is None else rows
    arguments = SegmentationTrainingArguments(**{**values, **changes})
    return SegmentationTrainer(
        model.train(), arguments, train_dataset=rows, eval_dataset=rows, processing_class=processor
    )


def assert_close(found, expected) -> None:
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert torch.allclose(value.float(), expected[name].float(), atol=1e-6), name


def test_the_average_is_what_is_evaluated_and_saved(tmp_path):
    made, recorder = trainer(tmp_path, eval_strategy="steps", eval_steps=2), Recorder()
    made.add_callback(recorder)
    average = {name: value.clone() for name, value in made.model.state_dict().items()}
    made.train()
    # The decays are 1/10 and 2/11 at first, and then the limit of 0.2.
    expected = []
    for decay, weights in zip([1 / 10, 2 / 11, 0.2, 0.2], recorder.trained, strict=True):
        for name, value in weights.items():
            average[name] = decay * average[name] + (1 - decay) * value if value.is_floating_point() else value
        expected.append(dict(average))
    assert_close(made.model.state_dict(), expected[-1])
    # Evaluations in between see the average of their step, and the training goes on from the trained weights.
    assert_close(recorder.evaluated[0], expected[1])
    made.save_model(str(tmp_path / "saved"))
    assert tiny.same_weights(tiny.state_of(tmp_path / "saved"), made.model.state_dict())


def test_averaging_leaves_the_training_unchanged(tmp_path):
    seen = []
    for decay in (0.0, 0.9):
        made, recorder = trainer(tmp_path, average_weights=decay, eval_strategy="steps", eval_steps=1), Recorder()
        made.add_callback(recorder)
        made.train()
        seen.append(recorder.trained)
    assert all(tiny.same_weights(*pair) for pair in zip(*seen, strict=True))
    assert not tiny.same_weights(seen[1][-1], made.model.state_dict())


def test_frozen_weights_stay_bit_for_bit(tmp_path):
    made = trainer(tmp_path, average_weights=0.9)
    made.model.model.feature_pyramid.requires_grad_(False)
    before = {name: value.clone() for name, value in made.model.model.feature_pyramid.named_parameters()}
    made.train()
    assert all(torch.equal(value, before[name]) for name, value in made.model.model.feature_pyramid.named_parameters())


def test_the_refiner_is_averaged_too(tmp_path):
    rows = tiny.shapes(4)

    def with_rough(row):
        return {"objects": [{**item, "rough_segmentation": item["segmentation"]} for item in row["objects"]]}

    rows, states = rows.map(with_rough, features=rows.features), []
    for decay in (0.0, 0.9):
        made = trainer(tmp_path, tiny.refiner(), rows, average_weights=decay, label_names=["mask_labels"])
        made.train()
        states.append(made.model.state_dict())
        assert made.evaluate()["eval_loss"] > 0
    assert not tiny.same_weights(*states)


def test_the_best_checkpoint_gives_its_average(tmp_path):
    options = {"eval_strategy": "steps", "eval_steps": 2, "save_strategy": "steps", "save_steps": 2}
    options |= {"load_best_model_at_end": True, "metric_for_best_model": "AP", "learning_rate": 1.0}
    made = trainer(tmp_path, **options)
    made.train()
    found = [entry["eval_AP"] for entry in made.state.log_history if "eval_AP" in entry]
    assert found[0] != found[1] and made.evaluate()["eval_AP"] == pytest.approx(max(found))


def test_a_checkpoint_without_an_average_is_an_error(tmp_path):
    options = {"save_strategy": "steps", "save_steps": 2}
    trainer(tmp_path, average_weights=0.0, **options).train()
    with pytest.raises(UserError, match=r"averaged_weights.pt: is missing.*delete the checkpoint"):
        trainer(tmp_path, max_steps=6, **options).train(resume_from_checkpoint=True)


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_a_decay_out_of_range_is_an_error(tmp_path, decay):
    with pytest.raises(ValueError, match=r"average_weights is .*0 ≤ decay < 1"):
        SegmentationTrainingArguments(str(tmp_path), average_weights=decay)
