# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Polygons from BDD100K's `poly2d`, outlines of straight lines and cubic Bézier curves.

A `poly2d` is a list of parts `{"vertices": [[x, y], …], "types": "LLCCCL…", "closed": true}`. According to the
documentation L is a vertex and C a control point; in the files of the dataset the end of a curve is a C too ("LCCC" is
a whole curve), in newer exports of the labeling tool it is an L ("LCCL"). Both are read: Cs come in threes, two control
points and the end; without a third the curve ends at the next L, or at the first vertex if none follows. The type of
the first vertex does not matter.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import AnnotationError
from .coco_records import read_numbers, required

CURVE_STEPS = 16  # straight segments per curve
_T = np.linspace(0, 1, CURVE_STEPS + 1)[1:, None]
_BERNSTEIN = np.hstack([(1 - _T) ** 3, 3 * (1 - _T) ** 2 * _T, 3 * (1 - _T) * _T**2, _T**3])  # (steps, 4)


def read_poly2d(value: Any) -> list[list[float]]:
    """Return the parts of one object as COCO polygons.

    Args:
        value: `poly2d` of the label.

    Returns:
        `[[x0, y0, x1, y1, …], …]` in pixels of the image; (0, 0) is the corner of its first pixel.

    Raises:
        AnnotationError: it is not a list of closed outlines.

    Example:
        >>> read_poly2d([{"vertices": [[0, 0], [4, 0], [4, 4]], "types": "LLL", "closed": True}])
        [[0.0, 0.0, 4.0, 0.0, 4.0, 4.0]]
    """
    if not isinstance(value, list):
        raise AnnotationError("poly2d is not a list", "poly2d", value, "give a list of {vertices, types, closed}")
    return [_outline(part).ravel().tolist() for part in value]


def _outline(part: Any) -> np.ndarray:
    if not isinstance(part, Mapping):
        raise AnnotationError("part of poly2d is not a JSON object", "poly2d", part, "give {vertices, types, closed}")
    vertices, types = required(part, "vertices"), part.get("types")
    if not isinstance(vertices, list) or len(vertices) < 3:
        raise AnnotationError("outline of fewer than three vertices", "vertices", vertices, "give [[x, y], …]")
    points = np.array([read_numbers(vertex, "vertices", 2) for vertex in vertices])
    # Without types all vertices are joined by straight lines
    types = "L" * len(points) if types is None else types
    if not isinstance(types, str) or len(types) != len(points) or set(types) - {"L", "C"}:
        hint = f"give one L or C for each of {len(points)}"
        raise AnnotationError("types do not fit the vertices", "types", types, hint)
    # An open path, such as a lane, has no area
    if not part.get("closed", True):
        hint = "an object is an area: close its outline"
        raise AnnotationError("path that is not closed", "closed", part["closed"], hint)
    return _flattened(points, types)


def _flattened(points: np.ndarray, types: str) -> np.ndarray:
    """Return the outline, (n, 2), with straight segments in place of its curves."""
    # The first vertex starts the outline, whatever its type
    pieces, position = [points[:1]], 1
    while position < len(points):
        if types[position] == "L":
            # An L: the vertex itself, at the end of a straight line
            pieces.append(points[position : position + 1])
            position += 1
            continue
        # A run of three or more Cs begins with a whole curve, a run of two lacks its end.
        run = len(types[position:]) - len(types[position:].lstrip("C"))
        controls = points[position : position + 3]
        if run == 2:  # the curve ends at the next L, or at the first vertex
            controls = points[[position, position + 1, (position + 2) % len(points)]]
        if run == 1:
            hint = "curves are cubic: CCC, or CC and an L"
            raise AnnotationError("curve without two control points", "types", types, hint)
        # The curve starts at the end of the outline so far, which is not repeated.
        pieces.append(_BERNSTEIN @ np.vstack([pieces[-1][-1:], controls]))
        position += 3
    return np.vstack(pieces)
