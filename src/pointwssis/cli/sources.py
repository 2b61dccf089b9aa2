# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""What people name when they mean data: a recipe, a folder, an annotation file, or options of `pointwssis run`."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from ..runs.recipe import Recipe, parse_overrides

SOURCE_HELP = "a recipe, a folder in COCO's layout, an annotation file (with --image_dir), or a prepared dataset"


def recipe_of(source: str | None, words: Sequence[str] = ()) -> Recipe:
    """The recipe that names this data.

    Without a recipe's own word on it, supervision is taken as the files have it (`labeled_fraction` is None).

    Args:
        source: a path of any kind of `SOURCE_HELP`, or None where the words say it all.
        words: `--KEY VALUE` of `pointwssis run`.

    Raises:
        FileNotFoundError: there is nothing at `source`.
    """
    overrides = parse_overrides(words)
    if source is None:
        return Recipe.from_values({"labeled_fraction": None}, overrides, "options")
    path = Path(source)
    if not path.exists():
        raise FileNotFoundError(f"{source}: no such file or folder; it takes {SOURCE_HELP}")
    if path.suffix in (".yaml", ".yml") and not _describes_yolo_data(path):
        return Recipe.load(path, overrides)
    key = "train_annotations" if path.is_file() else "dataset_name" if _is_prepared(path) else "data_dir"
    return Recipe.from_values({"labeled_fraction": None, key: source}, overrides, source)


def _is_prepared(folder: Path) -> bool:
    """Whether a folder holds tables of rows rather than annotation files."""
    known = ("dataset_info.json", "dataset_dict.json", "state.json")
    return any((folder / name).is_file() for name in known) or any(folder.rglob("*.parquet"))


def _describes_yolo_data(path: Path) -> bool:
    """Whether a YAML file lists classes, as YOLO's does and no recipe."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return False
    return isinstance(content, dict) and "names" in content
