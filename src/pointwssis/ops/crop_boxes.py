# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Crops around objects: boxes in the image, and points in the resized crop (paper, section 3.3)."""

import numpy as np

CropBox = tuple[int, int, int, int]  # (x0, y0, x1, y1) in pixels of the image, maximum exclusive

# Side of the box that replaces an empty rough mask, as a fraction of the image's shorter side (before scaling).
EMPTY_MASK_EXTENT = 1 / 8


def crop_box_around(mask: np.ndarray, point: tuple[float, float], scale: float = 2.0) -> CropBox:
    """Return the crop around one rough mask and its point, in training as at inference (paper, section 3.3).

    The mask's extent (first to last pixel) is scaled about its center and truncated to whole pixels. If the point lies
    beyond a side, only this side moves to half a scaled extent behind the point. The crop is clipped to the image; it
    always contains the mask and the point. Official training omits the last row and column, official inference and
    ours keep them. An empty rough mask, on which the official code fails, is replaced by a box around the point whose
    side is an eighth of the image's shorter side.

    Args:
        mask: (H, W) bool, the rough mask in the frame of the image.
        point: (x, y) in pixels of the image.
        scale: size of the crop relative to the mask's extent; 2 at inference, drawn from 1 to 2 in training.

    Returns:
        (x0, y0, x1, y1) in pixels of the image, maximum exclusive, at least one pixel.

    Raises:
        ValueError: the point lies outside the image.

    Example:
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
            f"point ({point[0]}, {point[1]}) lies outside the image of {width} × {height} pixels; "
            f"give (x, y) in pixels of the original image"
        )
    # Extent of the mask on each axis, then the scaled side that contains the point.
    # Columns are searched only where there are rows, because an object is much smaller than its image.
    rows = mask.any(axis=1)
    y_first, y_last = _extent(rows, point[1], min(height, width))
    columns = mask[int(y_first) : int(y_last) + 1].any(axis=0) if rows.any() else np.zeros(width, bool)
    x_first, x_last = _extent(columns, point[0], min(height, width))
    x0, x1 = _scaled_side(x_first, x_last, point[0], scale, width)
    y0, y1 = _scaled_side(y_first, y_last, point[1], scale, height)
    return x0, y0, x1, y1


def _extent(occupied: np.ndarray, coordinate: float, shorter_side: int) -> tuple[float, float]:
    """Return the first and last occupied index of an axis, or an extent around the coordinate if there is none."""
    indices = np.flatnonzero(occupied)
    if len(indices):
        return float(indices[0]), float(indices[-1])
    half = shorter_side * EMPTY_MASK_EXTENT / 2
    return coordinate - half, coordinate + half


def _scaled_side(first: float, last: float, coordinate: float, scale: float, size: int) -> tuple[int, int]:
    """Return one axis of `crop_box_around`: (start, exclusive stop) in whole pixels of an axis of `size` pixels."""
    middle, half = (first + last) / 2, (last - first) / 2 * scale
    start = max(int(middle - half), 0)
    stop = min(int(middle + half), size - 1)
    if coordinate < start:
        start = max(int(coordinate - half), 0)
    elif coordinate > stop:
        stop = min(int(coordinate + half), size - 1)
    return start, stop + 1


def points_to_crops(points: np.ndarray, boxes: np.ndarray, crop_size: tuple[int, int]) -> np.ndarray:
    """Return points in pixels of their resized crops, truncated to whole pixels as in the official inference.

    Args:
        points: (N, 2) float, (x, y) in pixels of the image, each inside its box.
        boxes: (N, 4) int, (x0, y0, x1, y1) in pixels of the image, maximum exclusive.
        crop_size: (height, width) of the resized crops.

    Returns:
        (N, 2) int64, (x, y) in pixels of the resized crops.

    >>> points_to_crops(np.array([[30.0, 15.0]]), np.array([[20, 10, 40, 20]]), (64, 64))
    array([[32, 32]])
    """
    points, boxes = np.asarray(points, dtype=np.float64).reshape(-1, 2), np.asarray(boxes).reshape(-1, 4)
    start, stop = boxes[:, :2], boxes[:, 2:]  # (N, 2) each
    size = np.array([crop_size[1], crop_size[0]])
    return ((points - start) / (stop - start) * size).astype(np.int64)
