# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Frozen batch norms that keep nothing of their input for the backward pass."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FrozenBatchNorm2d(nn.BatchNorm2d):
    """Batch norm with fixed statistics and weights; outputs and gradients are those of `nn.BatchNorm2d`.

    PyTorch keeps the input of a batch norm for the gradient of its weights, even if they have none: in a network with
    frozen norms that is half of the memory.
    """

    def forward(self, hidden_states: Tensor) -> Tensor:
        is_frozen = not self.training and not self.weight.requires_grad
        if is_frozen and torch.is_grad_enabled() and hidden_states.requires_grad:
            return _FrozenNorm.apply(
                hidden_states, self.running_mean, self.running_var, self.weight, self.bias, self.eps
            )
        return super().forward(hidden_states)


class _FrozenNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden_states: Tensor, mean: Tensor, variance: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> Tensor:
        ctx.save_for_backward(variance, weight)
        ctx.eps = eps
        return F.batch_norm(hidden_states, mean, variance, weight, bias, eps=eps)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        variance, weight = ctx.saved_tensors
        scale = (weight * torch.rsqrt(variance + ctx.eps))[:, None, None]
        # Multiply in float32 also where the features are bfloat16.
        return ((gradient * scale).to(gradient.dtype), None, None, None, None, None)


def freeze_norm(norm: nn.BatchNorm2d) -> None:
    """Freeze statistics and weights of a batch norm, and let it keep nothing of its input."""
    norm.eval().requires_grad_(False)
    # Subclasses, such as timm's with an activation, compute something else.
    if type(norm) is nn.BatchNorm2d:
        norm.__class__ = FrozenBatchNorm2d
