# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""CVAT's "CVAT for images 1.1" XML ⇄ dataset (docs.cvat.ai/docs/other/xml_format).

Reading:

| element | becomes |
|---|---|
| `<points>` | one click per point |
| `<mask>`, `<polygon>`, `<ellipse>` | a mask |
| `<box>` | a box whose center is the point |
| `<tag>` | an image-level label; the tag `complete` or `incomplete` states whether all objects are annotated |

Masks, polygons and ellipses with the same group (`group_id`) and label are parts of one object. Overlapping objects
stay as they are: `z_order` hides nothing, `occluded` changes nothing, and `outside` elements are left out. An image
without any element has not been annotated: it is unlabeled. A video export (`<track>`), polylines, cuboids and
skeletons are errors.

Writing: `to_cvat` makes the XML that a task with the same images imports as "CVAT 1.1", for manual correction. Masks
are written as `<mask>` and survive exactly; the point of a mask is not written, so that it is the mask's center when
it is read again.
"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from ...ops.coco_masks import decode_rle
from ...ops.mask_measures import measure_mask
from ...ops.user_error import UserError, UserFileNotFoundError
from ...ops.wording import brief
from ..errors import AnnotationError, LoadReport
from ..schema import class_names as names_of
from .fields import (
    box,
    box_alone,
    click,
    dense_mask,
    ellipse_mask,
    place_of_point,
    polygon_mask,
    read_angle,
    read_flag,
    read_number,
    read_whole,
    rotated,
    united_masks,
    warn_of_crowds,
)
from .image_index import ImageIndex
from .load_options import LoadOptions
from .reader import AnnotationReader, ImageAnnotation, LabelAndValues, ObjectAnnotation
from .sniffing import FileHead

_REGIONS = ("mask", "polygon", "ellipse")
_TYPES_WITHOUT_OBJECTS = ("tag", "polyline", "cuboid", "skeleton")  # of a task's labels


def is_cvat(head: FileHead) -> bool:
    """Return True for a file that begins like XML."""
    return head.text.startswith("<")


def load_cvat(path: str | Path, image_dir: str | Path, **options: Any) -> Dataset:
    """Load "CVAT for images 1.1" (see the module) into the schema, one row per image, in the order of the file.

    Args:
        path: `annotations.xml` of the export.
        image_dir: folder that contains the images.
        options: fields of `LoadOptions`. The classes are the labels of the task. An image without a tag that says
            otherwise is complete if it has any element.

    Raises:
        UserFileNotFoundError: the export or an image is missing.
        UserError: the export is invalid; the message names file, image, element, field, value and remedy.
    """
    settings, path = LoadOptions(**options), Path(path)
    report = settings.start_report(path)
    if not path.is_file():
        raise UserFileNotFoundError(f"{path}: annotation file not found; give the path of CVAT's annotations.xml")
    # The file is read twice: for the labels of the task, then image by image
    index = ImageIndex(image_dir, settings.allow_outside)
    reader = AnnotationReader(index, report, settings, declared_classes=_declared_classes(path), image_field="name")
    return reader.to_dataset(_images(path, index, report))


