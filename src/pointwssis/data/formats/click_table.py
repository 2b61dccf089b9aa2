# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Clicks in a table: CSV, TSV, or JSON lines, one click per line.

```
image,x,y,label,complete          {"image": "a.jpg", "x": 40, "y": 61.5, "label": "car"}
a.jpg,40,61.5,car,                {"image": "a.jpg", "x": 7, "y": 9, "label": null}
a.jpg,7,9,,                       {"image": "empty.jpg"}
half_done.jpg,3,3,car,false
empty.jpg,,,,
b.jpg,,,car,
```

- `image`: path below the image folder. Also called `file_name` or `filename`.
- `x`, `y`: pixel indices of the upright image, so the pixel in column 3 has x = 3. A line without them concerns the
  whole image: with a label it is an image-level label, without one it states that the image shows no object.
- `label`: the class; empty means a bare click, whose class the teacher predicts. Also called `class` or `category`.
- `width`, `height` (optional): size of the image, compared with the file.
- `complete` (optional): true or false, whether all objects of the image are annotated; one line per image is enough.

The first line names the columns, in any order and case; other columns are ignored. Columns are separated by commas,
tabs or semicolons; with semicolons numbers may have a decimal comma, as in the files of a spreadsheet (whose line
`sep=;` may come first).

`load_click_table` makes rows of the schema; `read_click_table` returns the clicks on given images.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from datasets import Dataset

from ...ops.documents import parse_json, read_text
from ...ops.user_error import UserError, UserFileNotFoundError
from ...ops.wording import brief, counted
from ..class_names import check_known
from ..errors import AnnotationError, LoadReport, Remark
from .coco_records import read_point
from .fields import read_flag, read_number, read_whole
from .image_index import ImageIndex, longest_common_ends, path_parts
from .image_records import read_size
from .load_options import LoadOptions
from .reader import AnnotationReader, ImageAnnotation, LabelAndValues, ObjectAnnotation
from .sniffing import FileHead

COLUMNS = {
    "image": ("image", "file_name", "filename"),
    "x": ("x",),
    "y": ("y",),
    "label": ("label", "class", "category"),
    "width": ("width",),
    "height": ("height",),
    "complete": ("complete",),
}
_COLUMN_OF = {alias: name for name, aliases in COLUMNS.items() for alias in aliases}
_SEPARATOR_LINE = re.compile(r"sep=([,;\t])$", re.IGNORECASE)  # may be the first line of a spreadsheet's file
_DECIMAL_COMMA = re.compile(r"[-+]?[0-9]*,[0-9]+$")


@dataclass
class Clicks:
    """The clicks on one image, in the order of the table.

    Args:
        points: points [x, y] in pixel indices of the upright image.
        labels: one class name per point; None for a bare click.
    """

    points: list[list[float]]
    labels: list[str | None]


def is_click_table(head: FileHead) -> bool:
    """Return True if the first line is a JSON object with an image, or lists the columns x and y."""
    _, first, _ = first_line(head.text)
    # JSON lines: the first object must hold the name of an image, unlike that of other JSON formats.
    if first.startswith("{"):
        try:
            values = parse_json(first)
        except ValueError:
            return False
        return any(name in values for name in COLUMNS["image"])
    # A header: only names are compared, so any separator will do.
    columns = first.replace("\t", ",").replace(";", ",").split(",")
    return {"x", "y"} <= {name.strip().strip('"').lower() for name in columns}


def load_click_table(path: str | Path, image_dir: str | Path, **options: Any) -> Dataset:
    """Load a table of clicks (see the module) into the schema, one row per image, in the order of the file.

    Args:
        path: table file; one that begins with a brace is read as JSON lines.
        image_dir: folder that contains the images.
        options: fields of `LoadOptions`. An image whose lines do not state `complete` is taken as complete.

    Raises:
        UserFileNotFoundError: the table or an image is missing.
        UserError: the table is invalid; the message names file, line, field, value and remedy.
    """
    settings, path = LoadOptions(**options), Path(path)
    report = settings.start_report(path)
    lines = _lines(path, report)
    reader = AnnotationReader(ImageIndex(image_dir, settings.allow_outside), report, settings, labels_are_classes=True)
    return reader.to_dataset(_images(lines, report))


