# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Errors about the files of a saved model: the damaged one is named, also where it could still be read."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open

from ..ops.file_kinds import HEAD_BYTES, problem_of_content
from ..ops.user_error import UserError, UserFileNotFoundError
from ..ops.whole_files import digest_of, read_manifest

WEIGHTS_FILE = "model.safetensors"
OLD_WEIGHTS_FILE = "pytorch_model.bin"
PROCESSOR_FILE = "preprocessor_config.json"
# What transformers raises for files that it cannot read, and for values that no model has
LOADING_ERRORS = (
    ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, SafetensorError, StrictDataclassError,
    TypeError, UnpicklingError, ValueError,
)  # fmt: skip


@contextmanager
def naming_damaged_model(name_or_path: str | Path) -> Iterator[None]:
    """Turn errors of loading a model from a folder into one that names the damaged file, or else the folder.

    Errors about models of the Hub, and about folders that hold no model, pass through unchanged.

    Args:
        name_or_path: folder or Hub repository of the model that is loaded inside the block.

    Raises:
        UserError: the model of a folder cannot be loaded.
    """
    folder = Path(name_or_path)
    try:
        yield
    except UserError as error:
        if not (folder / "config.json").is_file() or str(folder) in str(error):
            raise
        raise _error_about(folder, str(error)) from error
    except LOADING_ERRORS as error:
        if not (folder / "config.json").is_file():
            raise
        unreadable = _unreadable_file(folder)
        # The first line of a long message of transformers holds the reason, if it is not about one field.
        lines = [line.strip() for line in str(error).splitlines()] or [type(error).__name__]
        reason = " ".join(lines[:2])
        if unreadable is not None:
            reason = _problem_of_file(unreadable) or reason
        elif isinstance(error, OSError) and not (folder / PROCESSOR_FILE).is_file():
            reason = f"it lacks {PROCESSOR_FILE}"
        raise _error_about(unreadable or folder, reason) from error


@contextmanager
def naming_missing_model(name_or_path: str | Path) -> Iterator[None]:
    """Turn the error of transformers about a model that is neither a folder nor on the Hub into one short message.

    Raises:
        UserFileNotFoundError: there is no such model.
    """
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        if Path(name_or_path).exists():
            raise
        # The hint of `HubModel` comes last.
        raise UserFileNotFoundError(str(error).splitlines()[-1]) from error


def check_weights(name_or_path: str | Path) -> None:
    """Raise a `UserError` if the weights in a folder are not those that a run has written there."""
    path = Path(name_or_path) / WEIGHTS_FILE
    known = read_manifest(path.parent).get(path.name)
    # Models of the Hub and of other programs have no record.
    if known is not None and path.is_file() and digest_of(path) not in known:
        raise _error_about(path, "it is not as it was written")


def _unreadable_file(folder: Path) -> Path | None:
    """Return the first file of a model that cannot be read at all."""
    for path in sorted(folder.glob("*.json")):
        try:
            json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return path
    # Weights in the older format cannot be checked without loading them.
    if not (folder / WEIGHTS_FILE).is_file():
        return folder / OLD_WEIGHTS_FILE if (folder / OLD_WEIGHTS_FILE).is_file() else None
    try:
        with safe_open(folder / WEIGHTS_FILE, "pt"):
            return None
    except (OSError, SafetensorError):
        return folder / WEIGHTS_FILE


def _problem_of_file(path: Path) -> str:
    """Return what a file holds instead of a part of a model, such as a pointer of Git LFS; "" if that is unknown."""
    if path.is_dir():
        return "a folder is in the place of this file"
    with path.open("rb") as file:
        return problem_of_content(file.read(HEAD_BYTES))


def _error_about(path: Path, reason: str) -> UserError:
    return UserError(
        f"{path}: cannot be loaded ({reason:.300}); it is damaged, or not of a model of this package; copy the model "
        "again, or train it anew"
    )
