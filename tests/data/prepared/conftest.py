# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A prepared dataset of synthetic shapes, and the rows that it was made from."""

from pathlib import Path

import pytest

from pointwssis.data import load_coco_folder
from pointwssis.data.prepared.prepare_coco import prepare_coco


@pytest.fixture(scope="package")
def folder(shapes, tmp_path_factory) -> Path:
    return prepare_coco(shapes, tmp_path_factory.mktemp("prepared") / "shapes", percentages=(10, 50))


@pytest.fixture(scope="package")
def truth(shapes):
    return load_coco_folder(shapes)
