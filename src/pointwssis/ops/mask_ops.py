# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Masks as tensors: boxes, centers of mass, downscaling and IoU.

A mask is (height, width); points are (x, y) and boxes (x_min, y_min, x_max, y_max) with exclusive maximum, in pixels of
that mask.
"""

import numpy as np
import torch


def masks_to_boxes(masks: torch.Tensor) -> torch.Tensor:
    """Return the extents of masks as boxes.

    Args:
        masks: (N, H, W), non-zero is foreground.

    Returns:
        (N, 4) float32 xyxy with exclusive maximum; zeros for an empty mask.

    Example:
        >>> import torch
        >>> mask = torch.zeros(1, 5, 6); mask[0, 1:3, 2:6] = 1
        >>> masks_to_boxes(mask).tolist()
        [[2.0, 1.0, 6.0, 3.0]]
    """
    masks = masks.bool()
    # Occupied columns and rows; the first from each end gives the box.
    columns, rows = masks.any(dim=1).float(), masks.any(dim=2).float()  # (N, W), (N, H)
    (height, width), found = masks.shape[1:], masks.flatten(1).any(dim=1)
    x_min, y_min = columns.argmax(1), rows.argmax(1)
    x_max, y_max = width - columns.flip(1).argmax(1), height - rows.flip(1).argmax(1)
    return torch.stack([x_min, y_min, x_max, y_max], dim=1).float() * found[:, None]


def centers_of_mass(masks: torch.Tensor) -> torch.Tensor:
    """Return centers of mass over integer pixel indices (without a half-pixel offset), as in the official code.

    Args:
        masks: (N, H, W), non-zero is foreground.

    Returns:
        (N, 2) float32 (x, y); (0, 0) for an empty mask. The center of a non-convex object may lie outside it.
    """
    height, width = masks.shape[1:]
    masks = masks.bool().float()
    columns, rows = masks.sum(dim=1), masks.sum(dim=2)  # (N, W), (N, H)
    area = rows.sum(dim=1).clamp(min=1e-6)
    x = columns @ torch.arange(width, dtype=torch.float32, device=masks.device) / area
    y = rows @ torch.arange(height, dtype=torch.float32, device=masks.device) / area
    return torch.stack([x, y], dim=1)


def downscale_masks(masks: torch.Tensor, scale: float = 0.25) -> torch.Tensor:
    """Downscale binary masks as the official target assignment does: by OpenCV's 8-bit bilinear resize of 0/1 images.

    OpenCV computes in fixed point (weights of 11 bits, intermediate results shifted right by 4 and 16 bits), which for
    0/1 images drops values below a quarter. For sides that are multiples of 4 and `scale` 1/4 this means exactly: at
    least two of the four central pixels are foreground.

    Args:
        masks: (N, H, W), non-zero is foreground.
        scale: scale factor; the new sides are `int(side · scale + 0.5)`.

    Returns:
        (N, H', W') bool.
    """
    height, width = masks.shape[1:]
    masks = masks.bool()
    if scale == 0.25 and height % 4 == 0 and width % 4 == 0:
        # The short form: votes of the four central pixels of each 4 × 4 block.
        top, bottom = masks[:, 1::4], masks[:, 2::4]
        votes = top[..., 1::4].byte() + top[..., 2::4].byte() + bottom[..., 1::4].byte() + bottom[..., 2::4].byte()
        return votes >= 2
    rows, columns = (_fixed_point_weights(side, int(side * scale + 0.5), masks.device) for side in (height, width))
    (left, right, left_weight, right_weight), (above, below, above_weight, below_weight) = columns, rows
    # Interpolate along the rows that are needed, (N, 2H', W) → (N, 2H', W'), then between them.
    rows_needed = masks[:, torch.cat([above, below])].int()
    reduced = rows_needed[..., left] * left_weight + rows_needed[..., right] * right_weight
    upper, lower = (reduced >> 4).split(len(above), dim=1)  # (N, H', W') each
    total = ((upper * above_weight[:, None]) >> 16) + ((lower * below_weight[:, None]) >> 16)
    return (total + 2) >> 2 != 0


def _fixed_point_weights(source: int, target: int, device: torch.device) -> tuple[torch.Tensor, ...]:
    """Return the two neighbors of each new pixel along one axis and their 11-bit weights."""
    # Position of each new pixel between two old ones, as OpenCV rounds it.
    position = ((np.arange(target) + 0.5) * (1.0 / (target / source)) - 0.5).astype(np.float32)
    first = np.floor(position).astype(np.int64)
    fraction = (position - first).astype(np.float32)
    fraction[(first < 0) | (first >= source - 1)] = 0
    first = first.clip(0, source - 1)
    second = (first + 1).clip(max=source - 1)
    near, far = np.rint((np.float32(1) - fraction) * np.float32(2048)), np.rint(fraction * np.float32(2048))
    return tuple(
        torch.as_tensor(values.astype(kind), device=device)
        for values, kind in ((first, np.int64), (second, np.int64), (near, np.int32), (far, np.int32))
    )


def mask_iou(masks: torch.Tensor, others: torch.Tensor | None = None) -> torch.Tensor:
    """Return the intersection over union of every mask with every other one.

    Args:
        masks: (N, H, W) or (N, pixels), 0/1 or bool.
        others: (M, H, W) or (M, pixels); None compares the masks with themselves.

    Returns:
        (N, M) float32; two empty masks have IoU 0.
    """
    first = masks.flatten(1)
    second = first if others is None else others.flatten(1)
    intersection = _intersections(first, second)
    union = _areas(first)[:, None] + _areas(second)[None, :] - intersection
    return intersection / union.clamp(min=1)


def _areas(masks: torch.Tensor) -> torch.Tensor:
    """Return the (N,) float32 number of foreground pixels of (N, pixels) masks."""
    return masks.sum(1, dtype=torch.int64 if masks.dtype == torch.bool else None).float()


def _intersections(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the (N, M) float32 number of pixels that masks (N, pixels) and (M, pixels) share."""
    # 8-bit products are exact, faster and smaller; torch has fast ones for x86 processors only.
    if first.device.type == "cpu" and torch.backends.cpu.get_cpu_capability().startswith("AVX"):
        return torch._int_mm(first.to(torch.int8), second.to(torch.int8).T).float()
    return first.float() @ second.float().T
