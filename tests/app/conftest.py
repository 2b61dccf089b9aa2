# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A tiny model with a refiner, images for it, and the app that serves them."""

import io
from pathlib import Path
from uuid import uuid4

import pytest

from helpers import tiny
from pointwssis.app.actions import act
from pointwssis.app.app_state import AppState
from pointwssis.app.work_images import Limits, WorkImage
from pointwssis.pipelines import PointInstanceSegmentationPipeline

SIZE = (96, 64)  # width and height of the images


def grown(image, masks, points, labels):
    """Refine masks: a pixel more on the left and right, so that refined masks differ from rough ones."""
    wider = masks.copy()
    wider[:, :, 1:] |= masks[:, :, :-1]
    wider[:, :, :-1] |= masks[:, :, 1:]
    return wider


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


class Tab:
    """A browser tab: sends actions, and remembers which image is open.

    Args:
        app: the app.
    """

    def __init__(self, app: AppState):
        self.app, self.key, self.image = app, uuid4().hex, None

    def __call__(self, action: str, **values):
        """Send an action, and return the answer."""
        about = {} if self.image is None else {"image": self.image}
        answer = act(self.app, {"key": self.key, "action": action, **about, **values})
        self.image = answer["image"]["name"] if "image" in answer else self.image
        return answer


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


def png(width: int = 40, height: int = 30, seed: int = 5) -> bytes:
    """Return the content of an image file."""
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)).save(
        buffer, "png"
    )
    return buffer.getvalue()


def written_files(folder: Path) -> set[str]:
    """Return the files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
