# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Fixtures of the SOLOv2 tests."""

import pytest

from helpers.small_solov2 import drawn_batch, lively_model


@pytest.fixture(scope="session")
def lively():
    """Return the raw outputs of a small model for a batch of two sizes."""
    batch = drawn_batch((64, 96), (75, 50))
    return lively_model().encode(batch["pixel_values"], batch["pixel_mask"])
