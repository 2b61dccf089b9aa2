# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Points and comparisons that the tests of the pipelines share."""

from typing import Any

import numpy as np
import pytest

POINTS = [(10.0, 12.0), (40.5, 30.0), (63.0, 63.0)]


def as_array(mask: Any) -> np.ndarray:
    """Return a PIL image or an array as (H, W) bool."""
    return np.asarray(mask) > 0


def assert_same(first: list[dict], second: list[dict], pixels: int = 3) -> None:
    """Assert that two results are equal up to rounding: a batch is multiplied in another order than a single image."""
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert one.keys() == other.keys()
        assert one["label"] == other["label"]
        assert one["score"] == pytest.approx(other["score"], abs=1e-5)
        assert (as_array(one["mask"]) != as_array(other["mask"])).sum() <= pixels
