# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A tiny model with a refiner, images for it, and the app that serves them."""

import pytest

from helpers import tiny
from helpers.labeling_app import SIZE, Tab, grown
from pointwssis.app.app_state import AppState
from pointwssis.app.work_images import Limits, WorkImage
from pointwssis.pipelines import PointInstanceSegmentationPipeline


@pytest.fixture(scope="session")
def pipe() -> PointInstanceSegmentationPipeline:
    """Return a pipeline without a refiner."""
    model, processor = tiny.segmenter()
    return PointInstanceSegmentationPipeline(model=model, image_processor=processor, device="cpu")


@pytest.fixture(scope="session")
def refining_pipe() -> PointInstanceSegmentationPipeline:
    model, processor = tiny.segmenter()
    return PointInstanceSegmentationPipeline(model=model, image_processor=processor, refiner=grown, device="cpu")


@pytest.fixture
def images(tmp_path) -> list[WorkImage]:
    """Return three images in a folder, one of them in a subfolder."""
    folder = tmp_path / "images"
    made = []
    for seed, name in enumerate(["a.png", "b.png", "sub/c.png"]):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        tiny.picture(SIZE[1], SIZE[0], seed).save(path)
        made.append(WorkImage(name, path))
    return made


@pytest.fixture
def make_app(pipe, images, tmp_path):
    """Return a function that makes an app, of three images unless others are given."""

    def make(shown=images, pipe=pipe, limits=None, **options) -> AppState:
        return AppState(pipe, shown, tmp_path / "out", limits or Limits(), **options)

    return make


@pytest.fixture
def tab(make_app) -> Tab:
    """Return a tab that shows the first image."""
    opened = Tab(make_app())
    opened("hello")
    return opened
