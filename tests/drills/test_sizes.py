# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The quick ones of the extreme sizes, and the measure of the soak; `make drills` runs all."""

import sys

import pytest

from drills import sizes, soak


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory from /proc")
@pytest.mark.parametrize("name", ["classes", "one-pixel masks"])
def test_extreme_sizes_pass_within_their_memory(name):
    assert sizes.measured(name) < sizes.SIZES[name].megabytes


def test_growth_is_that_of_the_second_half():
    assert soak.growth([0, 50, 100, 100, 100, 100]) == 0
    assert soak.growth([0, 50, 100, 101, 102, 103, 104]) == pytest.approx(3)
    with pytest.raises(ValueError, match="too few"):
        soak.growth([1])
    flat, leaking = soak.Record([100.0] * 9, [7] * 9), soak.Record([10.0 * n for n in range(9)], list(range(9)))
    assert flat.problems("flat") == []
    assert [problem.partition(";")[2] for problem in leaking.problems("leaking")] == [
        f" at most {soak.MOST_MEGABYTES} are allowed",
        f" at most {soak.MOST_FILES} are allowed",
    ]
