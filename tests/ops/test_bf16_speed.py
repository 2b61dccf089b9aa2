# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import pytest
import torch

from pointwssis.ops import bf16_speed
from pointwssis.ops.bf16_speed import bf16_infers_faster, inference_dtype

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def fresh():
    """Measure anew in each test, and after it."""
    bf16_infers_faster.cache_clear()
    yield
    bf16_infers_faster.cache_clear()


def test_an_explicit_choice_wins_without_a_measurement(monkeypatch):
    monkeypatch.setattr(bf16_speed, "bf16_infers_faster", lambda device: pytest.fail("measured"))
    assert inference_dtype(CPU, bf16=True) == torch.bfloat16
    assert inference_dtype(CPU, bf16=False) == torch.float32


def test_without_hardware_nothing_is_measured(monkeypatch):
    monkeypatch.setattr(bf16_speed, "computes_in_bf16", lambda device: False)
    monkeypatch.setattr(bf16_speed, "_block", lambda *_: pytest.fail("measured"))
    assert inference_dtype(CPU) == torch.float32


@pytest.mark.parametrize(("slowdown", "expected"), [(0.5, torch.bfloat16), (0.9, torch.float32), (3, torch.float32)])
def test_the_measured_times_decide(monkeypatch, slowdown, expected):
    assert choice(monkeypatch, slowdown, error=0.0) == expected


def test_results_that_differ_forbid_bfloat16(monkeypatch):
    assert choice(monkeypatch, slowdown=0.1, error=0.1) == torch.float32


def choice(monkeypatch, slowdown: float, error: float) -> torch.dtype:
    """Return the choice on a machine where bfloat16 takes `slowdown` times as long, with a relative error."""
    clock = [0.0]

    def block(features, weight):
        is_rounded = features.dtype == torch.bfloat16

        def convolve():
            clock[0] += slowdown if is_rounded else 1.0
            return torch.ones(4) * (1 + error * is_rounded)

        return convolve

    monkeypatch.setattr(bf16_speed, "computes_in_bf16", lambda device: True)
    monkeypatch.setattr(bf16_speed, "_block", block)
    monkeypatch.setattr(bf16_speed.time, "process_time", lambda: clock[0])
    return inference_dtype(CPU)


def test_this_machine_is_measured_once(monkeypatch):
    first = bf16_infers_faster(CPU)
    monkeypatch.setattr(bf16_speed, "_block", lambda *_: pytest.fail("measured again"))
    assert bf16_infers_faster(CPU) is first