def to_cvat(dataset: Dataset) -> str:
    """Return the dataset as "CVAT 1.1" XML for a task with the same images and labels.

    Objects without a mask are written as boxes if only their box is known, otherwise as points. Objects without a class
    cannot be written. Image-level labels become tags; so does `complete` for an image that is known to be empty, and
    `incomplete` for an image of whose objects only some are annotated (remove the tag when all are). The labels of the
    task, these two tags among them if used, are listed at the top of the file.

    Raises:
        UserError: an object has no class.
    """
    class_names = names_of(dataset)
    rows = dataset.with_format(None)
    # The description of the task comes first, then one element per image.
    root = _root(rows, class_names)
    crowds = 0
    for number, row in enumerate(rows):
        size = {field: str(row[field]) for field in ("width", "height")}
        image = ElementTree.SubElement(root, "image", {"id": str(number), "name": row["file_name"], **size})
        for item in row["objects"]:
            if item["category"] is None:
                raise UserError(
                    f"image {row['file_name']}: object {item['id']} has no class, which CVAT requires; make pseudo "
                    "labels first, which assigns one, or assign one yourself"
                )
            if item["iscrowd"]:
                # CVAT has no ignore regions, so crowds are only counted.
                crowds += 1
            else:
                _write_object(image, item, class_names[item["category"]])
        # Image-level labels, and a tag if the elements alone would be misread.
        tags = [class_names[label] for label in row["image_labels"] or ()]
        for tag in [*tags, *filter(None, [_completeness(row)])]:
            ElementTree.SubElement(image, "tag", {"label": tag, "source": "auto"})
    warn_of_crowds(crowds, "CVAT")
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def write_cvat(dataset: Dataset, path: Path) -> Path:
    """Write `to_cvat(dataset)` to a file."""
    path.write_text(to_cvat(dataset), encoding="utf-8")
    return path


# -- reading


def _elements(path: Path) -> Iterator[ElementTree.Element]:
    """Yield the elements directly below the root, one at a time, so that a long file takes little memory."""
    try:
        # The first element is the root; its children end at depth 1.
        depth, root = 0, None
        with path.open("rb") as file:
            for event, element in ElementTree.iterparse(file, events=("start", "end")):
                depth += 1 if event == "start" else -1
                # Refuse other XML before reading on
                if root is None:
                    root = element
                    if root.tag != "annotations":
                        raise UserError(
                            f'{path}: is <{root.tag:.50}>, not <annotations>; export as "CVAT for images 1.1"'
                        )
                if event == "end" and depth == 1:
                    # Hand out a finished child, then drop it from the tree
                    yield element
                    root.clear()
    except UserError:
        raise
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # the last two of unknown encodings
        raise UserError(f"{path}: not valid XML ({error!s:.200}); export it again") from error


def _declared_classes(path: Path) -> list[str]:
    """Return the labels of the task that objects can have."""
    for element in _elements(path):
        if element.tag != "meta":
            continue
        # Only labels that a click or region can have become classes
        names = []
        for label in element.iter("label"):
            is_part = label.find("parent") is not None  # of a skeleton
            if not is_part and label.findtext("type") not in _TYPES_WITHOUT_OBJECTS and label.findtext("name"):
                names.append(label.findtext("name"))
        return names
    return []


def _images(path: Path, index: ImageIndex, report: LoadReport) -> Iterator[ImageAnnotation]:
    for element in _elements(path):
        if element.tag == "track":
            # A track interpolates shapes between frames, which is not supported.
            hint = 'export the task as "CVAT for images 1.1", with its images'
            raise UserError(f"{path}: track {brief(element.get('id'))} belongs to a video; {hint}")
        if element.tag != "image":
            continue
        record = f"image {element.get('id')} ({element.get('name')})"
        try:
            image = _image(element, record)
            if subset := element.get("subset"):  # the folder of the image in the export of a project
                # If it is not there, the reader searches by the name alone.
                with suppress(AnnotationError):
                    image.path = index.find(f"{subset}/{image.file_name}")
            yield image
        except AnnotationError as bad:
            report.reject(record, bad)


