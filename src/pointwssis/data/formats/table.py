# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The table of annotation formats, from which loading, recognition, export, docs and tests follow.

A new format is one module in this package and one entry here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from datasets import Dataset

from . import click_table, coco, coco_export, cvat, label_studio, label_studio_export, labelme, via, yolo
from .sniffing import FileHead


@dataclass(frozen=True)
class AnnotationFormat:
    """One annotation format.

    Args:
        name: name on the command line, as in `pointwssis export --format cvat`.
        title: name in messages and docs.
        file: description of the files of the format.
        recognizes: function that returns True for the head of a file of this format.
        load: `load(path, image_dir, **options)`, with the fields of `LoadOptions`, returns rows of the schema.
        write: `write(dataset, path, **write_options)` returns the path that `load` takes; None for a format without
            export.
        write_options: keyword arguments of `write`.
        also_writes: suffixes of files that `write` creates beside `path`.
    """

    name: str
    title: str
    file: str
    recognizes: Callable[[FileHead], bool]
    load: Callable[..., Dataset]
    write: Callable[..., Path] | None = None
    write_options: tuple[str, ...] = ()
    also_writes: tuple[str, ...] = ()

    def outputs(self, path: Path) -> list[Path]:
        """Return all files or folders that an export to `path` creates."""
        return [path, *(path.with_suffix(suffix) for suffix in self.also_writes)]


# The first format that recognizes a file reads it.
FORMATS = (
    # The suffix or the first character tells the first three from all others
    AnnotationFormat("yolo", "YOLO", "a data.yaml and its folders", yolo.is_yolo, yolo.load_yolo, yolo.to_yolo),
    AnnotationFormat("cvat", "CVAT for images 1.1", "an XML file", cvat.is_cvat, cvat.load_cvat, cvat.write_cvat),
    AnnotationFormat(
        "label_studio",
        "Label Studio",
        "a JSON file with a list of tasks",
        label_studio.is_label_studio,
        label_studio.load_label_studio,
        label_studio_export.write_label_studio,
        write_options=("image_prefix",),
        also_writes=(".interface.xml",),
    ),
    AnnotationFormat(
        "click_table",
        "table of clicks",
        "CSV, TSV or JSON lines with image, x, y, label",
        click_table.is_click_table,
        click_table.load_click_table,
    ),
    AnnotationFormat(
        "labelme",
        "LabelMe",
        "a JSON file per image, or a folder of them",
        labelme.is_labelme,
        labelme.load_labelme,
        labelme.write_labelme,
    ),
    AnnotationFormat(
        "via",
        "VGG Image Annotator (VIA) 2",
        "a JSON file: project or annotations",
        via.is_via,
        via.load_via,
        via.write_via,
    ),
    # Any other JSON object is read as COCO, whose reader reports missing keys.
    AnnotationFormat("coco", "COCO", "a JSON object", coco.is_coco, coco.load_coco, coco_export.write_coco),
)


def formats_table() -> str:
    """Return the formats as a Markdown table: title, file, and the name that `pointwssis export` takes."""
    lines = ["| format | file | `export --format` |", "|---|---|---|"]
    for entry in FORMATS:
        export = f"`{entry.name}`" if entry.write is not None else "–"
        lines.append(f"| {entry.title} | {entry.file} | {export} |")
    return "\n".join(lines)
