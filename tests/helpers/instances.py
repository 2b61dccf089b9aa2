# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Comparison of two results of a pipeline."""

from collections.abc import Sequence
from typing import Any

import numpy as np

CLOSE = ("score", "background_score", "level_scores")
EQUAL = ("label", "label_id", "level", "point", "point_in_mask")


def assert_same_instances(found: Sequence[dict], expected: Sequence[dict], min_iou: float = 0.999) -> None:
    """Assert that two results agree: classes and levels exactly, scores within 0.001, masks by their IoU.

    Args:
        found: instances with masks as arrays.
        expected: the same.
        min_iou: least IoU of two masks.
    """
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert {key: one.get(key) for key in EQUAL} == {key: other.get(key) for key in EQUAL}
        for key in CLOSE:
            np.testing.assert_allclose(one.get(key, 0), other.get(key, 0), atol=1e-3)
        names = [[a["label"] for a in result.get("alternatives", [])] for result in (one, other)]
        assert names[0] == names[1]
        for key in ("mask", "rough_mask"):
            assert (key in one) == (key in other)
            if key in one:
                assert iou(one[key], other[key]) >= min_iou


def iou(first: Any, second: Any) -> float:
    """Return the IoU of two bool masks, 1 for two empty ones."""
    union = (first | second).sum()
    return 1.0 if union == 0 else (first & second).sum() / union
