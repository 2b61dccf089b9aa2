# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The files of a saved model, whose mutations end in a model or in one clear error."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from helpers import tiny
from pointwssis.models.factory import saved_model


def saved_model_files() -> tuple[dict[str, bytes], Callable[[Path, bool], None]]:
    """Return name → content of the files of a tiny SOLOv2, and a function that loads them from a folder."""
    with tempfile.TemporaryDirectory() as folder:
        tiny.saved_segmenter(Path(folder))
        files = {f"model/{path.name}": path.read_bytes() for path in Path(folder).iterdir()}

    def load(folder: Path, skip_bad: bool) -> None:
        saved_model(str(folder / "model"), tiny.NAMES)

    return files, load
