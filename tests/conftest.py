# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Fixtures that several tests share."""

from pathlib import Path

import pytest

PARITY = Path(__file__).parent / "parity"
SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture
def shared_dir() -> Path:
    """The folder of real images beside the checkout; tests that need it skip visibly without it."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared (real images beside the checkout)")
    return SHARED
