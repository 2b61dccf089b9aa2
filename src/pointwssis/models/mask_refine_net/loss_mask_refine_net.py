# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Dice loss of MaskRefineNet."""

import torch
import torch.nn.functional as F

from ...ops.processes import sum_over_processes

IGNORED_LABEL = 255


def mask_refinement_loss(logits: torch.Tensor, mask_labels: torch.Tensor) -> torch.Tensor:
    """Compute the dice loss (paper, section 4.1) of background and foreground, per class and column of the batch.

    The paper gives no formula. Like the official code this sums over the batch and the rows but not over the columns,
    and averages 1 − 2 · overlap / (sum of probabilities + sum of labels) over columns and classes. A column without
    foreground therefore costs its full foreground term whatever is predicted, but without a gradient, so the loss of
    perfect masks is not 0. Pixels labeled 255 count as background, as in the official code. In a training on several
    processes it is the loss of their common batch; the official code averages the losses of its GPUs.

    Args:
        logits: (B, 2, H, W), background and foreground.
        mask_labels: (B, H, W), 0, 1 or 255.

    Returns:
        () float32, between 0 and 1.

    Example:
        >>> labels = torch.tensor([[[0, 1], [0, 1]]])
        >>> perfect = 50.0 * torch.stack([1 - 2 * labels, 2 * labels - 1], dim=1)
        >>> round(mask_refinement_loss(perfect, labels).item(), 4)
        0.5
    """
    probabilities = logits.float().softmax(dim=1)  # (B, 2, H, W)
    labels = torch.where(mask_labels == IGNORED_LABEL, 0, mask_labels).long()
    targets = F.one_hot(labels, num_classes=2).permute(0, 3, 1, 2).to(probabilities.dtype)  # (B, 2, H, W)
    overlap = (probabilities * targets).sum(dim=(0, 2))  # (2, W)
    total = probabilities.sum(dim=(0, 2)) + targets.sum(dim=(0, 2))  # (2, W)
    overlap, total = sum_over_processes(torch.stack([overlap, total]))
    return (1 - 2 * overlap / total.clamp(min=1e-8)).mean()
