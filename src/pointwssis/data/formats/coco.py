# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""COCO JSON ⇄ dataset.

Beyond the COCO format an annotation may carry `point` ([x, y], pixel indices of the upright image), which then is *the*
point and needs no mask beside it, nor a category (a bare click); `points` ([[x, y], …], all on one object); and
`rough_segmentation`, `score` and `level` of a pseudo label. COCO's own `keypoints` serve where there is no mask. An
image may carry `complete` (false: not every object is marked) and `image_labels` (category ids without positions).
`to_coco` writes them back, so that a dataset survives the round trip.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict

from ...ops.points import PointSource
from ..class_names import check_known, unite_names
from ..errors import AnnotationError, LoadReport
from ..schema import class_names as names_of
from ..schema import dataset_from_rows
from .coco_folder import find_coco_split
from .coco_records import derive_point, read_id, read_image_labels, read_image_record, read_object
from .image_index import ImageIndex
from .json_stream import JsonRecords, read_json

logger = logging.getLogger(__name__)


def load_coco(
    annotation_file: str | Path,
    image_dir: str | Path,
    *,
    point_source: PointSource = "center",
    seed: int = 0,
    skip_bad: bool = False,
    class_names: Sequence[str] | None = None,
    label_map: Mapping[str, str] | None = None,
    complete: bool = True,
    report: LoadReport | None = None,
    check_images: bool = True,
) -> Dataset:
    """Reads a COCO file into the schema of `pointwssis.data.schema`, one row an image, in the order of the file.

    Masks stay run lengths; images stay files, of which only the header is read. Images without annotations and crowds
    are kept (crowds are not trained on and are ignore regions in evaluation). The rows are held in memory;
    `prepare_coco` keeps those of a large file on disk.

    Args:
        annotation_file: COCO JSON. Category ids may have gaps; class indices follow their ascending order.
        image_dir: folder that the `file_name`s are relative to; images elsewhere below it are found by the end of their
            path (see `ImageIndex`).
        point_source: where the point of an object comes from that has none of its own: "center" of mass of its mask
            (the paper's, may lie outside of the mask: counted), "box_center", or "random" in the mask.
        seed: of "random"; every object has its own generator, so that its point does not depend on the others.
        skip_bad: leave out bad objects and images instead of raising at the first; they are counted and logged. An
            image that lost an object is no longer `complete`.
        class_names: the classes and their order, when they shall not come from this file (a validation file takes
            those of its training file). It may name more classes than the file, not fewer.
        label_map: name of a category → name of its class, where they differ; several categories may become one class.
        complete: whether all objects of an image are marked that does not say it itself.
        report: filled with what was skipped and noticed, for callers who want the counts.
        check_images: look into every image file, whether it is there, whole, and of the size that the annotations say.
            Without it no image is touched or looked for: annotations can be read where the images are not.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: anything else that is wrong; the message names file, record, field, value and remedy.
    """
    options = {"point_source": point_source, "seed": seed, "skip_bad": skip_bad}
    options |= {"report": report, "check_images": check_images}
    classes = {"class_names": class_names, "label_map": label_map}
    class_names, rows = read_coco(annotation_file, image_dir, complete=complete, **classes, **options)
    return dataset_from_rows(rows, class_names)


def read_coco(
    annotation_file: str | Path,
    image_dir: str | Path,
    *,
    point_source: PointSource = "center",
    seed: int = 0,
    skip_bad: bool = False,
    class_names: Sequence[str] | None = None,
    label_map: Mapping[str, str] | None = None,
    complete: bool = True,
    report: LoadReport | None = None,
    check_images: bool = True,
) -> tuple[list[str], Iterator[dict[str, Any]]]:
    """The rows of `load_coco`, whose arguments it takes, one after the other: no file is too long for the memory.

    Returns:
        The class names, and the rows in the order of the file; errors of a row are raised when it is taken.
    """
    report = LoadReport() if report is None else report
    report.source, report.skip_bad = str(annotation_file), skip_bad
    if point_source not in ("center", "box_center", "random"):
        raise ValueError(f"point_source is {point_source!r}; choose 'center', 'box_center' or 'random'")
    if check_images and not Path(image_dir).is_dir():
        raise FileNotFoundError(f"{image_dir}: image folder not found; {annotation_file} names files below it")
    content = _read_content(Path(annotation_file))
    class_names, index_of = _classes(content["categories"], class_names, label_map or {}, report.source)
    images = ImageIndex(image_dir) if check_images else Path(image_dir)
    return class_names, _rows(content, _Reading(index_of, images, report, point_source, seed, complete))


