# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Learning rates, losses, and resumption of trainings."""

import pytest
import torch
from transformers import TrainerCallback

from helpers import tiny
from helpers.tiny_trainer import LIVELY, arguments, trainer
from helpers.training_in_two_processes import mixed_rows
from pointwssis.training.datasets import InstanceDataset
from pointwssis.training.learning_rate import warmup_multistep_factor
from pointwssis.training.refinement_dataset import RefinementDataset
from pointwssis.training.trainer import SegmentationTrainer

# -- learning rate and weight decay


def test_learning_rate_of_every_step(tmp_path):
    made = trainer(tmp_path, max_steps=10, warmup_steps=3, warmup_factor=0.1, milestones=[0.5, 0.8], learning_rate=1.0)
    made.train()
    rates = [entry["learning_rate"] for entry in made.state.log_history if "learning_rate" in entry]
    # Newer versions of the Trainer log after the scheduler's step, as the first rate shows.
    expected = [warmup_multistep_factor(step, 10, [0.5, 0.8], 0.1, 3, 0.1) for step in range(10)]
    assert expected == pytest.approx([0.1, 0.4, 0.7, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01])
    assert rates == pytest.approx(expected)


def test_without_milestones_the_schedule_is_transformers_own(tmp_path):
    made = trainer(tmp_path, milestones=[], lr_scheduler_type="cosine", warmup_steps=0, learning_rate=1.0, max_steps=4)
    made.train()
    rates = [entry["learning_rate"] for entry in made.state.log_history if "learning_rate" in entry]
    assert rates == pytest.approx([1.0, 0.8535534, 0.5, 0.1464466], abs=1e-6)


def test_norms_do_not_decay_and_frozen_weights_are_left_out(tmp_path):
    made = trainer(tmp_path, weight_decay=0.5)
    made.model.model.feature_pyramid.requires_grad_(False)
    groups = made.create_optimizer().param_groups
    names = {id(parameter): name for name, parameter in made.model.named_parameters()}
    decay = {names[id(p)]: group["weight_decay"] for group in groups for p in group["params"]}
    trainable = {name for name, parameter in made.model.named_parameters() if parameter.requires_grad}
    assert decay.keys() == trainable and not any("feature_pyramid" in name for name in decay)
    kept = {name for name, value in decay.items() if value == 0}
    assert kept == {name for name in decay if "normalization" in name or ".norm." in name}
    assert len(kept) > 20 and decay["model.instance_head.class_head.bias"] == 0.5
    assert groups[0]["momentum"] == 0.9


def rates_of_groups(made: SegmentationTrainer) -> dict[str, float]:
    """Return the present learning rate of each trainable parameter."""
    names = {id(parameter): name for name, parameter in made.model.named_parameters()}
    return {names[id(p)]: group["lr"] for group in made.optimizer.param_groups for p in group["params"]}


def test_the_backbone_has_a_factor_of_the_learning_rate(tmp_path):
    """The schedule multiplies both rates; the logged one is that of the heads."""
    options = {"max_steps": 4, "learning_rate": 0.5, "warmup_steps": 0, "milestones": [0.5]}
    made = trainer(tmp_path, backbone_learning_rate_factor=0.2, **options)
    made.create_optimizer()
    assert {name for name, rate in rates_of_groups(made).items() if rate == pytest.approx(0.1)} == {
        name for name, _ in made.model.named_parameters() if ".backbone." in name
    }
    made.train()
    logged = [entry["learning_rate"] for entry in made.state.log_history if "learning_rate" in entry]
    assert logged == pytest.approx([0.5, 0.5, 0.05, 0.05])
    for name, rate in rates_of_groups(made).items():  # after the drop
        assert rate == pytest.approx(0.01 if ".backbone." in name else 0.05)


@pytest.mark.parametrize("factor", [0.0, -1.0])
def test_a_factor_must_be_positive(tmp_path, factor):
    with pytest.raises(ValueError, match="backbone_learning_rate_factor must be positive.*freeze_backbone_stages"):
        arguments(tmp_path, backbone_learning_rate_factor=factor)


# -- training


