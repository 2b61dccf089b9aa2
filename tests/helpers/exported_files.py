# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Exports of datasets as annotators return them."""

import json
from pathlib import Path

from datasets import Dataset

from pointwssis.data import export_annotations
from pointwssis.data.formats.exporting import EXPORT_FORMATS

EXPORTED = sorted(EXPORT_FORMATS)


def export_accepted(dataset: Dataset, format: str, path: Path) -> Path:
    """Export a dataset, accept it in the tool without a change, and return the path to load."""
    exported = export_annotations(dataset, path, format)
    accept_exported(exported, format)
    return exported


def accept_exported(path: Path, format: str) -> None:
    """Turn the predictions of Label Studio's tasks into annotations; other formats hold nothing else."""
    if format == "label_studio":
        tasks = json.loads(path.read_text())
        for task in tasks:
            task["annotations"] = task.pop("predictions")
        path.write_text(json.dumps(tasks))
