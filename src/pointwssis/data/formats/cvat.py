# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""CVAT's "CVAT for images 1.1" XML ⇄ dataset (docs.cvat.ai/docs/other/xml_format).

Reading:

| element | becomes |
|---|---|
| `<points>` | a click for each of its points |
| `<mask>`, `<polygon>`, `<ellipse>` | a mask |
| `<box>` | a box whose center is the point |
| `<tag>` | an image-level label; the tag `complete` or `incomplete` says whether all is marked |

Masks, polygons and ellipses of one group (`group_id`) and label are parts of one object. What overlaps stays so,
`z_order` hides nothing; `occluded` changes nothing; what is `outside` is left out. An image without any element is one
that nobody has worked on: unlabeled. A video export (`<track>`), polylines, cuboids and skeletons are errors.

Writing: `to_cvat` makes the XML that a task with the same images takes as "CVAT 1.1", for people to correct. Masks go
as `<mask>` and come back exactly; the point of a mask is not written, and is its center when it comes back.
"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from ...ops.coco_masks import decode_rle, rle_area, rle_box
from ..errors import AnnotationError, LoadReport
from ..schema import class_names as names_of
from .fields import (
    box,
    box_alone,
    click,
    dense_mask,
    ellipse_mask,
    polygon_mask,
    read_flag,
    read_number,
    read_whole,
    start_report,
    turned,
    warn_of_crowds,
)
from .image_index import ImageIndex
from .reader import AnnotationReader, ImageAnnotation, ObjectAnnotation, Reading

_REGIONS = ("mask", "polygon", "ellipse")
_NO_CLASSES = ("tag", "polyline", "cuboid", "skeleton")


def load_cvat(
    path: str | Path,
    image_dir: str | Path,
    *,
    class_names: Sequence[str] | None = None,
    label_map: Mapping[str, str] | None = None,
    complete: bool | None = None,
    skip_bad: bool = False,
    report: LoadReport | None = None,
) -> Dataset:
    """Reads "CVAT for images 1.1" (see the module) into the schema, one row an image, in the order of the file.

    Args:
        path: `annotations.xml` of the export.
        image_dir: folder that the images are below.
        class_names: the classes and their order; None takes the labels of the task.
        label_map: label in the file → class, where they differ.
        complete: whether all objects of an image are marked that does not say it itself (None: where there is a mark).
        skip_bad: leave out bad elements and images instead of raising at the first; they are counted and logged.
        report: filled with what was skipped and noticed.

    Raises:
        FileNotFoundError: the export or an image is missing.
        ValueError: anything else that is wrong; the message names file, image, element, field, value and remedy.
    """
    report, path = start_report(report, path, skip_bad), Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: annotation file not found; give the path of CVAT's annotations.xml")
    folder = ImageIndex(image_dir)
    reader = AnnotationReader(folder, report, class_names, label_map, complete, declared=_declared(path), field="name")
    return reader.dataset(_images(path, folder, report))


def to_cvat(dataset: Dataset) -> str:
    """The dataset as "CVAT 1.1" XML for a task with the same images and labels.

    Objects without a mask are written as points, or as boxes where nothing else is known of them; those without a
    class, which CVAT cannot hold, must get one first. Image-level labels are tags; so is `complete` on an image that is
    known to be empty, and `incomplete` on one of whose objects some are marked (who has marked them all takes it away).
    The labels of the task, these two among them where they are used, are listed at the top of the file.

    Raises:
        ValueError: an object has no class.
    """
    class_names = names_of(dataset)
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    task = ElementTree.SubElement(ElementTree.SubElement(root, "meta"), "task")
    for tag, text in (("name", "pointwssis"), ("size", str(len(dataset))), ("mode", "annotation")):
        ElementTree.SubElement(task, tag).text = text
    labels = ElementTree.SubElement(task, "labels")
    rows = dataset.with_format(None)
    marks = rows.select_columns(["objects", "complete"])
    said, crowds = sorted({text for row in marks if (text := _completeness(row)) is not None}), 0
    for name, kind in [*((name, "any") for name in class_names), *((text, "tag") for text in said)]:
        label = ElementTree.SubElement(labels, "label")
        ElementTree.SubElement(label, "name").text = name
        ElementTree.SubElement(label, "type").text = kind
    for number, row in enumerate(rows):
        size = {field: str(row[field]) for field in ("width", "height")}
        image = ElementTree.SubElement(root, "image", {"id": str(number), "name": row["file_name"], **size})
        for item in row["objects"]:
            if item["category"] is None:
                raise ValueError(
                    f"image {row['file_name']}: object {item['id']} has no class, which CVAT needs; make pseudo labels "
                    "first, which gives it one, or name its class"
                )
            crowds += item["iscrowd"]
            if not item["iscrowd"]:
                _write(image, item, class_names[item["category"]])
        tags = [class_names[label] for label in row["image_labels"] or ()]
        for tag in [*tags, *filter(None, [_completeness(row)])]:
            ElementTree.SubElement(image, "tag", {"label": tag, "source": "auto"})
    warn_of_crowds(crowds, "CVAT")
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