def _image(element: ElementTree.Element, record: str) -> ImageAnnotation:
    width, height = (read_whole(element.get(field), field) for field in ("width", "height"))
    image = ImageAnnotation(record, element.get("name") or "", size=(width, height), was_annotated=len(element) > 0)
    # Regions of one group and label are parts of one object; every other element is an object.
    groups: dict[Any, list[ElementTree.Element]] = {}
    for position, child in enumerate(element):
        # Tags concern the image, and outside elements are not visible in it.
        if child.tag == "tag":
            _read_tag(child, image)
        elif read_flag(child.get("outside", "0"), "outside"):
            continue
        elif child.tag == "points":
            name = f"{record}, element {position + 1} (<points>)"
            # Each point is an object of its own; an element without any fails when it is decoded.
            places = [place for place in (child.get("points") or "").split(";") if place]
            for place in places or [""]:
                image.objects.append(ObjectAnnotation(name, partial(_decode_click, child, place)))
        else:
            # Group 0 means none; boxes are never united.
            grouped = child.tag in _REGIONS and child.get("group_id", "0") != "0"
            key = (child.get("group_id"), child.get("label")) if grouped else position
            if key not in groups:
                # Decoding comes after the whole image is read, so the list may still grow.
                groups[key] = []
                name = f"{record}, element {position + 1} (<{child.tag}>)"
                image.objects.append(ObjectAnnotation(name, partial(_decode_elements, groups[key])))
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


def _decode_click(points: ElementTree.Element, place: str, width: int, height: int) -> LabelAndValues:
    x, y = _corners(place, "points")[0]
    return _label(points), click(x, y, width, height, "points", place)


def _decode_elements(elements: Sequence[ElementTree.Element], width: int, height: int) -> LabelAndValues:
    """Decode a box, or a mask that may have several parts."""
    label = _label(elements[0])
    shapes = [_read_shape(element, width, height) for element in elements]
    if len(shapes) == 1:
        return label, shapes[0]
    return label, united_masks(shapes)


def _read_shape(element: ElementTree.Element, width: int, height: int) -> dict[str, Any]:
    if element.tag == "mask":
        return _read_mask(element, width, height)
    if element.tag == "polygon":
        return polygon_mask([_corners(element.get("points"), "points").ravel().tolist()], width, height, "points")
    if element.tag == "box":
        # A box is rotated about its center.
        left, top, right, bottom = (read_number(element.get(key), key) for key in ("xtl", "ytl", "xbr", "ybr"))
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        middle = np.array([(left + right) / 2, (top + bottom) / 2])
        corners = rotated(corners - middle, read_angle(element.get("rotation"), "rotation")) + middle
        return box(corners, width, height, "xtl, ytl, xbr, ybr")
    if element.tag == "ellipse":
        # The rotation is in degrees, clockwise
        x, y, *radii = (read_number(element.get(key), key) for key in ("cx", "cy", "rx", "ry"))
        degrees = read_angle(element.get("rotation"), "rotation")
        return ellipse_mask((x, y), (radii[0], radii[1]), degrees, width, height, "rx, ry")
    # Polylines, cuboids, skeletons and unknown elements remain
    hint = "use points, masks, polygons, ellipses or boxes"
    raise AnnotationError("element is neither a click nor a region", "element", f"<{element.tag}>", hint)


def _read_mask(element: ElementTree.Element, width: int, height: int) -> dict[str, Any]:
    """Read run lengths, row by row inside a window, background first."""
    left, top, columns, rows = (read_whole(element.get(k), k) for k in ("left", "top", "width", "height"))
    window = f"{columns} × {rows} at ({left}, {top})"
    if min(left, top) < 0 or min(columns, rows) < 1 or left + columns > width or top + rows > height:
        hint = f"the image has {width} × {height} pixels; export it again"
        raise AnnotationError("mask beyond the image", "left, top, width, height", window, hint)

    # The runs fill the window row by row; every second one is foreground.
    text = element.get("rle") or ""
    try:
        runs = [int(run) for run in text.split(",")]
    except ValueError as error:
        raise AnnotationError("run lengths are not integers", "rle", text, "export it again") from error
    # The runs must fill the window exactly, otherwise rows would shift. Python's integers cannot overflow.
    if min(runs) < 0 or sum(runs) != columns * rows:
        hint = f"they sum to {brief(sum(runs))}, the window {window} has {columns * rows} pixels; export it again"
        raise AnnotationError("run lengths do not fill the mask", "rle", text, hint)
    # Runs alternate, background first: expand them and put the window in its place.
    mask = np.zeros((height, width), dtype=bool)
    values = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    mask[top : top + rows, left : left + columns] = values.reshape(rows, columns)
    return dense_mask(mask)