def read_click_table(
    path: str | Path, images: Mapping[Path, str], class_names: Sequence[str], skip_bad: bool = False
) -> dict[Path, Clicks]:
    """Read the clicks of a table (see the module) on given images.

    Args:
        path: table file.
        images: path of each image → its name below a common folder. A line refers to an image by its path, its name
            or the end of it, or by a path that ends with the name.
        class_names: classes that labels may name.
        skip_bad: leave out bad lines, counted and logged, instead of raising at the first one.

    Returns:
        The clicks on each image, empty for an image without any, in the order of `images`.

    Raises:
        UserFileNotFoundError: the table is missing.
        UserError: the table is invalid; the message names file, line, field, value and remedy.
    """
    path, report = Path(path), LoadReport(str(path), skip_bad)
    clicks = {image: Clicks([], []) for image in images}
    first_records: dict[Path, str] = {}
    # Find the image of each group of lines, then decode its clicks.
    for image in _images(_lines(path, report), report):
        try:
            file = _image_named(image.file_name, images)
            # Two names of one image give two records, whose clicks may repeat each other.
            if file in first_records:
                hint = f"{first_records[file]} calls {file} by another name; use one name"
                raise AnnotationError("image given twice", "image", image.file_name, hint)
            # A label for the whole image has no position to segment
            if image.image_labels:
                hint = "give x and y; a label without a position cannot be segmented"
                raise AnnotationError("label without a click", "label", image.image_labels[0], hint)
            size = read_size(file, image.file_name, image.size, "image")
        except AnnotationError as bad:
            report.reject(image.record_name, bad)
            continue
        first_records[file] = image.record_name
        # Clicks are decoded now that the size of the upright image is known.
        for click in image.objects:
            try:
                label, values = click.decode(*size)
            except AnnotationError as bad:
                report.reject(click.record_name, bad)
                continue
            clicks[file].points.append(values["point"])
            clicks[file].labels.append(label)
    found: list[str] = []
    for each in clicks.values():
        found += [label for label in each.labels if label is not None]
    check_known(found, class_names, str(path))
    report.log()
    return clicks


def _image_named(name: str, images: Mapping[Path, str]) -> Path:
    """Return the image that a line names."""
    # An exact path or name wins over one that merely ends alike
    exact = [file for file, below in images.items() if name in (str(file), below)]
    if len(exact) == 1:
        return exact[0]
    # Otherwise compare the ends of paths, as `ImageIndex` does for files
    files = {path_parts(below): file for file, below in images.items()}
    found = longest_common_ends(path_parts(name), files)
    # A tie is an error, because a guess may put the click on the wrong image.
    if len(found) > 1:
        matches = ", ".join(images[files[parts]] for parts in found[:4])
        raise AnnotationError("several images match", "image", name, f"it may be {matches}; give more of the path")
    if not found:
        hint = f"give the path of one of {counted(len(images), 'image')}, as {next(iter(images.values()))}"
        raise AnnotationError("image is not among those given", "image", name, hint)
    return files[found[0]]


# -- lines


@dataclass
class _Line:
    """One line of a table.

    Args:
        record_name: name of the line in messages.
        values: name in `COLUMNS` → value.
        bad: problem of a line of which only the image can be read, or None.
    """

    record_name: str
    values: dict[str, Any]
    bad: AnnotationError | None = None


def first_line(text: str) -> tuple[int, str, str | None]:
    """Return number and text of the line that names the columns, and the separator if a spreadsheet states it."""
    separator = None
    for number, line in enumerate(io.StringIO(text, newline="")):
        # The separator of a spreadsheet precedes the header; blank lines are skipped.
        if (match := _SEPARATOR_LINE.match(line.strip(" \r\n"))) and separator is None:
            separator = match[1]
        elif line.strip():
            return number, line.rstrip("\r\n"), separator
    return 0, "", separator


