# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Label Studio's JSON export ⇄ dataset (labelstud.io/guide/task_format, labelstud.io/tags).

Reading: export as "JSON" (not JSON-MIN, which drops required values). One task is one image.

| region | becomes |
|---|---|
| `keypointlabels` | a click |
| `brushlabels`, `polygonlabels`, `ellipselabels` | a mask |
| `rectanglelabels` | a box whose center is the point |
| `choices` of a region without a label, or the innermost level of its `taxonomy` | its class |
| `choices` of the image | image-level labels; `complete` or `incomplete` states whether all objects are annotated |

Regions of the `Labels` tag are read too. Coordinates are percent of the upright image. Of several annotations of a
task the one that was changed last counts; skipped (cancelled) ones, drafts and predictions do not. A task that was
submitted without regions is an image known to be empty; one without a submitted annotation is unlabeled. An export that
holds predictions but not a single submitted annotation is an error, because the predictions were not accepted yet.

Writing: `to_label_studio` makes tasks whose predictions are corrected manually. Masks are written as brush regions and
survive exactly; the point of a mask is not written, so that it is the mask's center when it is read again. Objects of
which only a box is known become rectangles; image-level labels and `incomplete` become choices.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from ...ops.user_error import UserError, UserFileNotFoundError
from ...ops.wording import brief, counted
from ..errors import AnnotationError, LoadReport, Remark
from .fields import (
    box,
    click,
    dense_mask,
    ellipse_mask,
    polygon_mask,
    read_angle,
    read_corners,
    read_number,
    read_whole,
    rotated,
)
from .image_index import ImageIndex
from .json_stream import JsonRecords, read_json
from .label_studio_paths import image_path_in
from .label_studio_rle import decode_brush
from .load_options import LoadOptions
from .reader import AnnotationReader, ImageAnnotation, LabelAndValues, ObjectAnnotation
from .sniffing import FileHead

_SHAPES = ("keypoint", "brush", "polygon", "ellipse", "rectangle", "labels")
_GEOMETRY = ("x", "y", "width", "height", "rotation", "radiusX", "radiusY", "points", "rle")
_NOT_SHAPES = ("choices", "textarea", "rating", "number", "taxonomy", "datetime", "pairwise", "relation", "ranker")
_MAY_NAME_CLASS = ("choices", "taxonomy")  # those of them that may be the class of a region


def is_label_studio(head: FileHead) -> bool:
    """Return True for a JSON list."""
    return head.text.startswith("[")


def load_label_studio(path: str | Path, image_dir: str | Path, **options: Any) -> Dataset:
    """Load Label Studio's JSON export (see the module) into the schema, one row per task, in the order of the file.

    The image is found by the path in the task: an upload (`/data/upload/1/a1b2c3d4-name.jpg`, also as `name.jpg`),
    local storage (`/data/local-files/?d=set/name.jpg`) or any URL.

    Args:
        path: JSON export of the project.
        image_dir: folder that contains the images.
        options: fields of `LoadOptions`. An image without a choice that says otherwise is complete if an annotation was
            submitted.

    Raises:
        UserFileNotFoundError: the export or an image is missing.
        UserError: the export is invalid, or no annotation was submitted; the message names file, task, region, field,
            value and remedy.
    """
    settings, path = LoadOptions(**options), Path(path)
    report = settings.start_report(path)
    if not path.is_file():
        raise UserFileNotFoundError(f"{path}: annotation file not found; give the path of Label Studio's JSON export")
    try:
        tasks = read_json(path)
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error}); export it again") from error
    if not isinstance(tasks, JsonRecords):
        raise UserError(f"{path}: holds no list of tasks; export the project as JSON")
    reader = AnnotationReader(
        ImageIndex(image_dir, settings.allow_outside), report, settings, uploaded=True, image_field="data.image"
    )
    return reader.to_dataset(_images(tasks, report))


# -- reading


