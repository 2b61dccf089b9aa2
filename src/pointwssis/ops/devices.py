# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Devices and number formats: the best device, and bfloat16 where the hardware supports it."""

import torch
from torch import nn


def best_device() -> torch.device:
    """Return the first CUDA device, else Apple's Metal (MPS), else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def computes_in_bf16(device: torch.device) -> bool:
    """Return True if a device computes bfloat16 in hardware; elsewhere it is emulated and slow."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return False


def choose_dtype(device: torch.device, bf16: bool | None = None) -> torch.dtype:
    """Return bfloat16 or float32.

    Args:
        device: device that computes.
        bf16: True or False decides; None chooses bfloat16 if the device computes it in hardware.
    """
    use_bf16 = computes_in_bf16(device) if bf16 is None else bf16
    return torch.bfloat16 if use_bf16 else torch.float32


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Return the context in which a network computes in `dtype`; float32 changes nothing."""
    return torch.autocast(device.type, torch.bfloat16, enabled=dtype != torch.float32)


def for_device(model: nn.Module, device: torch.device) -> nn.Module:
    """Return the model in the memory format that suits a device.

    Convolutions on a GPU are faster with the channels last; on CPUs it was measured to make no difference.
    """
    return model.to(memory_format=torch.channels_last) if device.type == "cuda" else model