def test_components_of_the_loss_are_logged_and_add_up(tmp_path):
    made = trainer(tmp_path, logging_steps=2)
    made.train()
    entries = [entry for entry in made.state.log_history if "loss" in entry]
    assert len(entries) == 2
    for entry in entries:
        assert entry["loss_class"] + entry["loss_mask"] == pytest.approx(entry["loss"], rel=1e-3)


def test_gradient_accumulation_averages(tmp_path):
    rows = tiny.shapes(4)
    losses = []
    for size, steps in ((4, 1), (2, 2)):
        made = trainer(tmp_path, rows, per_device_train_batch_size=size, gradient_accumulation_steps=steps, max_steps=1)
        made.train()
        losses.append(made.state.log_history[0]["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=0.25)  # a sum would be twice as much


def test_batches_without_any_object_train(tmp_path):
    empty = tiny.shapes(2).map(lambda row: {"objects": []})
    made = trainer(tmp_path, empty, max_steps=2)
    made.train()
    assert all(entry["loss_mask"] == 0 for entry in made.state.log_history if "loss" in entry)
    assert all(parameter.isfinite().all() for parameter in made.model.parameters())


def test_training_in_bfloat16(tmp_path):
    made = trainer(tmp_path, bf16=True, max_steps=2)
    made.train()
    assert all(torch.isfinite(torch.tensor(entry["loss"])) for entry in made.state.log_history if "loss" in entry)
    assert next(made.model.parameters()).dtype == torch.float32


class StopAt(TrainerCallback):
    """Ends a training as an interruption does: what comes after never runs."""

    def __init__(self, step: int):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise KeyboardInterrupt


# Inside of the first and of the second epoch, of four steps each
@pytest.mark.parametrize(("saved_at", "average_weights"), [(2, 0.0), (5, 0.0), (5, 0.9)])
def test_resuming_equals_the_uninterrupted_training_bit_for_bit(tmp_path, saved_at, average_weights):
    options = {"max_steps": 10, "save_strategy": "steps", "save_steps": saved_at, "dataloader_num_workers": 0}
    options["average_weights"] = average_weights
    options["backbone_learning_rate_factor"] = 0.3
    rows = mixed_rows(8)
    whole = trainer(tmp_path / "whole", rows, **options)
    whole.train()
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "parts", rows, callbacks=[StopAt(saved_at + 1)], **options).train()
    rest = trainer(tmp_path / "parts", rows, seed=1, **options)  # other initial weights: they must not matter
    rest.train(resume_from_checkpoint=True)
    assert rest.state.global_step == 10
    assert tiny.same_weights(whole.model.state_dict(), rest.model.state_dict())
    after = [entry["loss"] for entry in whole.state.log_history if entry["step"] > saved_at and "loss" in entry]
    assert after == [entry["loss"] for entry in rest.state.log_history if entry["step"] > saved_at and "loss" in entry]


def test_each_epoch_augments_anew(tmp_path):
    seen: list[tuple[int, int]] = []

    class Watched(InstanceDataset):
        def __getitem__(self, index):
            seen.append((self.epoch, index))
            return super().__getitem__(index)

    made = trainer(tmp_path, max_steps=4)
    dataset = Watched(tiny.shapes(4), LIVELY, seed=7)
    made = SegmentationTrainer(
        model=made.model,
        args=arguments(tmp_path, max_steps=4),
        train_dataset=dataset,
        data_collator=made.data_collator,
        processing_class=made.processing_class,
    )
    made.train()
    assert sorted(seen) == [(epoch, index) for epoch in (0, 1) for index in range(4)]


def test_the_refiner_trains(tmp_path):
    model, processor = tiny.refiner()
    rows = tiny.shapes(4)

    def with_rough(row):
        return {"objects": [{**item, "rough_segmentation": item["segmentation"]} for item in row["objects"]]}

    before = {name: value.clone() for name, value in model.state_dict().items()}
    made = SegmentationTrainer(
        model=model.train(),
        args=arguments(tmp_path, max_steps=2, optim="adamw_torch", optim_args=None, milestones=[]),
        train_dataset=RefinementDataset(rows.map(with_rough, features=rows.features), processor),
        processing_class=processor,
    )
    made.train()
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert {"head.weight", "encoder.input_layer.convolution.image_weight"} <= changed
