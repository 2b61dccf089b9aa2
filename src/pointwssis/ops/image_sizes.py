# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Sizes of resized images."""

from .user_error import UserError


def shortest_edge_size(height: int, width: int, shortest_edge: int, longest_edge: int | None = None) -> tuple[int, int]:
    """Return (height, width) by detectron2's shortest-edge rule, which rounds halves up; transformers truncates.

    Args:
        height: height of the image in pixels.
        width: width of the image in pixels.
        shortest_edge: length of the shorter side after resizing.
        longest_edge: upper bound of the longer side, or None.

    Raises:
        UserError: the image has no pixels.

    Example:
        >>> shortest_edge_size(480, 640, 800, 1333)
        (800, 1067)
    """
    if not height or not width:
        raise UserError(f"the image has no pixels ({width} × {height})")
    scale = shortest_edge / min(height, width)
    if longest_edge is not None and max(height, width) * scale > longest_edge:
        # detectron2 applies the second factor to the result of the first, whose short side is `shortest_edge`.
        scaled = sorted((shortest_edge, max(height, width) * scale))
        factor = longest_edge / scaled[1]
        short, long = (side * factor for side in scaled)
    else:
        short, long = shortest_edge, max(height, width) * scale
    short, long = max(1, int(short + 0.5)), max(1, int(long + 0.5))
    return (short, long) if height < width else (long, short)
