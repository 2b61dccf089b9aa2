# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Data as users name it on the command line: a recipe, a folder, annotation files, or options of `pointwssis run`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..data.formats.sniffing import FileHead
from ..data.formats.table import FORMATS
from ..data.prepared.opening import prepared_files
from ..ops.documents import parse_yaml, read_text
from ..ops.folders import files_below
from ..ops.user_error import UserError, UserFileNotFoundError
from ..ops.wording import did_you_mean, with_hint
from ..runs.named_recipes import named_recipes
from ..runs.recipe import Recipe
from ..runs.recipe_values import parse_overrides
from .source_help import SOURCE_HELP

YAML_SUFFIXES = (".yaml", ".yml")
_SUFFIXES = (".json", ".jsonl", ".xml", ".csv", ".tsv", *YAML_SUFFIXES)  # of annotation files
_MAX_FILES = 3  # that a message names


def recipe_of(sources: Sequence[str], words: Sequence[str] = ()) -> Recipe:
    """Return a recipe for the data that sources and options name.

    Unless a recipe or an option says otherwise, the supervision in the files is kept (`labeled_fraction` is
    None).

    Args:
        sources: one source of any kind of `SOURCE_HELP`, several annotation files of the same images, or nothing where
            the options name the data.
        words: `--KEY VALUE` options of `pointwssis run`; they override what follows from the sources.

    Raises:
        UserFileNotFoundError: a source does not exist.
        UserError: several sources are given that are not all annotation files.
    """
    overrides = parse_overrides(words)
    # Without sources, the options name the data.
    if not sources:
        return Recipe.from_values({"labeled_fraction": None}, overrides, "options")
    if len(sources) > 1:
        values = _values_of_files(sources)
    # An existing path takes precedence over a recipe of the same name.
    elif sources[0] in named_recipes() and not Path(sources[0]).exists():
        return Recipe.load(sources[0], overrides)
    else:
        path = _existing(sources[0])
        # A YAML file is a recipe unless it describes YOLO data.
        if _is_yaml(path) and not _describes_yolo_data(path):
            return Recipe.load(path, overrides)
        values = _values_of(path)
    # What an option names takes the place of what was inferred.
    values = {key: value for key, value in values.items() if key not in overrides}
    return Recipe.from_values({"labeled_fraction": None, **values}, overrides, " ".join(sources))


def _existing(source: str) -> Path:
    """Return the path of a source that exists."""
    path = Path(source)
    if not path.exists():
        hint = did_you_mean(source, named_recipes())
        raise UserFileNotFoundError(with_hint(f"{source}: no such file or folder", hint or f"expected {SOURCE_HELP}"))
    return path


def _values_of_files(sources: Sequence[str]) -> dict[str, Any]:
    """Return the keys of a recipe that name several annotation files."""
    for source in sources:
        path = _existing(source)
        # Folders and YAML files may be annotations too, depending on what they hold.
        kind = None
        if path.is_dir() and not _holds_annotations(path):
            kind = "a folder"
        elif _is_yaml(path) and not _describes_yolo_data(path):
            kind = "a recipe"
        if kind is not None:
            raise UserError(f"{source}: is {kind}; several sources must be annotation files of the same images")
    return {"train_annotations": list(sources)}


def _values_of(path: Path) -> dict[str, Any]:
    """Return the keys of a recipe that name one source which is not a recipe."""
    # Other folders are prepared datasets, or have COCO's layout.
    if path.is_dir() and not _holds_annotations(path):
        if not _has_coco_layout(path) and not _is_prepared(path):
            raise UserError(_nothing_to_read(path))
        return {"data_dir" if _has_coco_layout(path) else "dataset_name": str(path)}
    values: dict[str, Any] = {"train_annotations": str(path)}
    if _is_yaml(path):
        # A data.yaml names its images itself, and its validation split if it has one.
        values["image_dir"] = str(path.parent)
        if _yaml_of(path).get("val"):
            values["val_annotations"] = str(path)
    return values


def refuse_annotations(source: str) -> None:
    """Raise a `UserError` if the source, which should be a recipe, is an annotation file."""
    path = Path(source)
    if not path.is_file() or (_is_yaml(path) and not _describes_yolo_data(path)):
        return
    head = FileHead.of(path)
    found = next((entry for entry in FORMATS if entry.recognizes(head)), None)
    # Any JSON object may be COCO, and a recipe may be JSON.
    if found is None or (found.name == "coco" and not {"images", "annotations"} & head.json_keys()):
        return
    raise UserError(
        f"{source}: is an annotation file ({found.title}), not a recipe; let one be written with: "
        f"pointwssis check {source} --image_dir IMAGES --write_recipe mine.yaml"
    )


def _nothing_to_read(folder: Path) -> str:
    """Return the message about a folder that is no dataset, with the annotation files that it may hold."""
    names = [file.relative_to(folder).as_posix() for file in files_below(folder) if file.suffix in _SUFFIXES]
    such = f", such as {', '.join(names[:_MAX_FILES])}," if names else ""
    return (
        f"{folder}: neither in COCO's layout (with a folder annotations), nor a prepared dataset, nor a folder of "
        f"LabelMe files; give the annotation files{such} and their images with --image_dir"
    )


def _is_yaml(path: Path) -> bool:
    return path.suffix.lower() in YAML_SUFFIXES


def _is_prepared(folder: Path) -> bool:
    """Return True if a folder is a prepared dataset, whose card lists its configurations."""
    return (folder / "README.md").is_file() and bool(prepared_files(folder))


def _holds_annotations(folder: Path) -> bool:
    """Return True if a folder is a set of annotation files in a format such as LabelMe's."""
    if _has_coco_layout(folder):
        return False
    head = FileHead.of(folder)
    return any(entry.recognizes(head) for entry in FORMATS)


def _has_coco_layout(folder: Path) -> bool:
    """Return True if a folder has a subfolder of annotations, as in COCO's layout."""
    return (folder / "annotations").is_dir()


def _describes_yolo_data(path: Path) -> bool:
    """Return True if a YAML file has keys of YOLO's, which no recipe has."""
    return bool({"names", "nc", "train"} & set(_yaml_of(path)))


def _yaml_of(path: Path) -> dict[str, Any]:
    """Return the mapping that a YAML file holds; empty if it holds none, which is reported when it is loaded."""
    try:
        content = parse_yaml(read_text(path), str(path))
    except UserError:
        return {}
    return content if isinstance(content, dict) else {}
