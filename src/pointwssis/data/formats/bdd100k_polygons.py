# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""BDD100K's `poly2d`: outlines of straight lines and cubic Bézier curves, as polygons.

A `poly2d` is a list of parts `{"vertices": [[x, y], …], "types": "LLCCCL…", "closed": true}`. The documentation says
that L is a vertex and C a control point; in the files of the dataset the end of a curve is a C too ("LCCC" is a whole
curve), in newer exports of the labeling tool it is an L ("LCCL"). Both are read: Cs come in threes, two control points
and the end; where the third is missing the curve ends at the L that follows, or, last of all, at the first vertex. The
first vertex is a beginning whatever its type.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import AnnotationError
from .coco_records import read_numbers, required

CURVE_STEPS = 16  # straight pieces of a curve
_T = np.linspace(0, 1, CURVE_STEPS + 1)[1:, None]
_BERNSTEIN = np.hstack([(1 - _T) ** 3, 3 * (1 - _T) ** 2 * _T, 3 * (1 - _T) * _T**2, _T**3])  # (steps, 4)


def read_poly2d(value: Any) -> list[list[float]]:
    """The parts of one object as COCO polygons.

    Args:
        value: the label's `poly2d`.

    Returns:
        `[[x0, y0, x1, y1, …], …]` in pixels of the image, (0, 0) the corner of its first pixel.

    Raises:
        AnnotationError: it is no list of closed outlines.

    Example:
        >>> read_poly2d([{"vertices": [[0, 0], [4, 0], [4, 4]], "types": "LLL", "closed": True}])
        [[0.0, 0.0, 4.0, 0.0, 4.0, 4.0]]
    """
    if not isinstance(value, list):
        raise AnnotationError("poly2d is no list", "poly2d", value, "give a list of {vertices, types, closed}")
    return [_outline(part).ravel().tolist() for part in value]


def _outline(part: Any) -> np.ndarray:
    if not isinstance(part, Mapping):
        raise AnnotationError("part of poly2d is no JSON object", "poly2d", part, "give {vertices, types, closed}")
    vertices, types = required(part, "vertices"), part.get("types")
    if not isinstance(vertices, list) or len(vertices) < 3:
        raise AnnotationError("outline of fewer than three vertices", "vertices", vertices, "give [[x, y], …]")
    points = np.array([read_numbers(vertex, "vertices", 2) for vertex in vertices])
    types = "L" * len(points) if types is None else types
    if not isinstance(types, str) or len(types) != len(points) or set(types) - {"L", "C"}:
        raise AnnotationError(
            "types do not fit the vertices", "types", types, f"give one L or C for each of {len(points)}"
        )
    if not part.get("closed", True):
        raise AnnotationError(
            "path that is not closed", "closed", part["closed"], "an object is an area: close its outline"
        )
    return _flattened(points, types)


def _flattened(points: np.ndarray, types: str) -> np.ndarray:
    """The outline with straight pieces in place of its curves: (n, 2)."""
    pieces, position = [points[:1]], 1
    while position < len(points):
        if types[position] == "L":
            pieces.append(points[position : position + 1])
            position += 1
            continue
        run = len(types[position:]) - len(types[position:].lstrip("C"))
        controls = points[position : position + 3]
        if run == 2:  # the end is the L that follows, or the first vertex
            controls = points[[position, position + 1, (position + 2) % len(points)]]
        if run == 1:
            raise AnnotationError(
                "curve without two control points", "types", types, "curves are cubic: CCC, or CC and an L"
            )
        pieces.append(_BERNSTEIN @ np.vstack([pieces[-1][-1:], controls]))
        position += 3
    return np.vstack(pieces)
