# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Dice loss and focal loss of SOLOv2, as formulas on tensors."""

import torch
import torch.nn.functional as F


def dice_loss(probabilities: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Compute the dice loss of SOLO (Wang et al. 2020, section 3.3): 1 − 2·Σpq / (Σp² + Σq²) per mask.

    As in the official code 0.001 is added to each sum of squares, so two empty masks have a loss of 1 and a finite
    gradient.

    Args:
        probabilities: (N, …) foreground probabilities.
        targets: (N, …) 0/1.

    Returns:
        (N,) losses in [0, 1].

    Example:
        >>> import torch
        >>> round(dice_loss(torch.ones(1, 100), torch.ones(1, 100)).item(), 4)
        0.0
    """
    p, q = probabilities.flatten(1), targets.flatten(1).to(probabilities.dtype)
    overlap = (p * q).sum(1)
    return 1 - 2 * overlap / ((p * p).sum(1) + 0.001 + (q * q).sum(1) + 0.001)


def sigmoid_focal_loss(
    logits: torch.Tensor, targets: torch.Tensor, alpha: float = 0.25, gamma: float = 2.0
) -> torch.Tensor:
    """Compute the focal loss of independent sigmoids (Lin et al. 2017, equation 5), without reduction.

    Args:
        logits: any shape.
        targets: same shape, 0/1.
        alpha: weight of positives; negatives have 1 − alpha.
        gamma: focusing exponent.

    Returns:
        Losses in the shape of `logits`.

    Example:
        >>> import torch
        >>> sigmoid_focal_loss(torch.zeros(2), torch.tensor([1.0, 0.0])).shape
        torch.Size([2])
    """
    probability = logits.sigmoid()
    cross_entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    wrong = probability * (1 - targets) + (1 - probability) * targets  # 1 − p_t
    weight = alpha * targets + (1 - alpha) * (1 - targets)  # alpha_t
    return weight * wrong**gamma * cross_entropy
