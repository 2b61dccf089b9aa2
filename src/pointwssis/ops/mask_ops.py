# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Masks as tensors: boxes, centers of mass, downscaling and IoU.

A mask is (height, width); points are (x, y) and boxes (x_min, y_min, x_max, y_max) with exclusive maximum, in pixels of
that mask.
"""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

PIXELS_PER_WORD = 8  # bytes of a 64-bit integer
LARGEST_BYTE = 255


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
    pixels = masks.bool().view(torch.uint8)
    # Words start at multiples of eight bytes; other masks are copied, with zeros at the end of each row.
    is_aligned = pixels.is_contiguous() and not (width | pixels.storage_offset()) % PIXELS_PER_WORD
    padded = pixels if is_aligned else F.pad(pixels, (0, -width % PIXELS_PER_WORD))
    words_per_row = padded.shape[2] // PIXELS_PER_WORD
    words = padded.reshape(-1).view(torch.int64).view(count, height, words_per_row)
    # Sums of up to 255 words, whose bytes are then added as numbers of their own
    columns = masks.new_zeros((count, padded.shape[2]), dtype=torch.int64)
    for part in words.split(LARGEST_BYTE, dim=1):
        columns += part.sum(dim=1).view(torch.uint8)
    rows = masks.new_zeros((count, height), dtype=torch.int64)
    for part in words.split(LARGEST_BYTE, dim=2):
        rows += part.sum(dim=2, keepdim=True).view(torch.uint8).sum(dim=2)
    return columns[:, :width], rows


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
        # The short form: votes of the four central pixels of each 4 × 4 block.
        top, bottom = masks[:, 1::4], masks[:, 2::4]
        votes = top[..., 1::4].byte() + top[..., 2::4].byte() + bottom[..., 1::4].byte() + bottom[..., 2::4].byte()
        return votes >= 2
    new_sides = [max(1, int(side * scale + 0.5)) for side in (height, width)]
    rows, columns = (
        _fixed_point_weights(*sides, masks.device) for sides in zip((height, width), new_sides, strict=True)
    )
    (left, right, left_weight, right_weight), (above, below, above_weight, below_weight) = columns, rows
    # The four neighbors of each new pixel. Where they agree so does the new pixel.
    upper, lower = masks.index_select(1, above), masks.index_select(1, below)  # (N, H', W) each
    corners = [part.index_select(2, side) for part in (upper, lower) for side in (left, right)]  # (N, H', W') each
    small = corners[0] & corners[1] & corners[2] & corners[3]
    mixed = (corners[0] | corners[1] | corners[2] | corners[3]) ^ small
    # Interpolate along the rows, then between them.
    row, column = mixed.nonzero(as_tuple=True)[1:]
    values = [corner[mixed].int() for corner in corners]
    above_value = (values[0] * left_weight[column] + values[1] * right_weight[column]) >> 4
    below_value = (values[2] * left_weight[column] + values[3] * right_weight[column]) >> 4
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