def _lines(path: Path, report: LoadReport) -> Iterator[_Line]:
    if not path.is_file():
        raise UserFileNotFoundError(f"{path}: annotation file not found; give the path of a table of clicks")
    text = read_text(path)
    # A leading brace marks JSON lines; the header of a table has none.
    return _json_lines(text, report) if text.lstrip().startswith("{") else _table_lines(text, report)


def _json_lines(text: str, report: LoadReport) -> Iterator[_Line]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values = _json_object(line)
        except AnnotationError as bad:
            report.reject(f"line {number}", bad)
            continue
        known = {_COLUMN_OF[key]: value for key, value in values.items() if key in _COLUMN_OF}
        yield _Line(f"line {number}", known)


def _json_object(line: str) -> dict[str, Any]:
    try:
        values = parse_json(line)
    except ValueError as error:
        hint = f"{error}; write one JSON object per line"
        raise AnnotationError("not JSON", "line", line.strip(), hint) from error
    if not isinstance(values, dict):
        hint = 'write {"image": …, "x": …, "y": …, "label": …}'
        raise AnnotationError("not a JSON object", "line", values, hint)
    return values


def _table_lines(text: str, report: LoadReport) -> Iterator[_Line]:
    start, header, separator = first_line(text)
    # Unless the file states its separator, take the most frequent candidate of the header.
    delimiter = separator or max(",\t;", key=header.count)
    # Skip the lines above the header; the csv module handles quotes and line breaks inside cells.
    file = io.StringIO(text, newline="")
    for _ in range(start):
        file.readline()
    rows = csv.reader(file, delimiter=delimiter, strict=True)
    last, labels = None, set[str]()
    try:
        columns = _columns(next(rows, []), f"{report.source}: line {start + 1}")
        for cells in rows:
            # Spreadsheets write blank lines as rows of empty cells
            if any(cell.strip() for cell in cells):
                line = _table_line(f"line {start + rows.line_num}", columns, cells, delimiter)
                labels.add(line.values.get("label", ""))
                # One line is held back, because the last one is special.
                if last is not None:
                    yield last
                last = line
    except csv.Error as error:
        # After a broken quote the borders of rows are unknown, so this row cannot simply be skipped.
        place = f"{report.source}: line {start + rows.line_num}"
        raise UserError(f"{place}: not a valid table ({error}); check its quotes") from error
    if last is not None:
        if not text.endswith(("\n", "\r")):
            _check_last(last, labels, report)
        yield last


def _check_last(line: _Line, labels: set[str], report: LoadReport) -> None:
    """Look for a cut in the last line of a table that does not end with a line break."""
    label = line.values.get("label", "")
    longer = [other for other in labels if label and other.startswith(label) and other != label]
    if longer and line.bad is None:
        hint = f"it may have been {brief(longer[0])}; restore the end of the file, or end it with a line break"
        line.bad = AnnotationError("last line is cut off", "label", label, hint)
    else:
        # Writers of tables end every line with a break.
        values = ", ".join(line.values.values())
        remark = "last line without a line break (the file may be cut off)"
        report.note(line.record_name, Remark(remark, "line", values, is_suspect=True))


def _table_line(record_name: str, columns: Sequence[str | None], cells: Sequence[str], delimiter: str) -> _Line:
    # A row of the wrong length still yields what can be read, usually its image
    pairs = zip(columns, cells, strict=False)
    line = _Line(record_name, {name: cell.strip() for name, cell in pairs if name})
    # The error is raised by `_images`, which knows the image that loses a click.
    if len(cells) != len(columns):
        hint = f"the first line names {len(columns)} columns; a name with {delimiter!r} needs quotes"
        line.bad = AnnotationError(f"{len(cells)} cells", "line", delimiter.join(cells), hint)
    for axis in ("x", "y"):
        # Only a semicolon as separator leaves the comma free for decimals
        if delimiter == ";" and _DECIMAL_COMMA.match(line.values.get(axis, "")):
            line.values[axis] = line.values[axis].replace(",", ".")
    return line


