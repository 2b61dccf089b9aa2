# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The result of a training stage in its folder: written last, and whole or not at all."""

import json
import shutil
from pathlib import Path
from typing import Any

from ..models.factory import is_saved_model
from ..ops.full_disk import naming_full_disk
from ..ops.processes import is_first_process
from ..ops.whole_files import move_into_place
from ..training.trainer import SegmentationTrainer
from .stage_arguments import CHECKPOINTS

LOG_FILE, SETTINGS_FILE = "training_log.json", "training_settings.json"
METRICS_FILE, PRECISION_RECALL_FILE = "metrics.json", "precision_recall.json"
UNFINISHED_MODEL = "unfinished"  # folder in that of a model, from which complete files are moved


def save_result(
    trainer: SegmentationTrainer, folder: Path, history: list[dict[str, Any]], settings: dict[str, Any] | None = None
) -> None:
    """Write the result of a stage: model, image processor and settings, and last the log, which marks it as complete.

    Args:
        trainer: trainer of the model.
        folder: folder of the model.
        history: entries of the log.
        settings: settings of the training; None for a model that was not trained.
    """
    unfinished = folder / UNFINISHED_MODEL
    is_first = trainer.is_world_process_zero()
    with naming_full_disk(folder / "model.safetensors"):
        try:
            # A run that was killed may have left some files behind.
            if is_first:
                shutil.rmtree(unfinished, ignore_errors=True)
            trainer.save_model(str(unfinished))
            if not is_first:
                return
            # All files are complete before the first one is moved to its place.
            files = sorted(unfinished.iterdir())
            contents = {LOG_FILE: history} if settings is None else {SETTINGS_FILE: settings, LOG_FILE: history}
            for name, content in contents.items():
                (unfinished / name).write_text(json.dumps(content, indent=1), encoding="utf-8")
                files.append(unfinished / name)
            move_into_place(files, folder)
        finally:
            if is_first:
                shutil.rmtree(unfinished, ignore_errors=True)


def remove_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of a model that is trained; a run that was killed may have left them behind."""
    if is_first_process():
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)


def is_trained(folder: Path) -> bool:
    """Return True if a training run into this folder is complete: its log is written last."""
    return is_saved_model(folder) and (folder / LOG_FILE).is_file()
