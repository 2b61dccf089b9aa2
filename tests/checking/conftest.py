# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Datasets of rows that are made by hand."""

import pytest

from pointwssis.data import dataset_from_rows


@pytest.fixture
def make():
    """Rows → dataset of the classes cat, dog and owl."""
    return lambda *rows: dataset_from_rows(rows, ["cat", "dog", "owl"])
