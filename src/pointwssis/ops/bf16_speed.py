# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Measure whether inference in bfloat16 is faster than in float32, which depends on the processor."""

import time
from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from .devices import computes_in_bf16

REPETITIONS = 5
REQUIRED_RATIO = 0.8  # of the times; far from the ratios of processors with (0.2 to 0.5) and without (over 1) bfloat16
TOLERANCE = 0.02  # of the largest value; rounding to 8 bits gives about 0.005


def inference_dtype(device: torch.device, bf16: bool | None = None) -> torch.dtype:
    """Return the dtype in which networks without a backward pass compute, bfloat16 or float32.

    Args:
        device: device that computes.
        bf16: True or False decides; None chooses bfloat16 if it is faster, see `bf16_infers_faster`.
    """
    use_bf16 = bf16_infers_faster(device) if bf16 is None else bf16
    return torch.bfloat16 if use_bf16 else torch.float32


@cache
def bf16_infers_faster(device: torch.device) -> bool:
    """Return True if a device infers clearly faster in bfloat16, with nearly equal results.

    A CPU is measured once per process (about 0.2 s): PyTorch also reports bfloat16 where it only emulates it. GPUs that
    compute bfloat16 in hardware need no measurement.
    """
    if device.type != "cpu" or not computes_in_bf16(device):
        return computes_in_bf16(device)
    # Two 3 × 3 convolutions, the bulk of SOLOv2: in float32, and in bfloat16 with the channels last
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, 128, 48, 64, generator=generator)
    weight = torch.randn(128, 128, 3, 3, generator=generator) / 34  # 34² inputs per output keep the variance
    exact, rounded = _block(features, weight), _block(_rounded(features), _rounded(weight))
    with torch.inference_mode():
        error = (rounded().float() - exact()).abs().max() / exact().abs().max()
        times: dict[Callable[[], Tensor], float] = {exact: float("inf"), rounded: float("inf")}
        # Alternate, and count processor time, so that other programs disturb both alike.
        for _ in range(REPETITIONS):
            for block in times:
                start = time.process_time()
                block()
                times[block] = min(times[block], time.process_time() - start)
    return bool(error < TOLERANCE) and times[rounded] < REQUIRED_RATIO * times[exact]


def _block(features: Tensor, weight: Tensor) -> Callable[[], Tensor]:
    """Return a function that convolves twice."""

    def convolve() -> Tensor:
        hidden = F.conv2d(features, weight, padding=1).relu()
        return F.conv2d(hidden, weight, padding=1)

    return convolve


def _rounded(values: Tensor) -> Tensor:
    return values.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
