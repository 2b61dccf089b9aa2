# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Places to which a training reports pictures: TensorBoard, Weights & Biases, trackio.

Their scalars go there through the callbacks of transformers, which also open and close the reports.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from PIL import Image
from transformers import Trainer
from transformers.integrations import TensorBoardCallback, TrackioCallback, WandbCallback

PictureReport = Callable[[str, Image.Image, int], None]
"""Add a picture under a name, at a step of the training."""

REPORTS_WITH_PICTURES = (TensorBoardCallback, WandbCallback, TrackioCallback)
STEP = "train/global_step"  # the axis of all scalars of Weights & Biases and trackio


def takes_pictures(trainer: Trainer) -> bool:
    """Return True if a training reports to a place that takes pictures."""
    return any(isinstance(one, REPORTS_WITH_PICTURES) for one in trainer.callback_handler.callbacks)


def picture_reports(trainer: Trainer) -> list[PictureReport]:
    """Return the open reports of a training that take pictures; none outside of the first process."""
    if not trainer.is_world_process_zero():
        return []
    reports: list[PictureReport] = []
    for callback in trainer.callback_handler.callbacks:
        if isinstance(callback, TensorBoardCallback) and callback.tb_writer is not None:
            reports.append(partial(_to_tensorboard, callback.tb_writer))
        elif isinstance(callback, WandbCallback):
            import wandb

            reports.append(partial(_to_run, wandb))
        elif isinstance(callback, TrackioCallback):
            import trackio

            reports.append(partial(_to_run, trackio))
    return reports


def _to_tensorboard(writer: Any, name: str, picture: Image.Image, step: int) -> None:
    writer.add_image(name, np.asarray(picture), step, dataformats="HWC")


def _to_run(package: Any, name: str, picture: Image.Image, step: int) -> None:
    """Add a picture to the present run of Weights & Biases or trackio, whose functions have the same names."""
    package.log({name: package.Image(picture), STEP: step})