# -- reading


def _elements(path: Path) -> Iterator[ElementTree.Element]:
    """The elements right below the root, one at a time, so that a long file takes little memory."""
    try:
        depth, root = 0, None
        with path.open("rb") as file:
            for event, element in ElementTree.iterparse(file, events=("start", "end")):
                depth += 1 if event == "start" else -1
                if root is None:
                    root = element
                    if root.tag != "annotations":
                        raise ValueError(f'{path}: is <{root.tag}>, not <annotations>; export as "CVAT for images 1.1"')
                if event == "end" and depth == 1:
                    yield element
                    root.clear()
    except ElementTree.ParseError as error:
        raise ValueError(f"{path}: is no XML ({error}); export it again") from error


def _declared(path: Path) -> list[str]:
    """Names of the labels of the task that objects can have."""
    for element in _elements(path):
        if element.tag == "meta":
            labels = [label for label in element.iter("label") if label.find("parent") is None]
            return [name for label in labels if label.findtext("type") not in _NO_CLASSES and (name := _name(label))]
    return []


def _name(label: ElementTree.Element) -> str | None:
    return label.findtext("name")


def _images(path: Path, folder: ImageIndex, report: LoadReport) -> Iterator[ImageAnnotation]:
    for element in _elements(path):
        if element.tag == "track":
            remedy = 'export the task as "CVAT for images 1.1", with its images'
            raise ValueError(f"{path}: track {element.get('id')!r}: is of a video; {remedy}")
        if element.tag != "image":
            continue
        record = f"image {element.get('id')} ({element.get('name')})"
        try:
            image = _image(element, record)
            if subset := element.get("subset"):  # the folder of the image, when a project is exported
                with suppress(AnnotationError):
                    image.path = folder.find(f"{subset}/{image.name}")
            yield image
        except AnnotationError as bad:
            report.reject(record, bad)


def _image(element: ElementTree.Element, record: str) -> ImageAnnotation:
    width, height = (read_whole(element.get(field), field) for field in ("width", "height"))
    image = ImageAnnotation(record, element.get("name") or "", size=(width, height), touched=len(element) > 0)
    groups: dict[Any, list[ElementTree.Element]] = {}
    for position, child in enumerate(element):
        if child.tag == "tag":
            _read_tag(child, image)
        elif read_flag(child.get("outside", "0"), "outside"):
            continue
        elif child.tag == "points":
            places = [place for place in (child.get("points") or "").split(";") if place]
            image.marks += [
                ObjectAnnotation(f"{record}, element {position + 1} (<points>)", partial(_read_click, child, place))
                for place in places or [""]
            ]
        else:
            grouped = child.tag in _REGIONS and child.get("group_id", "0") != "0"
            key = (child.get("group_id"), child.get("label")) if grouped else position
            if key not in groups:
                groups[key] = []
                name = f"{record}, element {position + 1} (<{child.tag}>)"
                image.marks.append(ObjectAnnotation(name, partial(_read_elements, groups[key])))
            groups[key].append(child)
    return image


def _read_tag(tag: ElementTree.Element, image: ImageAnnotation) -> None:
    label = _label(tag)
    if label in ("complete", "incomplete"):
        image.complete = label == "complete"
    elif label not in image.image_labels:
        image.image_labels.append(label)


def _label(element: ElementTree.Element) -> str:
    label = element.get("label")
    if not label:
        raise AnnotationError("element without a label", "label", label, "give it a label in CVAT and export again")
    return label


def _read_click(points: ElementTree.Element, place: str, width: int, height: int) -> Reading:
    x, y = _corners(place, "points")[0]
    return _label(points), click(x, y, width, height, "points", place)


def _read_elements(elements: Sequence[ElementTree.Element], width: int, height: int) -> Reading:
    """A box, or a mask that may have several parts."""
    label = _label(elements[0])
    shapes = [_read_shape(element, width, height) for element in elements]
    if len(shapes) == 1:
        return label, shapes[0]
    union = np.any([decode_rle(shape["segmentation"]) for shape in shapes], axis=0)
    return label, dense_mask(union)


