# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Masks as tensors: boxes, centers of mass, downscaling and IoU.

A mask is (height, width); points are (x, y) and boxes (x_min, y_min, x_max, y_max) with exclusive maximum, in pixels of
that mask.
"""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

LARGEST_BYTE = 255
ALL_NEIGHBORS = 0b1111
AT_LEAST_TWO_VOTES = 0x0600  # bits of 2 and 4 in the second byte of a 32-bit integer


class Extents(NamedTuple):
    """Boxes, centers of mass and areas of masks."""

    boxes: torch.Tensor  # (N, 4) float32 xyxy with exclusive maximum; zeros for an empty mask
    # (N, 2) float32 (x, y), over integer pixel indices (without a half-pixel offset) as in the official code; (0, 0)
    # for an empty mask. The center of a non-convex object may lie outside it.
    centers: torch.Tensor
    areas: torch.Tensor  # (N,) float32, pixels


def mask_extents(masks: torch.Tensor) -> Extents:
    """Return boxes, centers of mass and areas of masks, from one pass over their pixels.

    Args:
        masks: (N, H, W), non-zero is foreground.
    """
    columns, rows = (counts.float() for counts in projections(masks))  # (N, W), (N, H)
    (height, width), areas = masks.shape[1:], rows.sum(dim=1)
    # The first occupied column and row from each end give the box.
    x_min, x_max = _occupied_range(columns)
    y_min, y_max = _occupied_range(rows)
    boxes = torch.stack([x_min, y_min, x_max, y_max], dim=1).float() * (areas > 0)[:, None]
    # The mean index, weighted by the pixels of each column or row
    divisor = areas.clamp(min=1e-6)
    x = columns @ torch.arange(width, dtype=torch.float32, device=masks.device) / divisor
    y = rows @ torch.arange(height, dtype=torch.float32, device=masks.device) / divisor
    return Extents(boxes, torch.stack([x, y], dim=1), areas)


def projections(masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the number of foreground pixels in each column and in each row of masks.

    Eight pixels are added at once: as the bytes of one 64-bit integer, which count up to 255 without an overflow.

    Args:
        masks: (N, H, W), non-zero is foreground.

    Returns:
        (N, W) and (N, H) int64.

    Example:
        >>> import torch
        >>> columns, rows = projections(torch.tensor([[[1, 0, 1], [1, 0, 0]]]))
        >>> columns.tolist(), rows.tolist()
        ([[2, 0, 1]], [[2, 1]])
    """
    count, height, width = masks.shape
    words = _words_of_pixels(masks, torch.int64)
    # Sums of up to 255 words, whose bytes are then added as numbers of their own
    columns = masks.new_zeros((count, 8 * words.shape[2]), dtype=torch.int64)
    for part in words.split(LARGEST_BYTE, dim=1):
        columns += part.sum(dim=1).view(torch.uint8)
    rows = masks.new_zeros((count, height), dtype=torch.int64)
    for part in words.split(LARGEST_BYTE, dim=2):
        rows += part.sum(dim=2, keepdim=True).view(torch.uint8).sum(dim=2)
    return columns[:, :width], rows


def _words_of_pixels(masks: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return (N, H, words) integers whose bytes are the pixels of (N, H, W) masks, 0 or 1; rows end with zeros."""
    pixels, size = masks.bool().view(torch.uint8), dtype.itemsize
    count, height, width = masks.shape
    # Words start at multiples of their size; other masks are copied.
    if not pixels.is_contiguous() or (width | pixels.storage_offset()) % size:
        pixels = F.pad(pixels, (0, -width % size))
    return pixels.reshape(-1).view(dtype).view(count, height, pixels.shape[2] // size)  # also for no mask at all


def _occupied_range(counts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the first index with a positive count in each row, and the one after the last."""
    occupied = (counts > 0).float()
    return occupied.argmax(1), counts.shape[1] - occupied.flip(1).argmax(1)


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
    return mask_extents(masks).boxes


def centers_of_mass(masks: torch.Tensor) -> torch.Tensor:
    """Return centers of mass over integer pixel indices (without a half-pixel offset), as in the official code.

    Args:
        masks: (N, H, W), non-zero is foreground.

    Returns:
        (N, 2) float32 (x, y); (0, 0) for an empty mask. The center of a non-convex object may lie outside it.
    """
    return mask_extents(masks).centers


def downscale_masks(masks: torch.Tensor, scale: float = 0.25) -> torch.Tensor:
    """Downscale binary masks as the official target assignment does: by OpenCV's 8-bit bilinear resize of 0/1 images.

    OpenCV computes in fixed point (weights of 11 bits, intermediate results shifted right by 4 and 16 bits), which for
    0/1 images drops values below a quarter. For sides that are multiples of 4 and `scale` 1/4 this means exactly: at
    least two of the four central pixels are foreground.

    Args:
        masks: (N, H, W), non-zero is foreground.
        scale: scale factor; the new sides are `int(side · scale + 0.5)`, at least 1 (OpenCV refuses 0).

    Returns:
        (N, H', W') bool.
    """
    height, width = masks.shape[1:]
    masks = masks.bool()
    if scale == 0.25 and height % 4 == 0 and width % 4 == 0:
        # The short form: votes of the four central pixels of each 4 × 4 block. Four pixels of a row are the bytes of a
        # word; its two central ones are added to one of them, which is at most 4.
        words = _words_of_pixels(masks, torch.int32)
        votes = words[:, 1::4] + words[:, 2::4]
        votes += votes >> 8
        return votes & AT_LEAST_TWO_VOTES != 0
    new_sides = [max(1, int(side * scale + 0.5)) for side in (height, width)]
    rows, columns = (
        _fixed_point_weights(*sides, masks.device) for sides in zip((height, width), new_sides, strict=True)
    )
    (left, right, left_weight, right_weight), (above, below, above_weight, below_weight) = columns, rows
    # The four neighbors of each new pixel, as bits of one number. Where they agree so does the new pixel.
    pixels = masks.view(torch.uint8)
    pairs = pixels.index_select(1, above) + 2 * pixels.index_select(1, below)  # (N, H', W)
    neighbors = pairs.index_select(2, left) + 4 * pairs.index_select(2, right)  # (N, H', W')
    small = neighbors == ALL_NEIGHBORS
    mixed = (neighbors > 0) ^ small
    # Interpolate along the rows, then between them.
    row, column = mixed.nonzero(as_tuple=True)[1:]
    bits = neighbors[mixed].int()
    left_weight, right_weight = left_weight[column], right_weight[column]
    above_value = ((bits & 1) * left_weight + (bits >> 2 & 1) * right_weight) >> 4
    below_value = ((bits >> 1 & 1) * left_weight + (bits >> 3) * right_weight) >> 4
    total = ((above_value * above_weight[row]) >> 16) + ((below_value * below_weight[row]) >> 16)
    small[mixed] = (total + 2) >> 2 != 0
    return small


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
