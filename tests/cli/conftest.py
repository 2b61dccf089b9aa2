# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Models and images that several commands take."""

from pathlib import Path

import pytest

from helpers import tiny


@pytest.fixture(scope="package")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny.saved_segmenter(folder / "student", max_detections=12)
    tiny.saved_refiner(folder / "refiner")
    return folder


@pytest.fixture
def images(tmp_path) -> Path:
    """Return two folders with an image of the same name, and one more."""
    folder = tmp_path / "images"
    for index, (name, size) in enumerate({"one/a.png": (40, 60), "two/a.png": (60, 40), "two/b.JPG": (64, 64)}.items()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        tiny.picture(*size, seed=index).save(folder / name)
    (folder / "two" / "notes.txt").write_text("no image")
    return folder
