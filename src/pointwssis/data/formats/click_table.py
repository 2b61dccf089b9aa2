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
- `is_positive` (optional): false for a negative click, a prompt that is not an object. Also called `positive`.

The first line names the columns, in any order and case; other columns are ignored. Columns are separated by commas,
tabs or semicolons; with semicolons numbers may have a decimal comma, as in the files of a spreadsheet (whose line
`sep=;` may come first).

`load_click_table` makes rows of the schema; `read_click_table` returns the clicks on given images.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from datasets import Dataset

from ...ops.user_error import UserError
from ...ops.wording import counted
from ..class_names import check_known
from ..errors import AnnotationError, LoadReport, Remark
from .click_lines import COLUMNS, ClickLine, first_line, read_lines
from .coco_records import read_point
from .doubts import FractionsCheck
from .fields import read_flag, read_number, read_whole
from .image_index import ImageIndex, longest_common_ends, path_parts
from .image_records import read_size
from .load_options import LoadOptions
from .reader import AnnotationReader, ImageAnnotation, LabelAndValues, ObjectAnnotation
from .sniffing import FileHead


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
    # JSON lines: an object must hold the name of an image, unlike that of other JSON formats.
    if first.startswith("{"):
        keys = {key.lower() for key in head.json_keys()}
        return bool(keys.intersection(COLUMNS["image"])) and not keys & {"shapes", "imagedata", "regions"}
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
    lines = read_lines(path, report)
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
    # Other formats that are JSON would be taken for lines without an image.
    if path.is_file() and (head := FileHead.of(path)).text.startswith("{") and not is_click_table(head):
        line = '{"image": …, "x": …, "y": …}'
        raise UserError(f"{path}: is JSON, but no table of clicks; write one line {line} per click, or a CSV file")
    clicks = {image: Clicks([], []) for image in images}
    first_records: dict[Path, str] = {}
    sizes: dict[Path, tuple[int, int]] = {}
    # Find the image of each group of lines, then decode its clicks.
    for image in _images(read_lines(path, report), report):
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
        first_records[file], sizes[file] = image.record_name, size
        # Clicks are decoded now that the size of the upright image is known.
        for click in image.objects:
            try:
                label, values = click.decode(*size)
            except AnnotationError as bad:
                report.reject(click.record_name, bad)
                continue
            clicks[file].points.append(values["point"])
            clicks[file].labels.append(label)
    _check_clicks(clicks, sizes, class_names, path)
    report.log()
    if not first_records and not report.skipped:
        raise UserError(f"{path}: holds no click; write one line per click below the names of the columns")
    return clicks


def _check_clicks(
    clicks: Mapping[Path, Clicks], sizes: Mapping[Path, tuple[int, int]], class_names: Sequence[str], path: Path
) -> None:
    """Raise a `UserError` unless labels are classes, and coordinates pixels.

    Args:
        clicks: clicks on each image.
        sizes: (width, height) of each image with clicks.
        class_names: classes that labels may name.
        path: the table, for the message.
    """
    found: list[str] = []
    units = FractionsCheck()
    for file, each in clicks.items():
        found += [label for label in each.labels if label is not None]
        for point in each.points:
            units.add_point(point, sizes[file])
    check_known(found, class_names, str(path), remedy="correct them, or leave the label empty: the model chooses")
    units.conclude(str(path))


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


# -- images


def _images(lines: Iterator[ClickLine], report: LoadReport) -> list[ImageAnnotation]:
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
        concerns_image = x in (None, "") and y in (None, "")
        try:
            if line.bad is not None:
                raise line.bad
            _read_image_values(image, values)
            label = _read_label(values) if concerns_image else values.get("label")
            is_positive = values.get("is_positive") in (None, "") or read_flag(values["is_positive"], "is_positive")
        except AnnotationError as bad:
            report.reject(record_name, bad)
            # The image may lack an object, so it cannot count as complete.
            image.has_unreadable_objects = True
            continue
        if concerns_image:
            # Without a label the line merely lists the image, which has its entry by now.
            if label and label not in image.image_labels:
                image.image_labels.append(label)
        elif not is_positive:
            report.note(record_name, Remark("negative click (a prompt, not an object)", "x, y", (x, y)))
        elif (key := (name, _comparable(x), _comparable(y), str(label))) in clicks:
            # The same click with the same label is one object
            report.note(record_name, Remark("click given twice", "x, y", (x, y), is_suspect=True))
        else:
            clicks.add(key)
            image.objects.append(ObjectAnnotation(f"{record_name} ({name})", partial(_decode_click, values)))
    if "0" in (labels := {key[-1] for key in clicks}) and labels <= {"0", "1"}:
        text = "labels 0 and 1 (taken as classes; mark negative clicks in a column is_positive)"
        report.note("labels", Remark(text, "label", sorted(labels), is_suspect=True))
    return list(images.values())


def _comparable(coordinate: Any) -> Any:
    """Return a number for each spelling of it, such as 30 and 30.0; anything else as text, which is refused later."""
    try:
        return float(coordinate)
    except (TypeError, ValueError, OverflowError):
        return str(coordinate)


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