def _images(tasks: JsonRecords, report: LoadReport) -> Iterator[ImageAnnotation]:
    submitted = predicted = 0
    for position, task in enumerate(tasks):
        has_id = isinstance(task, Mapping) and "id" in task
        record = f"task {brief(task['id'], 40)}" if has_id else f"task at position {position}"
        try:
            image = _image(task, record, report)
        except AnnotationError as bad:
            submitted += 1  # perhaps; what is wrong with the task is more important
            report.reject(record, bad)
            continue
        # Count both, to recognize an export that nobody has accepted
        submitted += image.was_annotated
        predicted += bool(task.get("predictions"))
        yield image
    # Only the whole file shows whether any task was submitted
    if predicted and not submitted:
        tasks_with = f"{counted(predicted, 'task')} {'has' if predicted == 1 else 'have'}"
        raise UserError(
            f"{report.source}: {tasks_with} predictions, but no task has a submitted annotation; accept or correct the "
            "predictions in Label Studio, submit the tasks and export the project again"
        )


def _image(task: Any, record: str, report: LoadReport) -> ImageAnnotation:
    if not isinstance(task, Mapping) or not isinstance(task.get("data"), Mapping):
        raise _error_about_task(task)
    image = ImageAnnotation(record, image_path_in(task["data"]))
    annotation = _last_annotation(task, record, report)
    # Nothing was submitted: the image is unlabeled, with or without predictions.
    if annotation is None:
        image.was_annotated = False
        return image

    results = annotation.get("result")
    if not isinstance(results, list) or not all(isinstance(result, Mapping) for result in results):
        raise AnnotationError("result is not a list of objects", "result", results, "export the project again")
    _check_one_image(results)
    image.size = _size(results)
    # Shapes are decoded later, when the size of the file is known; choices concern the image.
    for name, parts in _regions(results):
        if any(_is_negative(part) for part in parts):
            # Such a click shows the tool what does not belong to an object.
            report.note(record, Remark("negative click (a prompt, not an object)", "region", name))
        elif parts[0].get("type") not in _NOT_SHAPES:
            image.objects.append(ObjectAnnotation(f"{record}, region {name:.40}", partial(_decode_region, parts)))
        else:
            _read_choices(parts, image)
    return image


def _check_one_image(results: Sequence[Mapping[str, Any]]) -> None:
    """Raise an `AnnotationError` if shapes were drawn on several images, whose coordinates would be mixed."""
    shapes = [result for result in results if result.get("type") not in _NOT_SHAPES]
    for field in ("to_name", "item_index"):
        images = {str(shape[field]) for shape in shapes if shape.get(field) is not None}
        if len(images) > 1:
            hint = "a task may show one image: split it into tasks, or leave out the other images"
            raise AnnotationError("regions on several images", field, sorted(images), hint)


def _error_about_task(task: Any) -> AnnotationError:
    """Return the error about an entry that is no task; every JSON list comes here, so it says what it is taken for."""
    keys = sorted(task) if isinstance(task, Mapping) else []
    hint = "a list is taken as Label Studio's: export the project as JSON (not as JSON-MIN)"
    if "category_id" in keys:
        hint = "a list of COCO results lacks images and categories: write {images, annotations, categories}"
    elif {"x", "y"} <= set(keys):
        hint = "a table of clicks is not a list: write one JSON object per line, without commas between them"
    return AnnotationError("task without data", "data", keys if isinstance(task, Mapping) else task, hint)


