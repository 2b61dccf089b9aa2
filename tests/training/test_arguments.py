# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The number of images per training step, on any number of processes, and what a machine without a GPU changes."""

import pytest
import torch

from pointwssis.ops.user_error import UserError
from pointwssis.training.arguments import SegmentationTrainingArguments, passes_per_step


def arguments(folder, **changes) -> SegmentationTrainingArguments:
    values = {"max_steps": 2, "warmup_steps": 0, "learning_rate": 0.01, "use_cpu": True, "save_strategy": "no"}
    return SegmentationTrainingArguments(output_dir=str(folder), **{**values, **changes})


def test_passes_accumulate_to_the_total_batch_size(tmp_path):
    assert arguments(tmp_path, per_device_train_batch_size=2, total_batch_size=16).gradient_accumulation_steps == 8
    assert arguments(tmp_path, per_device_train_batch_size=2).gradient_accumulation_steps == 1
    # Eight processes with two images each need no accumulation, four need two passes.
    assert [passes_per_step(16, processes * 2) for processes in (1, 4, 8)] == [8, 2, 1]


@pytest.mark.parametrize(("total", "per_pass"), [(16, 6), (16, 32), (0, 2)])
def test_a_batch_that_is_no_number_of_passes_is_refused(total, per_pass):
    with pytest.raises(UserError, match=f"total_batch_size is {total}, but {per_pass} images go through the network"):
        passes_per_step(total, per_pass)


@pytest.mark.parametrize("has_accelerator", [True, False])
def test_memory_is_pinned_for_an_accelerator_only(tmp_path, monkeypatch, has_accelerator):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: has_accelerator)
    assert arguments(tmp_path, use_cpu=False).dataloader_pin_memory == has_accelerator


def test_processes_without_end_are_refused(tmp_path):
    with pytest.raises(
        UserError, match="dataloader_num_workers must be at most 1,024, got 100000: each one is a process"
    ):
        arguments(tmp_path, dataloader_num_workers=100_000)


@pytest.mark.parametrize("name", ["learning_rate", "weight_decay", "gamma", "warmup_factor", "max_grad_norm"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_numbers_that_would_ruin_the_weights_are_refused(tmp_path, name, value):
    with pytest.raises(UserError, match=f"{name} is {value}; it must be a number of at least 0"):
        arguments(tmp_path, **{name: value})
