# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Fixtures that several tests share, and the Hub that all of them see."""

import os
import shutil
from pathlib import Path

import pytest

from helpers.hub_server import HubServer, hub_of_this_process
from helpers.paths import SHARED

HUB = hub_of_this_process()  # before any Hugging Face library is imported


@pytest.fixture
def hub(monkeypatch) -> HubServer:
    """Return an empty Hub, with an empty cache and the token of a user who may write to "tester" and "pointwssis".

    Other processes see it too, by their environment.
    """
    HUB.clear()
    shutil.rmtree(Path(os.environ["HF_HOME"]) / "hub", ignore_errors=True)
    monkeypatch.setenv("HF_TOKEN", HUB.token)
    return HUB


@pytest.fixture
def shared_dir() -> Path:
    """Return the folder of real images beside the checkout; tests that need it skip visibly without it."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared (real images beside the checkout)")
    return SHARED


@pytest.fixture(scope="session")
def shapes(tmp_path_factory) -> Path:
    """Return the folder of synthetic shapes in COCO's layout."""
    from helpers import tiny

    return tiny.shapes_folder(tmp_path_factory.mktemp("shapes"))


@pytest.fixture
def trainings(monkeypatch) -> list[str]:
    """Return a list that records the names of the training runs that start."""
    from pointwssis.training.trainer import SegmentationTrainer

    started, train = [], SegmentationTrainer.train

    def watched(self, *arguments, **options):
        started.append(Path(self.args.output_dir).parent.name)
        return train(self, *arguments, **options)

    monkeypatch.setattr(SegmentationTrainer, "train", watched)
    return started


@pytest.fixture
def make():
    """Return a function that turns rows into a dataset with the classes cat, dog and owl."""
    from pointwssis.data import dataset_from_rows

    return lambda *rows: dataset_from_rows(rows, ["cat", "dog", "owl"])