def _regions(results: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """Yield the results that share an id: the parts of one object, or the choices of the image.

    A shape and its label may be separate results that both carry the geometry. Imported regions may share an id too: a
    different geometry is a different object. Other results about a region (`_NOT_SHAPES`) are left out, except those
    that may name its class.
    """
    regions: dict[str, list[Mapping[str, Any]]] = {}
    for position, result in enumerate(results):
        # A result without an id stands alone
        name = f"at position {position}" if result.get("id") is None else repr(result["id"])
        regions.setdefault(name, []).append(result)
    for name, parts in regions.items():
        shapes = [part for part in parts if part.get("type") not in _NOT_SHAPES]
        # Choices about a region, and a taxonomy, may be its class; those without a shape concern the image.
        naming = [part for part in parts if part.get("type") in _MAY_NAME_CLASS]
        # At most one shape: nothing to tell apart
        if len(shapes) < 2:
            yield name, [*shapes, *naming] if shapes else parts
            continue
        # Equal geometry is one shape and its label, other geometry another object
        places: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
        for part in shapes:
            places.setdefault(_place(part), []).append(part)
        # A label without geometry belongs to every shape of the region
        nowhere = places.pop((), [])
        for group in [[*parts, *nowhere] for parts in places.values()] or [nowhere]:
            yield name, [*group, *naming]


def _is_negative(part: Mapping[str, Any]) -> bool:
    """Return True for a click on what does not belong to an object."""
    value = part.get("value")
    places = [part, value] if isinstance(value, Mapping) else [part]
    return any(str(place.get("is_positive", True)).lower() in ("false", "0") for place in places)


def _place(part: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the geometry that distinguishes one shape from another; empty without any."""
    value = part.get("value")
    if isinstance(value, Mapping) and "rle" in value:
        return (("rle", True),)  # the strokes of a brush under one id are one object
    values = [(key, value[key]) for key in _GEOMETRY if value.get(key)] if isinstance(value, Mapping) else []
    return tuple((key, round(at, 4) if isinstance(at, (int, float)) else repr(at)) for key, at in values)


def _last_annotation(task: Mapping[str, Any], record: str, report: LoadReport) -> Mapping[str, Any] | None:
    # Early versions call annotations completions
    annotations = task.get("annotations", task.get("completions")) or []
    if not isinstance(annotations, list) or not all(isinstance(each, Mapping) for each in annotations):
        hint = "export the project as JSON"
        raise AnnotationError("annotations is not a list of objects", "annotations", annotations, hint)
    # A cancelled annotation is a skipped task
    submitted = [annotation for annotation in annotations if not annotation.get("was_cancelled")]
    if len(submitted) > 1:
        remark = Remark("several annotations of a task (the last one counts)", "annotations", len(submitted))
        report.note(record, remark)
    # The last change decides, then the order of the file.
    changes = [str(annotation.get("updated_at") or annotation.get("created_at") or "") for annotation in submitted]
    return submitted[max(range(len(changes)), key=lambda n: (changes[n], n))] if changes else None


def _size(results: Sequence[Mapping[str, Any]]) -> tuple[int, int] | None:
    """Return the (width, height) of the image in the tool."""
    sizes = set()
    for result in results:
        if result.get("image_rotation"):
            hint = "rotate the image file itself and annotate it again: the meaning of the coordinates is undocumented"
            raise AnnotationError("image rotated while labeling", "image_rotation", result["image_rotation"], hint)
        # A result need not state the size, but all that do must agree.
        if result.get("original_width") is not None:
            fields = ("original_width", "original_height")
            sizes.add(tuple(read_whole(result.get(field), field) for field in fields))
    if len(sizes) > 1:
        hint = "its regions were drawn on images of different sizes; annotate it again"
        raise AnnotationError("several image sizes", "original_width, original_height", sorted(sizes), hint)
    return next(iter(sizes), None)


def _read_choices(parts: Sequence[Mapping[str, Any]], image: ImageAnnotation) -> None:
    for part in parts:
        value = part.get("value")
        for choice in _texts(value.get("choices", []), "value.choices") if isinstance(value, Mapping) else []:
            # Two choices state completeness, all others are image-level labels.
            if choice in ("complete", "incomplete"):
                image.complete = choice == "complete"
            elif choice not in image.image_labels:
                image.image_labels.append(choice)


def _decode_region(parts: Sequence[Mapping[str, Any]], width: int, height: int) -> LabelAndValues:
    """Decode one region: its parts share an id, and one of them has the shape."""
    kinds = {str(part.get("type")): part for part in parts}
    # A result that names its shape wins over a plain label
    shapes = {kind.removesuffix("labels"): part for kind, part in kinds.items() if kind != "labels"}
    shape, part = next(iter((shapes or kinds).items()))
    value = part.get("value")
    if not isinstance(value, Mapping):
        raise AnnotationError("region without a shape", "value", value, "draw it again or remove it")
    if shape not in _SHAPES:
        hint = "use keypoints, brushes, polygons, ellipses or rectangles"
        raise AnnotationError("unknown kind of region", "type", part.get("type"), hint)
    values = [each["value"] for each in parts if isinstance(each.get("value"), Mapping)]

    labels = _labels_on(values)
    if len(labels) > 1:
        hint = 'an object has one class; use choice="single" and keep one label'
        raise AnnotationError("several labels on a region", "labels", labels, hint)
    label = labels[0] if labels else None
    if shape == "brush" or "rle" in value:
        strokes = [each for each in values if "rle" in each] or [value]
        masks = [_read_strokes(each, width, height) for each in strokes]
        return label, dense_mask(np.any(masks, axis=0))
    return label, _read_shape(shape, value, width, height)


def _labels_on(values: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the labels of a region, each once; without any its taxonomy, or else its choices, which name its class."""
    found: list[str] = []
    # Any part may carry the label.
    for each in values:
        for key in each:
            if key.endswith("labels"):
                found += _texts(each[key], f"value.{key}")
    # Beside a label, taxonomy and choices are attributes; beside a taxonomy, choices are.
    if not found:
        for each in values:
            found += _innermost_levels(each)
    if not found:
        for each in values:
            found += _texts(each.get("choices", []), "value.choices")
    return list(dict.fromkeys(found))


def _innermost_levels(value: Mapping[str, Any]) -> list[str]:
    """Return the names at the ends of the chosen paths of a taxonomy: ["animal", "dog"] is a dog."""
    paths = value.get("taxonomy", [])
    if not isinstance(paths, list) or not all(isinstance(path, list) and path for path in paths):
        raise AnnotationError("value.taxonomy is not a list of paths", "value.taxonomy", paths, "export it as JSON")
    return [_texts(path, "value.taxonomy")[-1] for path in paths]


def _read_strokes(value: Mapping[str, Any], width: int, height: int) -> np.ndarray:
    """Read the strokes of a brush as a (height, width) bool mask."""
    if value.get("format", "rle") != "rle" or not isinstance(value.get("rle"), list):
        hint = "export the project as JSON"
        raise AnnotationError("brush without run lengths", "value.rle", value.get("rle"), hint)
    try:
        return decode_brush(value["rle"], height, width)
    except ValueError as error:
        hint = f"{error}; export the project again"
        raise AnnotationError("bad brush", "value.rle", value["rle"], hint) from error


def _texts(value: Any, field: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) and text for text in value):
        raise AnnotationError(f"{field} is not a list of names", field, value, "export the project as JSON")
    return value


def _read_shape(shape: str, value: Mapping[str, Any], width: int, height: int) -> dict[str, Any]:
    # Results of the `Labels` tag do not name their shape, so the keys of the geometry decide.
    scale = np.array([width, height]) / 100  # percent → pixels
    if shape == "polygon" or "points" in value:
        if value.get("closed") is False:
            raise AnnotationError("open polygon", "value.closed", False, "close it in Label Studio or remove it")
        corners = read_corners(value.get("points"), "value.points") * scale
        return polygon_mask([corners.ravel().tolist()], width, height, "value.points")
    # All further shapes have a position; ellipse and rectangle may be rotated.
    x, y = (read_number(value.get(key), f"value.{key}") for key in ("x", "y"))
    start, rotation = np.array([x, y]) * scale, read_angle(value.get("rotation"), "value.rotation")
    if shape == "ellipse" or "radiusX" in value:
        radii = [read_number(value.get(key), f"value.{key}") for key in ("radiusX", "radiusY")]
        return ellipse_mask(tuple(start), tuple(radii * scale), rotation, width, height, "value.radiusX, value.radiusY")
    if shape == "rectangle" or (shape == "labels" and "height" in value):
        # A rectangle turns about its upper left corner
        sides = np.array([read_number(value.get(key), f"value.{key}") for key in ("width", "height")]) * scale
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * sides
        return box(rotated(corners, rotation) + start, width, height, "value")
    return click(*start.tolist(), width, height, "value.x, value.y", [x, y])


# -- writing
