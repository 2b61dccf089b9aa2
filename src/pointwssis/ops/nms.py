# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Non-maximum suppression of SOLOv2: on points, on masks, and all at once as a matrix."""

import numpy as np
import torch
import torch.nn.functional as F

from .mask_ops import mask_iou


def point_nms(scores: torch.Tensor, kernel_size: int = 2) -> torch.Tensor:
    """Keeps a score only where it is the largest of its `kernel_size`² cells towards the top left (SOLOv2's 2 × 2
    max-pool), else zero.

    Args:
        scores: (B, C, S, S) or (C, S, S).
    """
    pooled = F.max_pool2d(scores, kernel_size, stride=1, padding=kernel_size // 2)[
        ..., : scores.shape[-2], : scores.shape[-1]
    ]
    return scores * (pooled == scores)


def matrix_nms(
    masks: torch.Tensor, labels: torch.Tensor, scores: torch.Tensor, kernel: str = "gaussian", sigma: float = 2.0
) -> torch.Tensor:
    """Matrix NMS (SOLOv2, section 3.3): each score decays by the overlap with better masks of its class, all in
    parallel.

    The linear kernel of the official code gives NaN as soon as three identical masks meet (0/0); here a mask that is
    itself wholly suppressed suppresses nothing further, because the mask that suppressed it already does.

    Args:
        masks: (N, H, W) or (N, pixels), 0/1, in descending order of score.
        labels: (N,) class of each mask; masks of different classes do not touch each other.
        scores: (N,) descending.
        kernel: "gaussian" or "linear".
        sigma: of the gaussian kernel.

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
    iou = mask_iou(masks).triu(diagonal=1) * (labels[:, None] == labels[None, :])  # [i, j]: i is better than j
    compensation = iou.max(dim=0).values[:, None]  # how much each i is itself overlapped by something better
    if kernel == "gaussian":
        decay = torch.exp(-sigma * (iou**2 - compensation**2))
    elif kernel == "linear":
        decay = ((1 - iou) / (1 - compensation)).nan_to_num(nan=torch.inf, posinf=torch.inf)
    else:
        raise ValueError(f"nms_kernel is {kernel!r}; it takes 'gaussian' or 'linear'")
    return scores * decay.min(dim=0).values


def mask_nms(
    masks: torch.Tensor, labels: torch.Tensor, scores: torch.Tensor, iou_threshold: float = 0.5
) -> torch.Tensor:
    """Greedy NMS on masks: a mask goes when a better kept one of its class overlaps it by more than `iou_threshold`.

    Args:
        masks: (N, H, W) or (N, pixels), 0/1, in descending order of score.
        labels: (N,) class of each mask.
        scores: (N,) descending; ranks the masks, so they are only checked for their number.
        iou_threshold: IoU above which the worse mask goes.

    Returns:
        (N,) bool, True for the masks that stay.
    """
    if len(scores) != len(masks):
        raise ValueError(f"mask_nms got {len(masks)} masks but {len(scores)} scores")
    overlaps = ((mask_iou(masks) > iou_threshold) & (labels[:, None] == labels[None, :])).cpu().numpy()
    keep = np.ones(len(masks), dtype=bool)
    for index in range(len(masks)):
        if keep[index]:
            keep[index + 1 :] &= ~overlaps[index, index + 1 :]
    return torch.as_tensor(keep, device=labels.device)
