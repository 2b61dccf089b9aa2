# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Export: rows of the schema as a file of any annotation format that can be written."""

from pathlib import Path
from typing import Any

from datasets import Dataset

from ...ops.folders import make_folder
from ...ops.user_error import UserError, UserFileExistsError
from .table import FORMATS, AnnotationFormat

EXPORT_FORMATS = {entry.name: entry for entry in FORMATS if entry.write is not None}


def export_annotations(dataset: Dataset, path: str | Path, format: str, **write_options: Any) -> Path:
    """Write a dataset in an annotation format.

    Args:
        dataset: rows of the schema.
        path: new file, or new folder if the format is one.
        format: name in the table of formats: "coco", "yolo", "label_studio", "cvat", …
        write_options: options of the format's writer, such as `image_prefix` of Label Studio.

    Returns:
        The path that `load_annotations` takes to read the export.

    Raises:
        UserFileExistsError: the path, or another file that the format writes, already exists.
        UserError: the format is unknown or does not have this option, or the dataset does not fit the format.
    """
    entry = export_format(format)
    # An option of another format is an error here, where the message can name its owners
    for option in write_options:
        if option not in entry.write_options:
            owners = [name for name, other in EXPORT_FORMATS.items() if option in other.write_options]
            raise UserError(f"{option} is not an option of {format}; it is an option of {owners or 'no format'}")
    path = Path(path)
    # Check all outputs before anything is written
    check_outputs(path, entry)
    make_folder(path.parent)
    return entry.write(dataset, path, **write_options)


def export_format(name: str) -> AnnotationFormat:
    """Return the entry of a format that can be written.

    Raises:
        UserError: the format is unknown or cannot be written.
    """
    if name not in EXPORT_FORMATS:
        raise UserError(f"format is {name!r}; use one of {', '.join(EXPORT_FORMATS)}")
    return EXPORT_FORMATS[name]


def check_outputs(path: Path, entry: AnnotationFormat) -> None:
    """Raise a `UserFileExistsError` if an export would overwrite a file."""
    for output in entry.outputs(path):
        if output.exists():
            raise UserFileExistsError(f"{output}: already exists; choose another output path")
