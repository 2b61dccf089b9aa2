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


@pytest.fixture(scope="session")
def shapes(tmp_path_factory) -> Path:
    """Drawn shapes in COCO's layout."""
    import tiny

    return tiny.shapes_folder(tmp_path_factory.mktemp("shapes"))


@pytest.fixture
def trainings(monkeypatch) -> list[str]:
    """Names of the trainings that start from now on."""
    from pointwssis.training import SegmentationTrainer

    started, train = [], SegmentationTrainer.train

    def watched(self, *arguments, **options):
        started.append(Path(self.args.output_dir).parent.name)
        return train(self, *arguments, **options)

    monkeypatch.setattr(SegmentationTrainer, "train", watched)
    return started