def _columns(header: Sequence[str], place: str) -> list[str | None]:
    """Return the meaning of each column; None for those that are ignored."""
    columns = [_COLUMN_OF.get(name.strip().lower()) for name in header]
    found = ", ".join(header)
    # The label column may be missing: then all clicks are bare.
    missing = [name for name in ("image", "x", "y") if name not in columns]
    if missing:
        known = "image, x, y and label (and width, height, complete)"
        raise UserError(f"{place}: columns {missing} are missing in {found!r:.80}; the first line names {known}")
    # Aliases count as the same column
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise UserError(f"{place}: {found!r:.80} names {twice} twice; keep one column of each")
    return columns


# -- images


def _images(lines: Iterator[_Line], report: LoadReport) -> list[ImageAnnotation]:
    """Group lines by image. Clicks are checked later, when the size of the image is known."""
    images: dict[str, ImageAnnotation] = {}
    clicks: set[tuple[Any, ...]] = set()
    for line in lines:
        record_name, values, name = line.record_name, line.values, line.values.get("image")
        # A line without a name concerns no known image, so it is only reported.
        if not isinstance(name, str) or not name:
            bad = AnnotationError("no image", "image", name, "give its path below the image folder")
            report.reject(record_name, line.bad or bad)
            continue

        # A line without a position concerns the whole image; any other line is a click.
        image = images.setdefault(name, ImageAnnotation(record_name, name))
        x, y = values.get("x"), values.get("y")
        # Without coordinates the line speaks about the image as a whole
        concerns_image = x in (None, "") and y in (None, "")
        try:
            if line.bad is not None:
                raise line.bad
            _read_image_values(image, values)
            label = _read_label(values) if concerns_image else values.get("label")
        except AnnotationError as bad:
            report.reject(record_name, bad)
            # The image may lack an object, so it cannot count as complete.
            image.has_unreadable_objects = True
            continue
        if concerns_image:
            # Without a label the line merely lists the image, which has its entry by now.
            if label and label not in image.image_labels:
                image.image_labels.append(label)
        elif (key := (name, str(x), str(y), str(label))) in clicks:
            # The same click with the same label is one object
            report.note(record_name, Remark("click given twice", "x, y", (x, y)))
        else:
            clicks.add(key)
            image.objects.append(ObjectAnnotation(f"{record_name} ({name})", partial(_decode_click, values)))
    return list(images.values())


def _read_image_values(image: ImageAnnotation, values: Mapping[str, Any]) -> None:
    """Copy what a line states about its image, which must not contradict an earlier line."""
    # A size counts only with both sides; all lines of an image must agree on it.
    if values.get("width") not in (None, "") and values.get("height") not in (None, ""):
        size = tuple(read_whole(values[field], field) for field in ("width", "height"))
        if image.size not in (None, size):
            hint = f"{image.record_name} says {image.size}"
            raise AnnotationError("contradicts an earlier line", "width, height", size, hint)
        image.size = size
    # One line per image suffices, further ones must agree.
    if values.get("complete") not in (None, ""):
        complete = read_flag(values["complete"], "complete")
        if image.complete not in (None, complete):
            hint = f"an earlier line says {image.complete}; all lines of {image.file_name} must agree"
            raise AnnotationError("contradicts an earlier line", "complete", values["complete"], hint)
        image.complete = complete


def _decode_click(values: Mapping[str, Any], width: int, height: int) -> LabelAndValues:
    x, y = (read_number(values.get(field), field) for field in ("x", "y"))
    return _read_label(values), {"point": read_point([x, y], width, height, "x, y")}


def _read_label(values: Mapping[str, Any]) -> str | None:
    label = values.get("label")
    if label is not None and not isinstance(label, str):
        hint = "write the name of the class, or null for a bare click"
        raise AnnotationError("label is not text", "label", label, hint)
    return label or None
