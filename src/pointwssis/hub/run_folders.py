# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The output folder of a run in place of one of its models: an error that names the model to give."""

import json
from pathlib import Path
from typing import Any

from ..ops.user_error import UserFileNotFoundError

REFINER = "refiner"  # folder of the MaskRefineNet in a run; all other models are SOLOv2s


def refuse_run_folder(name_or_path: Any, wants_refiner: bool = False) -> None:
    """Raise an error if a path is the output folder of a run, which holds models but is none.

    Args:
        name_or_path: folder or Hub repository of a model that is about to be loaded.
        wants_refiner: True if a MaskRefineNet is to be loaded, False for a SOLOv2.

    Raises:
        UserFileNotFoundError: it is; the message names the model of the run that ships, or the refiner.
    """
    folder = Path(str(name_or_path))
    if not (folder / "recipe.yaml").is_file() or (folder / "config.json").is_file():
        return
    models = sorted(path.parent.name for path in folder.glob("*/config.json"))
    fitting = [name for name in models if (name == REFINER) == wants_refiner]
    if not fitting:
        kind = "MaskRefineNet" if wants_refiner else "SOLOv2"
        remedy = f"it holds no {kind} yet; finish it first (pointwssis run {folder / 'recipe.yaml'})"
    else:
        shipped = _shipped(folder)
        names = [shipped] if shipped in fitting else fitting
        remedy = "give " + " or ".join(str(folder / name) for name in names)
    raise UserFileNotFoundError(f"{folder}: this is the output folder of a run, not a model; {remedy}")


def _shipped(folder: Path) -> Any:
    """Return the name of the model that a run ships; None if its results do not tell."""
    try:
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return results.get("shipped") if isinstance(results, dict) else None
