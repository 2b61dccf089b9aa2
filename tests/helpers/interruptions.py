# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Runs that are interrupted at a known place."""

from pathlib import Path

import pytest

from pointwssis.runs.recipe import Recipe
from pointwssis.runs.run import Run
from pointwssis.training import SegmentationTrainer


def interrupt_training(made: Recipe, name: str) -> None:
    """Start a run, and interrupt it before the first step of the training into the folder `name` of its output."""
    step, folder = SegmentationTrainer.training_step, str(Path(made.output_dir) / name)

    def stopping(self, *arguments, **options):
        if self.args.output_dir.startswith(folder):
            raise KeyboardInterrupt
        return step(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SegmentationTrainer, "training_step", stopping)
        with pytest.raises(KeyboardInterrupt):
            Run(made).run()