def to_coco(dataset: Dataset, categories: Sequence[Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """Writes a dataset of the schema as COCO JSON content (`json.dump` it).

    Args:
        dataset: rows of the schema.
        categories: the source file's `categories`, to write its ids back. The class *names* are the identity of a class
            throughout; without this argument ids are 1 … C in the order of the classes.

    Returns:
        `{"images", "annotations", "categories"}`; what is None in the dataset is left out.
    """
    class_names = names_of(dataset)
    if categories is None:
        categories = [{"id": index + 1, "name": name} for index, name in enumerate(class_names)]
    id_of = {category["name"]: category["id"] for category in categories}
    missing = [name for name in class_names if name not in id_of]
    if missing:
        raise ValueError(f"categories lack {missing}; the dataset's classes are {class_names}")
    ids = [id_of[name] for name in class_names]
    images, annotations = [], []
    for row in dataset.with_format(None):
        images.append(_image_record(row, ids))
        annotations += [_annotation(item, row["image_id"], ids) for item in row["objects"]]
    return {"images": images, "annotations": annotations, "categories": [dict(category) for category in categories]}


def load_coco_splits(
    train_annotations: str | Path,
    val_annotations: str | Path,
    image_dir: str | Path,
    *,
    val_image_dir: str | Path | None = None,
    **options: Any,
) -> DatasetDict:
    """Two COCO files as `DatasetDict(train, validation)` with the classes of the training file.

    Args:
        train_annotations: COCO JSON to learn from.
        val_annotations: COCO JSON to evaluate on; its classes must be among those of the training file.
        image_dir: folder of the images.
        val_image_dir: folder of the validation images, when they lie elsewhere.
        options: `point_source`, `seed`, `skip_bad`, `label_map`, `check_images` of `load_coco`.
    """
    train = load_coco(train_annotations, image_dir, **options)
    options = {**options, "class_names": names_of(train)}
    return DatasetDict(train=train, validation=load_coco(val_annotations, val_image_dir or image_dir, **options))


def load_coco_folder(data_dir: str | Path, **options: Any) -> DatasetDict:
    """A folder in COCO's layout (see `find_coco_split`) as `DatasetDict(train, validation)`.

    Args:
        data_dir: the folder.
        options: `point_source`, `seed`, `skip_bad`, `check_images` of `load_coco`.
    """
    (train, train_images), (val, val_images) = (find_coco_split(data_dir, split) for split in ("train", "val"))
    return load_coco_splits(train, val, train_images, val_image_dir=val_images, **options)


# -- reading


_OWN_ID = "give every image an id of its own"


@dataclass
class _Reading:
    """What the records of a file are read with."""

    index_of: Mapping[int, int]  # category id → class index
    images: ImageIndex | Path  # a path: without a look into it
    report: LoadReport
    point_source: PointSource
    seed: int
    complete: bool


def _read_content(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: annotation file not found; give the path of a COCO JSON file")
    try:
        content = read_json(path)
    except ValueError as error:
        raise ValueError(f"{path}: is no JSON ({error}); give a COCO JSON file") from error
    if not isinstance(content, dict):
        kind = "list" if isinstance(content, JsonRecords) else type(content).__name__
        raise ValueError(f"{path}: holds a {kind}, not an object with 'images', 'annotations' and 'categories'")
    for key in ("images", "annotations", "categories"):
        if not isinstance(content.get(key), JsonRecords):
            found = "missing" if key not in content else f"a {type(content[key]).__name__}"
            raise ValueError(f"{path}: {key!r} is {found}; a COCO file has the lists images, annotations, categories")
    return content


def _classes(
    records: Sequence[Any], wanted: Sequence[str] | None, label_map: Mapping[str, str], source: str
) -> tuple[list[str], dict[int, int]]:
    """Class names, and class index of every category id. Nothing can be skipped here."""
    report, by_id = LoadReport(source), {}
    for record in records:
        try:
            category_id = read_id(record)
            name = record.get("name")
            if not isinstance(name, str) or not name:
                raise AnnotationError("category without a name", "name", name, "give every category a name")
            if category_id in by_id or name in by_id.values():
                raise AnnotationError("duplicated category", "id, name", (category_id, name), "keep one of them")
            by_id[category_id] = name
        except AnnotationError as bad:
            report.reject(f"category {record!r:.60}", bad)
    class_of = {category_id: label_map.get(by_id[category_id], by_id[category_id]) for category_id in sorted(by_id)}
    class_names = unite_names([list(class_of.values())], source) if wanted is None else list(wanted)
    if not class_names:
        raise ValueError(f"{source}: 'categories' is empty; list the classes as {{'id', 'name'}}")
    check_known(class_of.values(), class_names, source)
    return class_names, {category_id: class_names.index(name) for category_id, name in class_of.items()}


def _positions_by_id(records: Sequence[Any], report: LoadReport) -> dict[int, int | None]:
    """Image id → its place among the image records; None for an id of two files: whose are its annotations?"""
    positions: dict[int, int | None] = {}
    for position, record in enumerate(records):
        try:
            image_id = read_id(record)
            if image_id in positions:
                twice, first = AnnotationError("duplicated image id", "id", image_id, _OWN_ID), positions[image_id]
                if first is not None and records[first].get("file_name") != record.get("file_name"):
                    positions[image_id] = None
                    report.reject(_record_name("image", records[first], first), twice)
                raise twice
            positions[image_id] = position
        except AnnotationError as bad:
            report.reject(_record_name("image", record, position), bad)
    return positions


def _positions_by_image(
    records: Sequence[Any], images: Mapping[int, int | None], report: LoadReport
) -> dict[int, list[int | None]]:
    """Image id → places of its annotations; None stands for a skipped one, so that the image knows of the loss."""
    groups: dict[int, list[int | None]] = {image_id: [] for image_id in images}
    seen: set[int] = set()
    for position, record in enumerate(records):
        try:
            image_id = read_id(record, "image_id")
            if image_id not in images:
                raise AnnotationError("unknown image", "image_id", image_id, "list the image under 'images'")
            if images[image_id] is None:
                raise AnnotationError("annotation of a duplicated image id", "image_id", image_id, _OWN_ID)
            group = groups[image_id]
            group.append(None)
            annotation_id = read_id(record)
            if annotation_id in seen:
                raise AnnotationError(
                    "duplicated annotation id", "id", annotation_id, "give every annotation its own id"
                )
            seen.add(annotation_id)
            group[-1] = position
        except AnnotationError as bad:
            report.reject(_record_name("annotation", record, position), bad)
    return groups


def _record_name(what: str, record: Any, position: int) -> str:
    has_id = isinstance(record, Mapping) and "id" in record
    return f"{what} {record['id']!r:.40}" if has_id else f"{what} at position {position}"


def _rows(content: Mapping[str, Sequence[Any]], reading: _Reading) -> Iterator[dict[str, Any]]:
    report = reading.report
    images = _positions_by_id(content["images"], report)
    annotations = _positions_by_image(content["annotations"], images, report)
    files: dict[str, tuple[int, bool]] = {}  # path → image, and whether it had to be looked for
    for image_id, position in images.items():
        if position is None:
            continue
        record = content["images"][position]
        try:
            row = read_image_record(record, reading.images, reading.complete)
            row["image_labels"] = read_image_labels(record, reading.index_of)
            if isinstance(reading.images, ImageIndex):
                _check_found_once(row, record["file_name"], files)
        except AnnotationError as bad:
            report.reject(f"image {image_id}", bad)
            continue
        row["objects"] = []
        for place in annotations[image_id]:
            item = None if place is None else _object(content["annotations"][place], row, reading)
            if item is None:
                row["complete"] = False
            else:
                row["objects"].append(item)
        report.images += 1
        report.objects += len(row["objects"])
        yield row
    report.log()
    if not report.images:
        reason = "all were skipped" if report.skipped else "'images' is empty"
        raise ValueError(f"{report.source}: no image to load ({reason}); a dataset needs at least one")


def _check_found_once(row: Mapping[str, Any], name: str, files: dict[str, tuple[int, bool]]) -> None:
    """Two images that name one file are one picture; if one of them was looked for, it may mean another picture."""
    searched = row["file_name"] != name
    first, was_searched = files.setdefault(row["image"], (row["image_id"], searched))
    if first != row["image_id"] and (searched or was_searched):
        remedy = f"image {first} is {row['file_name']} too; give both their path below the image folder"
        raise AnnotationError("two images find one file", "file_name", name, remedy)


def _object(annotation: Mapping[str, Any], row: Mapping[str, Any], reading: _Reading) -> dict[str, Any] | None:
    """One entry of `objects` with its point; None when it was skipped."""
    name = f"annotation {annotation['id']} of image {row['image_id']}"
    try:
        item = read_object(annotation, reading.index_of, row["width"], row["height"])
        if item["iscrowd"] and item["segmentation"] is None:
            raise AnnotationError(
                "crowd without a mask", "segmentation", None, "a crowd is a region: give it a segmentation"
            )
        if item["point"] is None and not item["iscrowd"]:
            generator = np.random.default_rng([reading.seed, row["image_id"] % 2**63, item["id"] % 2**63])
            item["point"], remark = derive_point(item, row["width"], row["height"], reading.point_source, generator)
            if remark:
                reading.report.note(remark, name, "point", [round(value, 2) for value in item["point"]])
        return item
    except AnnotationError as bad:
        reading.report.reject(name, bad)
        return None


# -- writing


def _image_record(row: Mapping[str, Any], ids: Sequence[int]) -> dict[str, Any]:
    record = {"id": row["image_id"], **{key: row[key] for key in ("file_name", "width", "height")}}
    if not row["complete"]:
        record["complete"] = False
    if row["image_labels"] is not None:
        record["image_labels"] = [ids[label] for label in row["image_labels"]]
    return record


def _annotation(item: Mapping[str, Any], image_id: int, ids: Sequence[int]) -> dict[str, Any]:
    record = {"id": item["id"], "image_id": image_id, "iscrowd": int(item["iscrowd"])}
    if item["category"] is not None:
        record["category_id"] = ids[item["category"]]
    if item["point"] is not None:  # the shortest text that gives the same float32 again: 12.3, not 12.300000190734863
        record["point"] = [float(str(np.float32(value))) for value in item["point"]]
    for field in ("bbox", "area", "segmentation", "rough_segmentation", "score", "level"):
        if item[field] is not None:
            record[field] = item[field]
    return record
