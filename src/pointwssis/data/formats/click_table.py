# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Clicks in a table: CSV, TSV, or JSON lines, one click a line.

```
image,x,y,label,complete          {"image": "a.jpg", "x": 40, "y": 61.5, "label": "car"}
a.jpg,40,61.5,car,                {"image": "a.jpg", "x": 7, "y": 9, "label": null}
a.jpg,7,9,,                       {"image": "empty.jpg"}
half_done.jpg,3,3,car,false
empty.jpg,,,,
b.jpg,,,car,
```

- `image`: path below the image folder. Also called `file_name` or `filename`.
- `x`, `y`: pixel indices of the upright image, so the pixel in column 3 has x = 3. Without them the line is about the
  whole image: with a label it is an image-level label, without one it says that the image is known to be empty.
- `label`: the class; empty means a bare click, whose class the teacher finds. Also called `class` or `category`.
- `width`, `height` (optional): of the image, compared with the file.
- `complete` (optional): true or false, whether every object of the image is marked; one line of an image is enough.

The first line names the columns of a table, in any order and case; other columns are ignored. Columns are separated by
commas, tabs or semicolons; with semicolons numbers may have a decimal comma, as in files of a spreadsheet (whose line
`sep=;` may come first).
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from datasets import Dataset

from ..errors import AnnotationError, LoadReport
from .coco_records import read_point
from .fields import read_flag, read_number, read_whole, start_report
from .image_index import ImageIndex
from .reader import AnnotationReader, ImageAnnotation, ObjectAnnotation, Reading

COLUMNS = {
    "image": ("image", "file_name", "filename"),
    "x": ("x",),
    "y": ("y",),
    "label": ("label", "class", "category"),
    "width": ("width",),
    "height": ("height",),
    "complete": ("complete",),
}
_EXCEL = re.compile(r"sep=([,;\t])$", re.IGNORECASE)  # a spreadsheet's first line
_DECIMAL_COMMA = re.compile(r"[-+]?[0-9]*,[0-9]+$")
_MEANING = {other: name for name, others in COLUMNS.items() for other in others}


def load_click_table(
    path: str | Path,
    image_dir: str | Path,
    *,
    class_names: Sequence[str] | None = None,
    label_map: Mapping[str, str] | None = None,
    complete: bool | None = None,
    skip_bad: bool = False,
    report: LoadReport | None = None,
) -> Dataset:
    """Reads a table of clicks (see the module) into the schema, one row an image, in the order of the file.

    Args:
        path: of the table; what begins with a brace is JSON lines, anything else has columns.
        image_dir: folder that the images are below.
        class_names: the classes and their order; None takes the labels in the order of the file.
        label_map: label in the file → class, where they differ.
        complete: whether all objects are marked of an image that does not say it itself (None: yes).
        skip_bad: leave out bad lines and images instead of raising at the first; they are counted and logged.
        report: filled with what was skipped and noticed.

    Raises:
        FileNotFoundError: the table or an image is missing.
        ValueError: anything else that is wrong; the message names file, line, field, value and remedy.
    """
    report, path = start_report(report, path, skip_bad), Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: annotation file not found; give the path of a table of clicks")
    text = _text(path)
    lines = _json_lines(text, report) if text.lstrip().startswith("{") else _table_lines(text, report)
    reader = AnnotationReader(ImageIndex(image_dir), report, class_names, label_map, complete, labels_are_classes=True)
    return reader.dataset(_images(lines, report))


def first_line(text: str) -> tuple[int, str, str | None]:
    """The line that tells what a table is: its place, its text, and the separator that a spreadsheet wrote above it."""
    separator = None
    for place, line in enumerate(io.StringIO(text, newline="")):
        if (excel := _EXCEL.match(line.strip(" \r\n"))) and separator is None:
            separator = excel[1]
        elif line.strip():
            return place, line.rstrip("\r\n"), separator
    return 0, "", separator


@dataclass
class _Line:
    """One line of a table."""

    record: str  # what messages call it
    values: dict[str, Any]  # by the names of `COLUMNS`
    bad: AnnotationError | None = None  # why it says nothing but the image that it is about


def _json_lines(text: str, report: LoadReport) -> Iterator[_Line]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            try:
                values = json.loads(line)
            except ValueError as error:
                raise AnnotationError(
                    "no JSON", "line", line.strip(), f"{error}; write one JSON object a line"
                ) from error
            if not isinstance(values, dict):
                raise AnnotationError(
                    "not a JSON object", "line", values, 'write {"image": …, "x": …, "y": …, "label": …}'
                )
            yield _Line(f"line {number}", {_MEANING[key]: value for key, value in values.items() if key in _MEANING})
        except AnnotationError as bad:
            report.reject(f"line {number}", bad)


