# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`load_annotations`: the entry point for annotation files of every format, which is recognized by their content."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset

from ..ops.documents import problem_of_text
from ..ops.user_error import UserError, UserFileNotFoundError
from .class_names import unite_names
from .errors import LoadReport
from .formats.foreign import foreign_format
from .formats.reader import NoClassError
from .formats.sniffing import FileHead
from .formats.table import FORMATS, AnnotationFormat
from .merge import merge_annotations
from .schema import class_names as names_of


def load_annotations(path: str | Path, image_dir: str | Path, **options: Any) -> Dataset:
    """Load an annotation file of any format (`FORMATS` in `formats/table.py`) into the schema.

    Points are in pixels of the upright image, whatever the EXIF orientation of its file. To combine several files that
    annotate the same images, use `load_annotation_files` or `merge_annotations`.

    Args:
        path: annotation file, or folder if the format is one.
        image_dir: folder that contains the images. An image file is found by its path below the folder; if the format
            is known to change paths, also by the end of its path (see `ImageIndex`).
        options: fields of `LoadOptions`: `class_names`, `label_map`, `complete`, `point_source`, `skip_bad`, `report`,
            `split`, `seed`, `check_images`.

    Raises:
        UserFileNotFoundError: a file is missing.
        UserError: the file is invalid; the message names file, record, field, value and remedy.
    """
    return annotation_format(path).load(path, image_dir, **options)


def load_annotation_files(paths: str | Path | Sequence[str | Path], image_dir: str | Path, **options: Any) -> Dataset:
    """Load several annotation files of the same images as one dataset, combined by `merge_annotations`.

    A file that contains only clicks without labels takes the classes of the other files.

    Args:
        paths: annotation files, each of any format; or a single one.
        image_dir: folder that contains the images.
        options: fields of `LoadOptions` except `class_names` and `report`; they apply to all files. `skip_bad` also
            applies to records that contradict an earlier file, and `reports` gets the report of the merge as well.
    """
    # The letters of a single path would be taken for paths.
    paths = [paths] if isinstance(paths, (str, Path)) else list(paths)
    if not paths:
        raise UserError("paths is empty; give at least one annotation file")
    # Load what can be loaded alone; a file of bare clicks names no class and must wait for those of the other files.
    parts: list[Dataset | None] = []
    for path in paths:
        try:
            parts.append(load_annotations(path, image_dir, **options))
        except NoClassError:
            # A single file cannot take its classes from another one.
            if len(paths) == 1:
                raise
            parts.append(None)
    # Files of bare clicks are read again, now that the classes are known.
    class_names = unite_names(names_of(part) for part in parts if part is not None)
    for number, part in enumerate(parts):
        if part is None:
            parts[number] = load_annotations(paths[number], image_dir, class_names=class_names, **options)
    loaded = [part for part in parts if part is not None]
    if len(loaded) == 1:
        return loaded[0]
    # The merge skips and notes records too, so its report joins those of the files.
    report = LoadReport()
    if options.get("reports") is not None:
        options["reports"].append(report)
    return merge_annotations(loaded, skip_bad=options.get("skip_bad", False), report=report)


def annotation_format(path: str | Path) -> AnnotationFormat:
    """Return the format of a file, recognized by its beginning.

    Raises:
        UserFileNotFoundError: the file does not exist, or is a folder of an unknown format.
        UserError: the file has an unknown format.
    """
    path = Path(path)
    if not path.exists():
        raise UserFileNotFoundError(f"{path}: annotation file not found; check the path")
    # The first match counts, so the order of FORMATS decides between formats that look alike.
    head = FileHead.of(path)
    problem = "" if path.is_dir() else problem_of_text(path) or foreign_format(head)
    if problem:
        raise UserError(f"{path}: {problem}")
    for entry in FORMATS:
        if entry.recognizes(head):
            return entry
    if path.is_dir():
        raise UserFileNotFoundError(f"{path}: this is a folder, not an annotation file; give its data.yaml or the file")
    # For an unknown file, quote what it begins with and list what is supported.
    known = "; ".join(f"{entry.title} ({entry.file})" for entry in FORMATS)
    first_line = head.text.partition("\n")[0].strip()
    raise UserError(f"{path}: line 1 is {first_line[:60]!r}: unknown annotation format; supported are {known}")
