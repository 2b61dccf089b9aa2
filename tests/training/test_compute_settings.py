# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import time
from types import SimpleNamespace

import pytest
import torch

from helpers.small_solov2 import drawn_batch, small_model
from pointwssis.training import compute_settings, threads
from pointwssis.training.compute_settings import ComputeSettings, candidates, fastest_settings, thread_counts
from pointwssis.training.threads import WINDOW, ThreadsCallback


def test_candidates_are_all_settings_that_nothing_fixes(monkeypatch):
    monkeypatch.setattr(compute_settings, "computes_in_bf16", lambda device: True)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 6)
    everything = candidates()
    assert len(set(everything)) == len(everything) == 3 * 3
    assert not any(settings.bf16 and settings.channels_last for settings in everything)
    with pytest.raises(ValueError, match="bf16 and channels_last are both true"):
        candidates(bf16=True, channels_last=True)
    assert everything[0] == ComputeSettings(False, False, 6)
    assert {settings.threads for settings in everything} == {6, 3, 1}
    assert candidates(bf16=True, channels_last=False, threads=5) == [ComputeSettings(True, False, 5)]
    monkeypatch.setattr(compute_settings, "computes_in_bf16", lambda device: False)
    assert not any(settings.bf16 for settings in candidates())
    assert thread_counts(1) == [1] and thread_counts(2) == [2, 1]


def test_measuring_leaves_the_training_unchanged():
    model, batch = small_model().train(), drawn_batch((64, 64))
    state = {name: value.clone() for name, value in model.state_dict().items()}
    before, count = torch.random.get_rng_state(), torch.get_num_threads()
    chosen, seconds = fastest_settings(model, batch, candidates())
    assert chosen in seconds and min(seconds.values()) > 0
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), before) and torch.get_num_threads() == count
    assert all(parameter.grad is None for parameter in model.parameters())


CHOICES = [ComputeSettings(bf16, False, threads) for threads in (2, 1) for bf16 in (False, True)]


@pytest.mark.parametrize(
    ("taken", "fastest"),
    [((0.2, 0.1, 0.4, 0.3), 1), ((0.2, 9.0, 0.4, 0.3), 0), ((0.2, 9.0, 0.4, 0.1), 3), ((0.2, 0.196, 0.4, 0.3), 0)],
)
def test_the_fastest_settings_are_chosen(monkeypatch, taken, fastest):
    """In particular, bfloat16 that is slower than float32 is not taken, and clearly slow ones are measured once."""
    steps = []

    def step_seconds(model, batch, settings):
        steps.append(settings)
        return taken[CHOICES.index(settings)]

    monkeypatch.setattr(compute_settings, "_step_seconds", step_seconds)
    chosen, seconds = fastest_settings(torch.nn.Identity(), {}, CHOICES)
    assert chosen == CHOICES[fastest] and list(seconds.values()) == list(taken)
    for settings, value in zip(CHOICES, taken, strict=True):
        assert steps.count(settings) == (1 if value > 2 * min(taken) else 3)


def test_measuring_ends_at_its_time_limit(monkeypatch):
    monkeypatch.setattr(compute_settings, "_step_seconds", lambda *args: time.sleep(0.01) or 0.01)
    chosen, seconds = fastest_settings(torch.nn.Identity(), {}, CHOICES, time_limit=0.0)
    assert chosen == CHOICES[0] and len(seconds) == 1


@pytest.mark.parametrize(("is_fixed", "num_processes"), [(False, 1), (True, 1), (False, 2)])
def test_slow_steps_are_reported_once_and_threads_measured_again(monkeypatch, caplog, is_fixed, num_processes):
    """Of several processes, none measures alone: the others would wait for its losses."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(threads.time, "monotonic", lambda: clock.now)
    measured = []

    def fastest(model, batch, choices):
        measured.append(choices)
        return choices[-1], {}

    monkeypatch.setattr(threads, "fastest_settings", fastest)
    count = torch.get_num_threads()
    args, is_kept = SimpleNamespace(world_size=num_processes), is_fixed or num_processes > 1
    callback = ThreadsCallback(ComputeSettings(True, True, 2), SimpleNamespace(batch=dict), is_fixed)
    callback.on_train_begin(None, None, None)
    assert torch.get_num_threads() == 2
    # A fast window, one that is slower but not much, then two very slow ones with a fast one between them
    for seconds in (1.0, 2.5, 4.0, 1.0, 4.0):
        for _ in range(WINDOW):
            callback.on_step_begin(None, None, None)
            clock.now += seconds
            callback.on_step_end(args, None, None, model=None)
    assert caplog.text.count("times as long as before") == 1
    # Precision and memory format stay.
    assert measured == ([] if is_kept else [[ComputeSettings(True, True, 2), ComputeSettings(True, True, 1)]] * 2)
    assert torch.get_num_threads() == (2 if is_kept else 1)
    callback.on_train_end(None, None, None)
    assert torch.get_num_threads() == count