def _table_lines(text: str, report: LoadReport) -> Iterator[_Line]:
    start, header, separator = first_line(text)
    delimiter = separator or max(",\t;", key=header.count)
    file = io.StringIO(text, newline="")
    for _ in range(start):
        file.readline()
    rows = csv.reader(file, delimiter=delimiter, strict=True)
    try:
        columns = _columns(next(rows, []), f"{report.source}: line {start + 1}")
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            pairs = zip(columns, cells, strict=False)
            line = _Line(f"line {start + rows.line_num}", {name: cell.strip() for name, cell in pairs if name})
            if len(cells) != len(columns):
                remedy = f"the first line names {len(columns)} columns; a name with {delimiter!r} needs quotes"
                line.bad = AnnotationError(f"{len(cells)} cells", "line", delimiter.join(cells), remedy)
            for axis in ("x", "y"):
                if delimiter == ";" and _DECIMAL_COMMA.match(line.values.get(axis, "")):
                    line.values[axis] = line.values[axis].replace(",", ".")
            yield line
    except csv.Error as error:
        where = f"{report.source}: line {start + rows.line_num}"
        raise ValueError(f"{where}: is no table ({error}); check its quotes") from error


def _columns(header: Sequence[str], where: str) -> list[str | None]:
    """What each column means; None for those that are ignored."""
    columns = [_MEANING.get(name.strip().lower()) for name in header]
    found = ", ".join(header)
    missing = [name for name in ("image", "x", "y") if name not in columns]
    if missing:
        known = "image, x, y and label (and width, height, complete)"
        raise ValueError(f"{where}: columns {missing} are missing in {found!r:.80}; it names {known}")
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise ValueError(f"{where}: {found!r:.80} names {twice} twice; keep one column of each")
    return columns


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is no UTF-8 text ({error}); save it as UTF-8") from error


def _images(lines: Iterator[_Line], report: LoadReport) -> list[ImageAnnotation]:
    """Lines by image. What is wrong with a click is told later, when the image's size is known."""
    images: dict[str, ImageAnnotation] = {}
    clicks: set[tuple[Any, ...]] = set()
    for line in lines:
        record, values, name = line.record, line.values, line.values.get("image")
        if not isinstance(name, str) or not name:
            bad = AnnotationError("no image", "image", name, "give its path below the image folder")
            report.reject(record, line.bad or bad)
            continue
        image = images.setdefault(name, ImageAnnotation(record, name))
        x, y = (values.get(field) for field in ("x", "y"))
        of_image = x in (None, "") and y in (None, "")
        try:
            if line.bad is not None:
                raise line.bad
            _read_about_image(image, values)
            label = _read_label(values) if of_image else values.get("label")
        except AnnotationError as bad:
            report.reject(record, bad)
            image.lost = True
            continue
        if of_image:
            image.image_labels += [label] if label and label not in image.image_labels else []
        elif (key := (name, str(x), str(y), str(label))) in clicks:
            report.note("click given twice", record, "x, y", (x, y))
        else:
            clicks.add(key)
            image.marks.append(ObjectAnnotation(f"{record} ({name})", partial(_read_click, values)))
    return list(images.values())


def _read_about_image(image: ImageAnnotation, values: Mapping[str, Any]) -> None:
    """Takes over what a line says of its image, which must not contradict an earlier one."""
    if values.get("width") not in (None, "") and values.get("height") not in (None, ""):
        size = tuple(read_whole(values[field], field) for field in ("width", "height"))
        if image.size not in (None, size):
            raise AnnotationError(
                "contradicts an earlier line", "width, height", size, f"{image.record} says {image.size}"
            )
        image.size = size
    if values.get("complete") not in (None, ""):
        complete = read_flag(values["complete"], "complete")
        if image.complete not in (None, complete):
            remedy = f"an earlier line says {image.complete}; let all lines of {image.name} say the same"
            raise AnnotationError("contradicts an earlier line", "complete", values["complete"], remedy)
        image.complete = complete


def _read_click(values: Mapping[str, Any], width: int, height: int) -> Reading:
    x, y = (read_number(values.get(field), field) for field in ("x", "y"))
    return _read_label(values), {"point": read_point([x, y], width, height, "x, y")}


def _read_label(values: Mapping[str, Any]) -> str | None:
    label = values.get("label")
    if label is not None and not isinstance(label, str):
        raise AnnotationError(
            "label is no text", "label", label, "write the name of the class, or null for a bare click"
        )
    return label or None
