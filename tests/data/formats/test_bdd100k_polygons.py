# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Outlines of BDD100K: straight lines and Bézier curves."""

import numpy as np
import pytest

from helpers.bdd100k_labels import CAR, NAMES, RIDER, frame, label, rectangle
from pointwssis.data.errors import AnnotationError
from pointwssis.data.formats.bdd100k_polygons import CURVE_STEPS, read_poly2d
from pointwssis.ops.coco_masks import decode_rle


def outline(types: str, *vertices: tuple[float, float]) -> np.ndarray:
    (polygon,) = read_poly2d([{"vertices": [list(vertex) for vertex in vertices], "types": types, "closed": True}])
    return np.array(polygon).reshape(-1, 2)


K = 4 * (2**0.5 - 1) / 3  # with which four cubic curves look like a circle
QUARTERS = [(1, K), (K, 1), (0, 1), (-K, 1), (-1, K), (-1, 0), (-1, -K), (-K, -1), (0, -1), (K, -1), (1, -K)]


@pytest.mark.parametrize(
    ("types", "vertices"),
    [
        ("L" + "CCC" * 3 + "CC", [(1, 0), *QUARTERS]),
        ("L" + "CCL" * 3 + "CC", [(1, 0), *QUARTERS]),
        ("L" + "CCC" * 4, [(1, 0), *QUARTERS, (1, 0)]),
        ("C" + "CCL" + "CCC" * 2 + "CCL", [(1, 0), *QUARTERS, (1, 0)]),
    ],
)
def test_a_circle_of_curves(types, vertices):
    points = outline(types, *vertices)
    assert len(points) == 1 + 4 * CURVE_STEPS
    assert np.abs(np.linalg.norm(points, axis=1) - 1).max() < 3e-4
    angles = np.unwrap(np.arctan2(points[:, 1], points[:, 0]))
    assert np.all(np.diff(angles) > 0) and angles[-1] - angles[0] == pytest.approx(2 * np.pi)


def test_lines_and_curves_in_turn():
    points = outline("LLCCCL", (0, 0), (4, 0), (6, 0), (6, 4), (4, 4), (0, 4))
    assert points[:2].tolist() == [[0, 0], [4, 0]] and points[-2:].tolist() == [[4, 4], [0, 4]]
    assert points[:, 0].max() == pytest.approx(5.5) and len(points) == 3 + CURVE_STEPS
    assert outline("LLL", (0, 0), (1, 0), (1, 1)).tolist() == [[0, 0], [1, 0], [1, 1]]
    (plain,) = read_poly2d([{"vertices": [[0, 0], [1, 0], [1, 1]]}])
    assert plain == [0, 0, 1, 0, 1, 1]


def test_parts_of_an_object_are_one_mask(bdd100k):
    parts = [{"vertices": rectangle(mask), "types": "LLLL", "closed": True} for mask in (CAR, RIDER)]
    (item,) = bdd100k.load([frame(NAMES[0], label("car", poly2d=parts))])[0]["objects"]
    assert np.array_equal(decode_rle(item["segmentation"]), CAR | RIDER)


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ({"vertices": [[0, 0], [1, 1]], "types": "LL", "closed": True}, "vertices"),
        ({"vertices": [[0, 0], [1, 1], [1, None]], "types": "LLL", "closed": True}, "vertices"),
        ({"vertices": [[0, 0], [1, 1], [1, 2, 3]], "types": "LLL", "closed": True}, "vertices"),
        ({"vertices": [[0, 0], [1, 1], [0, 1]], "types": "LL", "closed": True}, "types"),
        ({"vertices": [[0, 0], [1, 1], [0, 1]], "types": "LLX", "closed": True}, "types"),
        ({"vertices": [[0, 0], [1, 1], [0, 1]], "types": "LCL", "closed": True}, "types"),
        ({"vertices": [[0, 0], [1, 1], [0, 1]], "types": "LLL", "closed": False}, "closed"),
        ({"types": "LLL", "closed": True}, "vertices"),
        (3, "poly2d"),
    ],
)
def test_outlines_that_are_none(part, field):
    with pytest.raises(AnnotationError) as caught:
        read_poly2d([part])
    assert caught.value.field == field
