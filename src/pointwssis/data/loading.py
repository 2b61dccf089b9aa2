# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`load_annotations`: the one front door for annotation files of every format, recognized by what is in them.

| file | format | reader |
|---|---|---|
| JSON object | COCO | `coco.load_coco` |
| JSON list | Label Studio's JSON export | `formats.label_studio` |
| XML | CVAT for images 1.1 | `formats.cvat` |
| YAML | YOLO `data.yaml` | `formats.yolo` |
| CSV, TSV, JSON lines | a table of clicks | `formats.points_table` |
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from datasets import Dataset

from ..ops.points import PointSource
from .class_names import unite_names
from .errors import LoadReport
from .formats.click_table import COLUMNS, first_line, load_click_table
from .formats.coco import load_coco
from .formats.cvat import load_cvat
from .formats.label_studio import load_label_studio
from .formats.reader import NoClassError
from .formats.yolo import load_yolo
from .merge import merge_annotations
from .schema import class_names as names_of

Format = Literal["coco", "label_studio", "cvat", "yolo", "points"]

_HEAD_BYTES = 1 << 16


def load_annotations(
    path: str | Path,
    image_dir: str | Path,
    *,
    class_names: Sequence[str] | None = None,
    label_map: Mapping[str, str] | None = None,
    complete: bool | None = None,
    point_source: PointSource = "center",
    skip_bad: bool = False,
    report: LoadReport | None = None,
    split: str = "train",
) -> Dataset:
    """Reads an annotation file of any format (see the module) into the schema of `pointwssis.data.schema`.

    Points are in the frame of the upright image, whatever the EXIF orientation of its file. Several files of the same
    images are put together by `merge_annotations`.

    Args:
        path: the file.
        image_dir: folder that the images are below. The file of an image is found by its path; where a format is known
            to change that, also by its end (see `ImageIndex`).
        class_names: the classes and their order; None takes those of the file. A validation file takes those of its
            training data.
        label_map: name in the file → class, where they differ ({"Car": "car"}).
        complete: whether all objects are marked of an image that does not say it itself. None: yes, wherever somebody
            has worked on the image; what that means, each format tells.
        point_source: COCO: where the point of an object comes from that has none of its own, see `load_coco`;
            "box_center" reads boxes without masks. In the other formats a box has its center, a mask its center of
            mass.
        skip_bad: leave out bad records instead of raising at the first; they are counted and logged, and an image that
            lost an object is no longer complete.
        report: filled with what was skipped and noticed.
        split: which part of a YOLO dataset; the other formats have one.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: anything else that is wrong; the message names file, record, field, value and remedy.
    """
    options: dict[str, Any] = {"label_map": label_map, "skip_bad": skip_bad, "report": report}
    kind = annotation_format(path)
    if kind == "coco":
        complete = True if complete is None else complete
        return load_coco(
            path, image_dir, class_names=class_names, complete=complete, point_source=point_source, **options
        )
    options |= {"class_names": class_names, "complete": complete}
    if kind == "label_studio":
        return load_label_studio(path, image_dir, **options)
    if kind == "cvat":
        return load_cvat(path, image_dir, **options)
    if kind == "yolo":
        return load_yolo(path, image_dir, split=split, **options)
    return load_click_table(path, image_dir, **options)


def load_annotation_files(
    paths: Sequence[str | Path],
    image_dir: str | Path,
    *,
    label_map: Mapping[str, str] | None = None,
    complete: bool | None = None,
    point_source: PointSource = "center",
    skip_bad: bool = False,
    split: str = "train",
) -> Dataset:
    """Reads several annotation files of the same images as one dataset, as `merge_annotations` puts them together.

    A file of bare clicks only takes the classes of the others.

    Args:
        paths: the files, of any formats.
        image_dir: as of `load_annotations`, like the other arguments.
        label_map: of all files.
        complete: of all files.
        point_source: of all files.
        skip_bad: also for what contradicts an earlier file.
        split: of YOLO datasets.
    """
    options: dict[str, Any] = {"label_map": label_map, "complete": complete, "skip_bad": skip_bad}
    options |= {"point_source": point_source, "split": split}
    parts: list[Dataset | None] = []
    for path in paths:
        try:
            parts.append(load_annotations(path, image_dir, **options))
        except NoClassError:
            if len(paths) == 1:
                raise
            parts.append(None)
    class_names = unite_names(names_of(part) for part in parts if part is not None)
    for number, part in enumerate(parts):
        if part is None:
            parts[number] = load_annotations(paths[number], image_dir, class_names=class_names, **options)
    loaded = [part for part in parts if part is not None]
    return loaded[0] if len(loaded) == 1 else merge_annotations(loaded, skip_bad=skip_bad)


def annotation_format(path: str | Path) -> Format:
    """Which format a file has, by its beginning.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is none of the formats.
    """
    path = Path(path)
    if not path.is_file():
        hint = "; give its data.yaml" if path.is_dir() else "; check the path"
        raise FileNotFoundError(f"{path}: annotation file not found{hint}")
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES).decode("utf-8-sig", errors="replace").lstrip()
    if path.suffix.lower() in (".yaml", ".yml"):
        return "yolo"
    if head.startswith("<"):
        return "cvat"
    if head.startswith("["):
        return "label_studio"
    _, first, _ = first_line(head)
    if head.startswith("{"):
        return "points" if _is_json_line(first) else "coco"
    columns = first.replace("\t", ",").replace(";", ",").split(",")
    if {"x", "y"} <= {name.strip().strip('"').lower() for name in columns}:
        return "points"
    raise ValueError(
        f"{path}: line 1 is {first.strip()[:60]!r}: no annotation format that is known; it takes COCO JSON, Label "
        "Studio's JSON, CVAT for images 1.1 (XML), a YOLO data.yaml, JSON lines, or a table whose first line names its "
        f"columns {', '.join(list(COLUMNS)[:4])}"
    )


def _is_json_line(text: str) -> bool:
    """Whether a line is a whole JSON object that names one image."""
    try:
        values = json.loads(text)
    except ValueError:
        return False
    return isinstance(values, dict) and any(name in values for name in COLUMNS["image"])
