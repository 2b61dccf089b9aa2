# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Geometry of point prompts: where a point comes from, which crop surrounds it, what a network sees of it.

Points are `(x, y)` pixel indices: the pixel in column 3 has x = 3, without a half added. Boxes are `(x0, y0, x1, y1)`
whose maximum is exclusive, so that `image[y0:y1, x0:x1]` is the crop.
"""

from typing import Literal

import numpy as np
import torch

PointKind = Literal["center", "box_center", "random"]
CropBox = tuple[int, int, int, int]

# Side of the box that stands in for an empty rough mask, as a part of the image's shorter side (before scaling).
EMPTY_MASK_EXTENT = 1 / 8


def point_from_mask(
    mask: np.ndarray, kind: PointKind = "center", generator: np.random.Generator | None = None
) -> tuple[float, float]:
    """The point label of one object.

    The paper's points are centres of mass; its table 4 compares them with random ones. A centre may lie outside of an
    object that is not convex; `random` never does.

    Args:
        mask: (H, W) bool, the object in an image's frame.
        kind: `center` (of mass, over pixel indices), `box_center` (of the mask's extent) or `random` (a pixel of it).
        generator: source of `random`; a new unseeded one if absent.

    Returns:
        (x, y) in the mask's pixels.

    >>> mask = np.zeros((4, 8), bool)
    >>> mask[1:3, 2:7] = True
    >>> point_from_mask(mask)
    (4.0, 1.5)
    """
    rows, columns = np.nonzero(np.asarray(mask))
    if len(rows) == 0:
        raise ValueError("point_from_mask: the mask is empty, so it has no point; drop the object or give it a point")
    if kind == "center":
        return float(columns.mean()), float(rows.mean())
    if kind == "box_center":
        return float(columns.min() + columns.max()) / 2, float(rows.min() + rows.max()) / 2
    if kind == "random":
        pick = (generator or np.random.default_rng()).integers(len(rows))
        return float(columns[pick]), float(rows[pick])
    raise ValueError(f"point_from_mask: unknown kind {kind!r}; choose 'center', 'box_center' or 'random'")


def scale_points(
    points: np.ndarray | torch.Tensor, from_size: tuple[int, int], to_size: tuple[int, int]
) -> np.ndarray | torch.Tensor:
    """Carry points along when an image is resized.

    Args:
        points: (N, 2) float, (x, y) in pixels of an image of `from_size`.
        from_size: (height, width) before.
        to_size: (height, width) after.

    Returns:
        (N, 2) float, (x, y) in pixels of the resized image.

    >>> scale_points(np.array([[10.0, 20.0]]), (100, 50), (50, 100))
    array([[20., 10.]])
    """
    (from_height, from_width), (to_height, to_width) = from_size, to_size
    factors = (to_width / from_width, to_height / from_height)
    if isinstance(points, torch.Tensor):
        return points * torch.tensor(factors, dtype=torch.get_default_dtype(), device=points.device)
    return np.asarray(points, dtype=np.float64) * np.array(factors)


def crop_box_around(mask: np.ndarray, point: tuple[float, float], scale: float = 2.0) -> CropBox:
    """The crop around one rough mask and its point: one geometry for training and inference (paper section 3.3).

    The mask's extent (first to last pixel) is scaled about its centre and cut off to whole pixels. If the point lies
    beyond a side, this side alone moves to half a scaled extent behind the point. The crop is clipped to the image; it
    always holds the mask and the point. Official training leaves out the last row and column, official inference and
    ours keep them. An empty rough mask, on which the official code fails, counts as a box around the point, its side an
    eighth of the image's shorter side.

    Args:
        mask: (H, W) bool, the rough mask in the image's frame.
        point: (x, y) in the image's pixels.
        scale: size of the crop over the mask's extent; 2 at inference, drawn from 1 to 2 in training.

    Returns:
        (x0, y0, x1, y1) in the image's pixels, maximum exclusive, at least one pixel.

    >>> mask = np.zeros((100, 100), bool)
    >>> mask[40:61, 30:51] = True
    >>> crop_box_around(mask, (40, 50))
    (20, 30, 61, 71)
    >>> crop_box_around(mask, (75, 50))
    (20, 30, 96, 71)
    """
    mask = np.asarray(mask)
    height, width = mask.shape
    if not (0 <= point[0] < width and 0 <= point[1] < height):
        raise ValueError(
            f"point ({point[0]}, {point[1]}) lies outside of the image of {width} x {height} pixels; "
            f"give (x, y) in pixels of the original image"
        )
    x_first, x_last = _extent(mask.any(axis=0), point[0], min(height, width))
    y_first, y_last = _extent(mask.any(axis=1), point[1], min(height, width))
    x0, x1 = _scaled_side(x_first, x_last, point[0], scale, width)
    y0, y1 = _scaled_side(y_first, y_last, point[1], scale, height)
    return x0, y0, x1, y1


def _extent(occupied: np.ndarray, coordinate: float, shorter_side: int) -> tuple[float, float]:
    """First and last occupied index of an axis; around the coordinate where there is none."""
    indices = np.flatnonzero(occupied)
    if len(indices):
        return float(indices[0]), float(indices[-1])
    half = shorter_side * EMPTY_MASK_EXTENT / 2
    return coordinate - half, coordinate + half


def _scaled_side(first: float, last: float, coordinate: float, scale: float, size: int) -> tuple[int, int]:
    """One axis of `crop_box_around`: (start, exclusive stop) in whole pixels of an axis of `size` pixels."""
    middle, half = (first + last) / 2, (last - first) / 2 * scale
    start = max(int(middle - half), 0)
    stop = min(int(middle + half), size - 1)
    if coordinate < start:
        start = max(int(coordinate - half), 0)
    elif coordinate > stop:
        stop = min(int(coordinate + half), size - 1)
    return start, stop + 1


def points_to_crops(points: np.ndarray, boxes: np.ndarray, crop_size: tuple[int, int]) -> np.ndarray:
    """Points in the pixels of their resized crops, cut off to whole pixels as the official inference does.

    Args:
        points: (N, 2) float, (x, y) in the image's pixels, each inside of its box.
        boxes: (N, 4) int, (x0, y0, x1, y1) in the image's pixels, maximum exclusive.
        crop_size: (height, width) to which the crops are resized.

    Returns:
        (N, 2) int64, (x, y) in pixels of the resized crops.

    >>> points_to_crops(np.array([[30.0, 15.0]]), np.array([[20, 10, 40, 20]]), (64, 64))
    array([[32, 32]])
    """
    points, boxes = np.asarray(points, dtype=np.float64).reshape(-1, 2), np.asarray(boxes).reshape(-1, 4)
    start, stop = boxes[:, :2], boxes[:, 2:]  # (N, 2) each
    size = np.array([crop_size[1], crop_size[0]])
    return ((points - start) / (stop - start) * size).astype(np.int64)


def draw_point_heatmaps(points: torch.Tensor, size: tuple[int, int], sigma: float = 6.0) -> torch.Tensor:
    """One Gaussian per point, cut off outside of a square of 6 sigma + 3 pixels (39 x 39 with the paper's sigma of 6).

    Args:
        points: (N, 2), (x, y) in pixels of the crop; fractions are dropped, so that the peak is exactly 1.
        size: (height, width) of the crop.
        sigma: standard deviation in pixels of the crop.

    Returns:
        (N, height, width) float32 on the points' device; all zero where the point lies outside of the crop.

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
    """(N, length) float32: exp(-d^2 / 2 sigma^2) along an axis, zero beyond 3 sigma + 1 pixels from the centre."""
    distance = torch.arange(length, device=center.device) - center[:, None].to(torch.float32)
    return torch.exp(-(distance**2) / (2 * sigma**2)) * (distance.abs() <= int(3 * sigma + 1))
