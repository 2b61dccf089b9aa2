# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Heat maps of points, which show MaskRefineNet the object to refine (paper, section 3.3)."""

import torch


def draw_point_heatmaps(points: torch.Tensor, size: tuple[int, int], sigma: float = 6.0) -> torch.Tensor:
    """Draw one Gaussian per point, zero outside a square of 6 sigma + 3 pixels (39 × 39 with the paper's sigma of 6).

    Args:
        points: (N, 2), (x, y) in pixels of the crop; fractions are dropped, so the peak is exactly 1.
        size: (height, width) of the crop.
        sigma: standard deviation in pixels of the crop.

    Returns:
        (N, height, width) float32 on the points' device; all zero if the point lies outside the crop.

    >>> heatmaps = draw_point_heatmaps(torch.tensor([[3, 5], [-1, 5]]), (8, 8))
    >>> heatmaps[0, 5, 3].item(), heatmaps[1].sum().item()
    (1.0, 0.0)
    """
    height, width = size
    x, y = points.floor().unbind(-1) if points.is_floating_point() else points.unbind(-1)  # (N,) each
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    rows = _gaussian_profile(y, height, sigma) * inside[:, None]  # (N, height)
    columns = _gaussian_profile(x, width, sigma)  # (N, width)
    return rows[:, :, None] * columns[:, None, :]


def _gaussian_profile(center: torch.Tensor, length: int, sigma: float) -> torch.Tensor:
    """Return (N, length) float32 values exp(−d² / 2 sigma²) along an axis, zero beyond 3 sigma + 1 pixels."""
    distance = torch.arange(length, device=center.device) - center[:, None].to(torch.float32)
    return torch.exp(-(distance**2) / (2 * sigma**2)) * (distance.abs() <= int(3 * sigma + 1))
