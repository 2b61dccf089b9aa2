# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Non-maximum suppression (NMS) of SOLOv2: point NMS, Matrix NMS and mask NMS."""

import numpy as np
import torch
import torch.nn.functional as F

from .mask_ops import mask_iou


def point_nms(scores: torch.Tensor, kernel_size: int = 2) -> torch.Tensor:
    """Return scores that are zero except where they are the largest of their `kernel_size`² cells to the top left.

    This is the 2 × 2 max pooling of SOLOv2.

    Args:
        scores: (B, C, S, S) or (C, S, S).
        kernel_size: side of the window in cells.
    """
    pooled = F.max_pool2d(scores, kernel_size, stride=1, padding=kernel_size // 2)[
        ..., : scores.shape[-2], : scores.shape[-1]
    ]
    return scores * (pooled == scores)


def matrix_nms(
    masks: torch.Tensor, labels: torch.Tensor, scores: torch.Tensor, kernel: str = "gaussian", sigma: float = 2.0
) -> torch.Tensor:
    """Decay scores by the overlap with better masks of the same class, in parallel: Matrix NMS (SOLOv2, section 3.3).

    The linear kernel of the official code gives NaN (0/0) for three identical masks; here a fully suppressed mask
    suppresses no other, because the mask that suppressed it does so already.

    Args:
        masks: (N, H, W) or (N, pixels), 0/1, in descending order of score.
        labels: (N,) class of each mask; masks of different classes do not affect each other.
        scores: (N,) descending.
        kernel: "gaussian" or "linear".
        sigma: sharpness of the Gaussian kernel.

    Returns:
        (N,) decayed scores.

    Example:
        >>> import torch
        >>> masks = torch.ones(2, 4, 4)
        >>> matrix_nms(masks, torch.tensor([0, 0]), torch.tensor([0.9, 0.8]), kernel="linear").tolist()
        [0.8999999761581421, 0.0]
    """
    if len(masks) == 0:
        return scores
    # Overlap of each mask with better ones of its class, and how much these are overlapped themselves.
    iou = mask_iou(masks).triu(diagonal=1) * (labels[:, None] == labels[None, :])  # [i, j]: i is better than j
    compensation = iou.max(dim=0).values[:, None]
    if kernel == "gaussian":
        decay = torch.exp(-sigma * (iou**2 - compensation**2))
    elif kernel == "linear":
        decay = ((1 - iou) / (1 - compensation)).nan_to_num(nan=torch.inf, posinf=torch.inf)
    else:
        raise ValueError(f"nms_kernel must be 'gaussian' or 'linear', got {kernel!r}")
    return scores * decay.min(dim=0).values


def mask_nms(
    masks: torch.Tensor, labels: torch.Tensor, scores: torch.Tensor, iou_threshold: float = 0.5
) -> torch.Tensor:
    """Suppress masks greedily: each one that a better kept mask of its class overlaps by more than `iou_threshold`.

    Args:
        masks: (N, H, W) or (N, pixels), 0/1, in descending order of score.
        labels: (N,) class of each mask.
        scores: (N,) descending; only their number is checked, because the masks are sorted.
        iou_threshold: IoU above which the worse mask is suppressed.

    Returns:
        (N,) bool, True for the masks that are kept.
    """
    if len(scores) != len(masks):
        raise ValueError(f"mask_nms needs one score per mask, got {len(masks)} masks and {len(scores)} scores")
    # Which masks of one class overlap too much, then one decision per mask from best to worst.
    overlaps = ((mask_iou(masks) > iou_threshold) & (labels[:, None] == labels[None, :])).cpu().numpy()
    keep = np.ones(len(masks), dtype=bool)
    for index in range(len(masks)):
        if keep[index]:
            keep[index + 1 :] &= ~overlaps[index, index + 1 :]
    return torch.as_tensor(keep, device=labels.device)