def _corners(text: str | None, field: str) -> np.ndarray:
    """Read `"x0,y0;x1,y1"` as (N, 2)."""
    pairs = [pair.split(",") for pair in (text or "").split(";")]
    if any(len(pair) != 2 for pair in pairs):
        raise AnnotationError(f"{field} are not pairs x,y", field, text, "export it again")
    return np.array([(read_number(x, field), read_number(y, field)) for x, y in pairs])


# -- writing


def _root(rows: Dataset, class_names: Sequence[str]) -> ElementTree.Element:
    """Return the root element with the description of a task."""
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    # The description has the form in which CVAT exports a task
    task = ElementTree.SubElement(ElementTree.SubElement(root, "meta"), "task")
    for tag, text in (("name", "pointwssis"), ("size", str(len(rows))), ("mode", "annotation")):
        ElementTree.SubElement(task, tag).text = text
    labels = ElementTree.SubElement(task, "labels")
    # The two tags become labels of the task if any image needs them; image files are not read for this.
    states = {_completeness(row) for row in rows.select_columns(["objects", "complete"])} - {None}
    # Classes fit every kind of element, states only tags
    for name, kind in [*((name, "any") for name in class_names), *((state, "tag") for state in sorted(states))]:
        label = ElementTree.SubElement(labels, "label")
        ElementTree.SubElement(label, "name").text = name
        ElementTree.SubElement(label, "type").text = kind
    return root


def _completeness(row: Mapping[str, Any]) -> str | None:
    """Return the tag that an image needs so that its elements are not misunderstood."""
    has_objects = any(not item["iscrowd"] for item in row["objects"])
    # Reading takes an image with elements as complete and one without as unlabeled
    if row["complete"]:
        return None if row["objects"] else "complete"
    return "incomplete" if has_objects else None


def _write_object(image: ElementTree.Element, item: Mapping[str, Any], label: str) -> None:
    """Add a `<mask>`; for an object without one a `<box>` if nothing else is known, otherwise `<points>`."""
    common = {"label": label, "source": "auto", "occluded": "0"}
    width, height = int(image.get("width")), int(image.get("height"))
    measures = None if item["segmentation"] is None else measure_mask(item["segmentation"])
    if measures is not None and measures.area:
        # Run lengths cover the window of the mask's box, row by row
        left, top, columns, rows = (int(value) for value in measures.box)
        flat = decode_rle(item["segmentation"])[top : top + rows, left : left + columns].ravel()
        borders = np.flatnonzero(np.diff(flat, prepend=False))  # the first run is background, perhaps of length 0
        runs = np.diff(borders, prepend=0, append=len(flat))
        window = {"left": left, "top": top, "width": columns, "height": rows}
        shape = {"rle": ", ".join(map(str, runs.tolist())), **{key: str(value) for key, value in window.items()}}
        ElementTree.SubElement(image, "mask", {**common, **shape, "z_order": "0"})
    elif (bbox := box_alone(item, width, height)) is not None:
        left, top, right, bottom = (*bbox[:2], bbox[0] + bbox[2], bbox[1] + bbox[3])
        edges = {"xtl": f"{left:.2f}", "ytl": f"{top:.2f}", "xbr": f"{right:.2f}", "ybr": f"{bottom:.2f}"}
        ElementTree.SubElement(image, "box", {**common, **edges, "z_order": "0"})
    elif item["point"] is not None:
        x, y = place_of_point(item["point"], width, height)
        ElementTree.SubElement(image, "points", {**common, "points": f"{x:.2f},{y:.2f}", "z_order": "0"})
