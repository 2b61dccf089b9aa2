# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A saved teacher and a saved refiner, and pipelines of them."""

from pathlib import Path

import pytest
from transformers import pipeline

import pointwssis  # noqa: F401
from helpers import tiny


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """Return a folder with the models `teacher` and `refiner`."""
    path = tmp_path_factory.mktemp("models")
    tiny.saved_segmenter(path / "teacher")
    tiny.saved_refiner(path / "refiner")
    return path


@pytest.fixture(scope="session")
def pipe(folder):
    return pipeline("point-instance-segmentation", model=str(folder / "teacher"), device="cpu")


@pytest.fixture(scope="session")
def refine(folder):
    return pipeline("point-mask-refinement", model=str(folder / "refiner"), device="cpu")
