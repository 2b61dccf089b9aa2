# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Random windows of training images, the counterpart of the tiles of inference."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..ops.coco_masks import decode_rle, rle_box
from ..ops.tiles import Window

OBJECT_PROBABILITY = 0.8  # of a window around a random object; the others lie anywhere, so that background is learned


def random_window(
    height: int, width: int, side: int, objects: Sequence[Mapping[str, Any]], generator: np.random.Generator
) -> Window:
    """Draw a square window of an image; mostly one that holds the center of a random object.

    Args:
        height: height of the image in pixels.
        width: width of the image in pixels.
        side: side of the window in pixels; an image that is smaller limits it.
        objects: objects with a `segmentation`, in the form of the schema.
        generator: source of randomness.
    """
    # Both kinds of windows start at a random pixel: any of the image, or one that leaves the object inside.
    low, high = np.zeros(2), np.array([max(0, width - side), max(0, height - side)])
    if objects and generator.random() < OBJECT_PROBABILITY:
        x, y, box_width, box_height = rle_box(objects[int(generator.integers(len(objects)))]["segmentation"])
        center = np.array([x + box_width / 2, y + box_height / 2])
        low, high = np.clip(center - side, low, high), np.clip(center, low, high)
    left, top = np.rint(generator.uniform(low, high)).astype(int).tolist()
    return Window(left, top, min(left + side, width), min(top + side, height))


def objects_in_window(
    objects: Sequence[Mapping[str, Any]], window: Window
) -> tuple[list[Mapping[str, Any]], np.ndarray]:
    """Return the objects of which a window shows a pixel, and their masks in its frame.

    Masks are decoded one by one, because those of a large image may not fit into memory together.

    Args:
        objects: objects with a `segmentation`, in the form of the schema.
        window: window of the image.

    Returns:
        The objects in their order, and (N, height, width) bool.
    """
    shown, masks = [], [np.zeros((0, *window.size), dtype=bool)]
    for item in objects:
        # Most objects of a large image are recognized as outside by their box.
        x, y, width, height = rle_box(item["segmentation"])
        if x >= window.right or y >= window.bottom or x + width <= window.left or y + height <= window.top:
            continue
        mask = decode_rle(item["segmentation"])[window.slices].astype(bool)
        if mask.any():
            shown.append(item)
            masks.append(mask[None])
    return shown, np.concatenate(masks)


def points_in_window(points: np.ndarray, window: Window) -> np.ndarray:
    """Return the (M, 2) points inside a window, (x, y) in its pixels, of (N, 2) points of the image."""
    height, width = window.size
    points = points - np.array([window.left, window.top], dtype=points.dtype)
    inside = ((points >= 0) & (points <= np.array([width - 1, height - 1]))).all(axis=1)
    return points[inside]
