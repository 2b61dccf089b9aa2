# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Damaged files in an output folder: what is made again without training is removed, anything else is an error."""

import logging
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from ..ops.whole_files import MANIFEST, UNFINISHED, DamagedFileError, damage_of, damaged_files, is_whole_folder
from .cache import EARLIER, POLL_SECONDS, is_first_process
from .names import MODELS
from .outdated import ORIGIN_FILES
from .stage_arguments import CHECKPOINTS

logger = logging.getLogger(__name__)

# Folders whose subfolders are datasets of labels, each written as a whole
LABEL_FOLDERS = ("rough", "pseudo", EARLIER)
# Files of a model that only a training can write
TRAINED_FILES = (
    "config.json", "model.safetensors", "preprocessor_config.json", "training_args.bin", "training_log.json",
    "training_settings.json",
)  # fmt: skip
# A card belongs to the user, who may change it.
FREE_FILES = ("README.md",)


def remove_damaged(folder: Path) -> bool:
    """Remove the damaged results of a run that are made again without training, and say so.

    These are datasets of labels, metrics, the gate, results, and whatever is written for people.

    Args:
        folder: output folder of the run, which need not exist.

    Returns:
        True if there were any.

    Raises:
        DamagedFileError: a file is damaged that only a training can write, or that says what the results were made
            with; the message names the remedy.
    """
    # One process removes, the others wait for it.
    damaged = list(_damaged_results(folder))
    was_damaged = bool(damaged)
    while damaged and not is_first_process():
        time.sleep(POLL_SECONDS)
        damaged = list(_damaged_results(folder))
    for path in damaged:
        logger.warning("%s: was damaged (cut, emptied or changed); it is made again", path)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return was_damaged


def _damaged_results(folder: Path) -> Iterator[Path]:
    """Yield damaged folders and files that can be made again; raise for any other."""
    parts = [folder, *(path for path in sorted(folder.rglob("*")) if path.is_dir())] if folder.is_dir() else []
    for part in parts:
        inner = part.relative_to(folder).parts
        # A training checks its checkpoints itself. What was never finished is written again before anything reads it.
        if CHECKPOINTS in inner or any(name.startswith(UNFINISHED) for name in inner):
            continue
        # A dataset is made again as a whole.
        if len(inner) > 1 and inner[-2] in LABEL_FOLDERS:
            if not is_whole_folder(part):
                yield part
        elif (part / MANIFEST).is_file():
            yield from _damaged_in(part)


def _damaged_in(part: Path) -> Iterator[Path]:
    """Yield the damaged files of the output folder itself, or of the folder of a model."""
    for name in damaged_files(part):
        path = part / name
        if name in TRAINED_FILES:
            raise DamagedFileError(
                f"{path}: is damaged (cut, emptied or changed since it was written; {path.stat().st_size:,} bytes); "
                f"restore it, or delete {trained_folder(part)} and run the same command again, which trains it anew"
            )
        if name in ORIGIN_FILES:
            raise damage_of(path)
        if name not in FREE_FILES:
            yield path


def trained_folder(part: Path) -> Path:
    """Return the folder of the model that a folder belongs to; intermediate weights lie in that of their teacher."""
    names = {model.name for model in MODELS}
    return next((folder for folder in (part, *part.parents) if folder.name in names), part)
