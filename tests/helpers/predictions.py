# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Calls of `pointwssis predict` and what they write."""

import csv
import json
from pathlib import Path

from pointwssis.cli.main import main


def predict(models: Path, folder: Path, *words: str) -> tuple[dict, list[dict]]:
    """Return the content of the JSON and of the CSV."""
    assert main(["predict", str(models / "student"), *words, "--output_dir", str(folder)]) == 0
    with (folder / "instances.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return json.loads((folder / "instances.json").read_text()), rows


def clicks(folder: Path, text: str) -> str:
    (folder / "clicks.csv").write_text(text, encoding="utf-8")
    return str(folder / "clicks.csv")


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