def _read_shape(element: ElementTree.Element, width: int, height: int) -> dict[str, Any]:
    if element.tag == "mask":
        return _read_mask(element, width, height)
    if element.tag == "polygon":
        return polygon_mask([_corners(element.get("points"), "points").ravel().tolist()], width, height, "points")
    if element.tag == "box":
        left, top, right, bottom = (read_number(element.get(key), key) for key in ("xtl", "ytl", "xbr", "ybr"))
        corners, middle = np.array([[left, top], [right, top], [right, bottom], [left, bottom]]), np.zeros(2)
        middle[:] = (left + right) / 2, (top + bottom) / 2
        corners = turned(corners - middle, read_number(element.get("rotation", 0), "rotation")) + middle
        return box(corners, width, height, "xtl, ytl, xbr, ybr")
    if element.tag == "ellipse":
        x, y, *radii = (read_number(element.get(key), key) for key in ("cx", "cy", "rx", "ry"))
        degrees = read_number(element.get("rotation", 0), "rotation")
        return ellipse_mask((x, y), (radii[0], radii[1]), degrees, width, height, "rx, ry")
    remedy = "use points, masks, polygons, ellipses or boxes"
    raise AnnotationError("element that is neither a click nor a region", "element", f"<{element.tag}>", remedy)


def _read_mask(element: ElementTree.Element, width: int, height: int) -> dict[str, Any]:
    """Run lengths row by row inside of a window, background first."""
    left, top, columns, rows = (read_whole(element.get(k), k) for k in ("left", "top", "width", "height"))
    window = f"{columns} × {rows} at ({left}, {top})"
    if min(left, top) < 0 or min(columns, rows) < 1 or left + columns > width or top + rows > height:
        remedy = f"the image has {width} × {height} pixels; export it again"
        raise AnnotationError("mask beyond the image", "left, top, width, height", window, remedy)
    text = element.get("rle") or ""
    try:
        runs = np.array([int(run) for run in text.split(",")])
    except ValueError as error:
        raise AnnotationError("run lengths are no whole numbers", "rle", text, "export it again") from error
    if runs.min() < 0 or runs.sum() != columns * rows:
        remedy = f"they sum to {runs.sum()}, the window {window} has {columns * rows} pixels; export it again"
        raise AnnotationError("run lengths do not fill the mask", "rle", text, remedy)
    mask = np.zeros((height, width), dtype=bool)
    values = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    mask[top : top + rows, left : left + columns] = values.reshape(rows, columns)
    return dense_mask(mask)


def _corners(text: str | None, field: str) -> np.ndarray:
    """`"x0,y0;x1,y1"` as (N, 2)."""
    pairs = [pair.split(",") for pair in (text or "").split(";")]
    if any(len(pair) != 2 for pair in pairs):
        raise AnnotationError(f"{field} are no pairs x,y", field, text, "export it again")
    return np.array([[read_number(number, field) for number in pair] for pair in pairs])


# -- writing


def _completeness(row: Mapping[str, Any]) -> str | None:
    """The tag that an image needs, where its elements would be misunderstood without."""
    marked = any(not item["iscrowd"] for item in row["objects"])
    if row["complete"]:
        return None if row["objects"] else "complete"
    return "incomplete" if marked else None


def _write(image: ElementTree.Element, item: Mapping[str, Any], label: str) -> None:
    """A `<mask>`; for an object that has none a `<box>` if it is all that is known, else `<points>`."""
    common = {"label": label, "source": "auto", "occluded": "0"}
    rle = item["segmentation"]
    if rle is not None and rle_area(rle):
        left, top, columns, rows = (int(value) for value in rle_box(rle))
        crop = decode_rle(rle)[top : top + rows, left : left + columns]
        flat = crop.ravel()
        borders = np.flatnonzero(np.diff(flat, prepend=False))  # background comes first, perhaps none of it
        runs = np.diff(borders, prepend=0, append=len(flat))
        window = {"left": left, "top": top, "width": columns, "height": rows}
        shape = {"rle": ", ".join(map(str, runs.tolist())), **{key: str(value) for key, value in window.items()}}
        ElementTree.SubElement(image, "mask", {**common, **shape, "z_order": "0"})
    elif (bbox := box_alone(item, int(image.get("width")), int(image.get("height")))) is not None:
        left, top, right, bottom = (*bbox[:2], bbox[0] + bbox[2], bbox[1] + bbox[3])
        edges = {"xtl": f"{left:.2f}", "ytl": f"{top:.2f}", "xbr": f"{right:.2f}", "ybr": f"{bottom:.2f}"}
        ElementTree.SubElement(image, "box", {**common, **edges, "z_order": "0"})
    elif item["point"] is not None:
        x, y = (coordinate + 0.5 for coordinate in item["point"])
        ElementTree.SubElement(image, "points", {**common, "points": f"{x:.2f},{y:.2f}", "z_order": "0"})
