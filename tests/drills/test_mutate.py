# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A few hundred mutations of each kind of file; `python -m tests.drills.mutate` runs any number of them."""

import pytest

from drills.mutate import TARGETS, run

MUTATIONS = 60  # per loader, a few seconds


@pytest.mark.parametrize("name", TARGETS)
def test_mutated_files_end_in_rows_or_in_one_error(name):
    outcomes, failures = run(name, MUTATIONS)
    assert not failures, failures[:3]
    # Most mutations do matter, and formats of text survive some.
    assert outcomes["error"] > MUTATIONS / 4
    assert outcomes["rows"] + outcomes["error"] >= MUTATIONS
