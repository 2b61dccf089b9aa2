# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Lines of a table of clicks, in CSV, TSV, or JSON lines: their values by column, and what is wrong with their form."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...ops.documents import parse_json, problem_of_text, read_text
from ...ops.user_error import UserError, UserFileNotFoundError
from ...ops.wording import brief
from ..errors import AnnotationError, LoadReport, Remark

COLUMNS = {
    "image": ("image", "file_name", "filename"),
    "x": ("x",),
    "y": ("y",),
    "label": ("label", "class", "category"),
    "width": ("width",),
    "height": ("height",),
    "complete": ("complete",),
    "is_positive": ("is_positive", "positive"),
}
_COLUMN_OF = {alias: name for name, aliases in COLUMNS.items() for alias in aliases}
_SEPARATOR_LINE = re.compile(r"sep=([,;\t])$", re.IGNORECASE)  # may be the first line of a spreadsheet's file
_BOX_REMEDY = "write the center of each box as x and y, without its sides; the size of an image is width and height"
_OTHER_POSITIONS = ("point", "points", "xy", "bbox", "box")  # keys that would be ignored
_BOX_COLUMNS = ({"w", "h"}, {"x2", "y2"}, {"xmax", "ymax"}, {"x_max", "y_max"})  # beside x and y: a corner
_DECIMAL_COMMA = re.compile(r"[-+]?[0-9]*,[0-9]+$")


@dataclass
class ClickLine:
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


def read_lines(path: Path, report: LoadReport) -> Iterator[ClickLine]:
    """Return the lines of a table; one whose form is wrong holds its problem, or is rejected if nothing can be read.

    Raises:
        UserFileNotFoundError: there is no such file.
        UserError: the file is no table.
    """
    if not path.is_file():
        raise UserFileNotFoundError(f"{path}: annotation file not found; give the path of a table of clicks")
    # Kinds of files that are no tables, by their beginning
    problem = problem_of_text(path)
    if problem:
        raise UserError(f"{path}: {problem}")
    text = read_text(path)
    if text.lstrip().startswith("["):
        raise UserError(f"{path}: is a JSON list; write one JSON object per line, without commas between them")
    # A leading brace marks JSON lines; the header of a table has none.
    return _json_lines(text, report) if text.lstrip().startswith("{") else _table_lines(text, report)


def _json_lines(text: str, report: LoadReport) -> Iterator[ClickLine]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values = _json_object(line)
        except AnnotationError as bad:
            report.reject(f"line {number}", bad)
            continue
        yield _json_line(f"line {number}", values)


def _json_line(record_name: str, values: Mapping[str, Any]) -> ClickLine:
    line = ClickLine(record_name, {})
    others: dict[str, Any] = {}
    for key, value in values.items():
        name = _COLUMN_OF.get(key.strip().lower())
        if name in line.values:
            line.bad = AnnotationError(f"{name} given twice", key, value, "keep one name of each column")
        elif name is None:
            others[key] = value
        else:
            line.values[name] = value
    if any(sides <= {key.strip().lower() for key in others} for sides in _BOX_COLUMNS):
        line.bad = AnnotationError("box in place of a click", "keys", sorted(values), _BOX_REMEDY)
    # Without x and y the line would say that the image shows nothing, whatever a list of clicks holds.
    for key, value in others.items() if "x" not in line.values else ():
        if key.strip().lower() in _OTHER_POSITIONS or (value and isinstance(value, (list, dict))):
            hint = 'write one line per click, with "x": …, "y": …, or leave the key out'
            line.bad = AnnotationError("position that is not x and y", key, value, hint)
    return line


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


def _table_lines(text: str, report: LoadReport) -> Iterator[ClickLine]:
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


def _check_last(line: ClickLine, labels: set[str], report: LoadReport) -> None:
    """Look for a cut in the last line of a table that does not end with a line break."""
    label = line.values.get("label", "")
    longer = [other for other in labels if label and other.startswith(label) and other != label]
    if line.bad is not None:
        hint = "restore the end of the file, or remove the line"
        line.bad = AnnotationError("last line is cut off", line.bad.field, line.bad.value, hint)
    elif longer:
        hint = f"it may have been {brief(longer[0])}; restore the end of the file, or end it with a line break"
        line.bad = AnnotationError("last line is cut off", "label", label, hint)
    else:
        # Writers of tables end every line with a break.
        values = ", ".join(line.values.values())
        remark = "last line without a line break (the file may be cut off)"
        report.note(line.record_name, Remark(remark, "line", values, is_suspect=True))


def _table_line(record_name: str, columns: Sequence[str | None], cells: Sequence[str], delimiter: str) -> ClickLine:
    # A row of the wrong length still yields what can be read, usually its image
    pairs = zip(columns, cells, strict=False)
    line = ClickLine(record_name, {name: cell.strip() for name, cell in pairs if name})
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
    if any(sides <= {name.strip().lower() for name in header} for sides in _BOX_COLUMNS):
        raise UserError(f"{place}: {found!r:.80} are columns of boxes, not of clicks; {_BOX_REMEDY}")
    # Aliases count as the same column
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise UserError(f"{place}: {found!r:.80} names {twice} twice; keep one column of each")
    return columns
