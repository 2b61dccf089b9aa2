# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Damaged files in an output folder: what is made again without training is removed, anything else is an error."""

import logging
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..ops.processes import from_first_process, wait_for_all
from ..ops.whole_files import MANIFEST, UNFINISHED, DamagedFileError, damage_of, damaged_files, is_whole_folder
from .cache import EARLIER
from .label_stopping import MEASURED_FILE
from .names import FOLDS, MODELS, ROUNDS
from .outdated import ORIGIN_FILES
from .stage_results import LOG_FILE, SETTINGS_FILE

logger = logging.getLogger(__name__)

# Folders of an output folder, as patterns; others are not ours. Datasets of labels are each written as a whole.
LABEL_FOLDERS = (
    "rough/*",
    "pseudo/*",
    f"{EARLIER}/*",
    f"{ROUNDS}/refiner*/labels",
    f"{ROUNDS}/student*/labels/rough/*",
    f"{ROUNDS}/student*/labels/pseudo/*",
    f"{ROUNDS}/student*/labels/{EARLIER}/*",
)
OTHER_FOLDERS = (
    *(model.name for model in MODELS), "teacher/weights_at_*", f"{FOLDS}/*", f"{ROUNDS}/*", "pseudo",
    f"{ROUNDS}/student*/labels/pseudo",
)  # fmt: skip
DATASET_FILES = (MANIFEST, "state.json", "dataset_info.json")
# Files of a model that only a training can write
TRAINED_FILES = (
    "config.json", "model.safetensors", "preprocessor_config.json", "training_args.bin", LOG_FILE, SETTINGS_FILE,
    MEASURED_FILE,
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
    # One process removes, after all have looked at the folder; the others wait for it.
    wait_for_all()
    return from_first_process(lambda: _remove_damaged(folder))


def _remove_damaged(folder: Path) -> bool:
    damaged = list(_damaged_results(folder))
    for path in damaged:
        logger.warning("%s: was damaged (cut, emptied or changed); it is made again", path)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return bool(damaged)


def _damaged_results(folder: Path) -> Iterator[Path]:
    """Yield damaged folders and files that can be made again; raise for any other."""
    # A training checks its checkpoints itself. What was never finished is written again before anything reads it.
    for part in _folders(folder, LABEL_FOLDERS):
        # A dataset is made again as a whole; a folder with other files is not one.
        is_dataset = any((part / name).is_file() for name in DATASET_FILES) or not any(part.iterdir())
        if is_dataset and not is_whole_folder(part):
            yield part
    for part in [folder, *_folders(folder, OTHER_FOLDERS)]:
        if (part / MANIFEST).is_file():
            yield from _damaged_in(part)


def _folders(folder: Path, patterns: Iterable[str]) -> list[Path]:
    """Return the complete folders inside an output folder that match one of the patterns."""
    found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_dir()}
    return sorted(path for path in found if not path.name.startswith(UNFINISHED))


def _damaged_in(part: Path) -> Iterator[Path]:
    """Yield the damaged files of the output folder itself, or of the folder of a model."""
    for name in damaged_files(part):
        path = part / name
        if path.is_dir():
            raise DamagedFileError(f"{path}: is a folder in the place of a file of the run; move it away")
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
