# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Errors about the files of a saved model: the damaged one is named, also where it could still be read."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open

from ..ops.user_error import UserError
from ..ops.whole_files import digest_of, read_manifest

WEIGHTS_FILE = "model.safetensors"
# What transformers raises for files that it cannot read, and for values that no model has
LOADING_ERRORS = (
    ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, SafetensorError, StrictDataclassError,
    TypeError, ValueError,
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
        # The first line of a long message of transformers holds the reason, if it is not about one field.
        lines = [line.strip() for line in str(error).splitlines()] or [type(error).__name__]
        raise _error_about(_unreadable_file(folder) or folder, " ".join(lines[:2])) from error


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
    try:
        with safe_open(folder / WEIGHTS_FILE, "pt"):
            return None
    except (OSError, SafetensorError):
        return folder / WEIGHTS_FILE


def _error_about(path: Path, reason: str) -> UserError:
    return UserError(
        f"{path}: cannot be loaded ({reason:.300}); it is damaged, or not of a model of this package; copy the model "
        "again, or train it anew"
    )
