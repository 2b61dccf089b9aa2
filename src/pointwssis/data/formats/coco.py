# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""COCO JSON ⇄ dataset.

Beyond the COCO format an annotation may carry `point` ([x, y], pixel indices of the upright image), which then is *the*
point and needs neither a mask nor a category beside it (a bare click); `points` ([[x, y], …], all on one object); and
`rough_segmentation`, `score` and `level` of a pseudo label. COCO's own `keypoints` serve if there is no mask. An image
may carry `complete` (false: not every object is annotated) and `image_labels` (category ids without positions).
`to_coco` writes all of them, so that a dataset survives the round trip.
"""

import os
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetDict

from ...ops.user_error import UserError, UserFileNotFoundError
from ...ops.wording import brief
from ..class_names import check_known, unite_names
from ..errors import AnnotationError, LoadReport, Remark
from ..schema import class_names as names_of
from ..schema import dataset_from_rows
from .coco_folder import find_coco_split
from .coco_records import build_object, check_is_instance, read_id, read_image_labels, read_object_values
from .doubts import FractionsCheck, doubt_about_name
from .image_index import ImageIndex
from .image_records import read_image_record
from .json_stream import JsonRecords, read_json
from .load_options import LoadOptions
from .sniffing import FileHead
from .uniting import unite_marks


def is_coco(head: FileHead) -> bool:
    """Return True for a JSON object; the reader names the lists that it lacks."""
    return head.text.startswith("{")


def load_coco(annotation_file: str | Path, image_dir: str | Path, **options: Any) -> Dataset:
    """Load a COCO file into the schema of `pointwssis.data.schema`, one row per image, in the order of the file.

    Masks stay run lengths; images stay files, of which only the header is read. Images without annotations and crowds
    are kept (crowds are not used for training and are ignore regions in evaluation). The rows are held in memory;
    `prepare_coco` keeps those of a large file on disk.

    Args:
        annotation_file: COCO JSON. Category ids may have gaps; class indices follow their ascending order.
        image_dir: folder that the `file_name`s are relative to; images elsewhere below it are found by the end of their
            path (see `ImageIndex`).
        options: fields of `LoadOptions`: `class_names`, `label_map`, `complete` (None: true), `point_source`,
            `skip_bad`, `report`, `seed`, `check_images`.

    Raises:
        UserFileNotFoundError: a file is missing.
        UserError: the file is invalid; the message names file, record, field, value and remedy.
    """
    class_names, rows = read_coco(annotation_file, image_dir, **options)
    return dataset_from_rows(rows, class_names)


def read_coco(
    annotation_file: str | Path, image_dir: str | Path, **options: Any
) -> tuple[list[str], Iterator[dict[str, Any]]]:
    """Read the rows of `load_coco`, whose arguments it takes, one at a time: memory stays bounded for any file.

    Returns:
        The class names, and the rows in the order of the file; errors of a row are raised when it is taken.
    """
    settings = LoadOptions(**options)
    report = settings.start_report(annotation_file)
    # Check the arguments before the scan, which takes long for a large file.
    if settings.check_images and not Path(image_dir).is_dir():
        raise UserFileNotFoundError(f"{image_dir}: image folder not found; {annotation_file} names files below it")
    # The scan keeps positions and ids; records are read when their row is taken.
    content = _read_content(Path(annotation_file))
    class_names, index_of = _classes(content, settings.class_names, settings.label_map or {}, report)
    # Without checks a plain path stands for the index, and no image is opened.
    images = ImageIndex(image_dir, settings.allow_outside) if settings.check_images else Path(image_dir)
    return class_names, _rows(content, _Context(index_of, images, report, settings))


def load_coco_splits(
    train_annotations: str | Path,
    val_annotations: str | Path,
    image_dir: str | Path,
    *,
    val_image_dir: str | Path | None = None,
    **options: Any,
) -> DatasetDict:
    """Load two COCO files as `DatasetDict(train, validation)` with the classes of the training file.

    Args:
        train_annotations: COCO JSON for training.
        val_annotations: COCO JSON for evaluation; its classes must be among those of the training file.
        image_dir: folder of the images.
        val_image_dir: folder of the validation images, if it is another one.
        options: options of `load_coco` for both files; `class_names` and `report` do not apply.
    """
    train = load_coco(train_annotations, image_dir, **options)
    # Both splits use the classes of the training file, so that an index means the same in both.
    options = {**options, "class_names": names_of(train)}
    return DatasetDict(train=train, validation=load_coco(val_annotations, val_image_dir or image_dir, **options))


def load_coco_folder(data_dir: str | Path, **options: Any) -> DatasetDict:
    """Load a folder in COCO's layout (see `find_coco_split`) as `DatasetDict(train, validation)`.

    Args:
        data_dir: folder in COCO's layout.
        options: options of `load_coco_splits`.
    """
    (train, train_images), (val, val_images) = (find_coco_split(data_dir, split) for split in ("train", "val"))
    return load_coco_splits(train, val, train_images, val_image_dir=val_images, **options)


# -- reading


_UNIQUE_ID = "give every image its own id"
_NO_ID = -(2**63)  # stands for an id that cannot be read; `read_id` never returns it


@dataclass
class _Content:
    """The lists of a COCO file, with the ids that were taken from the records while the file was scanned.

    Args:
        lists: `images`, `annotations` and `categories`.
        image_ids: id of each image.
        annotation_ids: id of each annotation.
        annotated_images: `image_id` of each annotation.
        used_categories: `category_id` of any annotation, and `image_labels` of any image.
        names: `file_name` → number of images that have it.
    """

    lists: dict[str, JsonRecords]
    image_ids: Sequence[int]
    annotation_ids: Sequence[int]
    annotated_images: Sequence[int]
    used_categories: set[Any]
    names: Counter[Any]


@dataclass
class _Context:
    """Everything that is needed to read one record.

    Args:
        index_of: category id → class index.
        images: index of the image files; or the path of their folder, to trust the records without opening them.
        report: report of the file.
        settings: options of the loader.
    """

    index_of: Mapping[int, int]
    images: ImageIndex | Path
    report: LoadReport
    settings: LoadOptions


def _read_content(path: Path) -> _Content:
    if not path.is_file():
        raise UserFileNotFoundError(f"{path}: annotation file not found; give the path of a COCO JSON file")
    # Signed 64-bit integers: 8 bytes per id
    image_ids, annotation_ids, annotated_images = array("q"), array("q"), array("q")
    used_categories, names = set[int](), Counter[Any]()

    def visit_image(record: Any) -> None:
        image_ids.append(_id_or_none(record, "id"))
        fields = record if isinstance(record, dict) else {}
        names[fields.get("file_name") if isinstance(fields.get("file_name"), str) else None] += 1
        labels = fields.get("image_labels")
        for label in labels if isinstance(labels, list) else ():
            used_categories.add(_id_or_none({"id": label}, "id"))

    def visit_annotation(record: Any) -> None:
        annotation_ids.append(_id_or_none(record, "id"))
        annotated_images.append(_id_or_none(record, "image_id"))
        used_categories.add(_id_or_none(record, "category_id"))

    # Collect ids during the scan, which decodes every record anyway.
    visit = {"images": visit_image, "annotations": visit_annotation}
    try:
        content = read_json(path, visit)
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error}); give a COCO JSON file") from error
    if not isinstance(content, dict):
        kind = "list" if isinstance(content, JsonRecords) else type(content).__name__
        raise UserError(f"{path}: holds a {kind}, not an object with 'images', 'annotations' and 'categories'")
    # All three lists are required, even if they are empty.
    for key in ("images", "annotations", "categories"):
        if not isinstance(content.get(key), JsonRecords):
            found = (
                f"missing among {brief(sorted(content))}" if key not in content else f"a {type(content[key]).__name__}"
            )
            raise UserError(f"{path}: {key!r} is {found}; a COCO file has the lists images, annotations, categories")
    return _Content(content, image_ids, annotation_ids, annotated_images, used_categories, names)


def _id_or_none(record: Any, field: str) -> int:
    try:
        return read_id(record, field)
    except AnnotationError:
        return _NO_ID


def _classes(
    content: _Content, wanted: Sequence[str] | None, label_map: Mapping[str, str], notes: LoadReport
) -> tuple[list[str], dict[int, int]]:
    """Return the class names, and the class index of every category id. A bad category cannot be skipped."""
    source = notes.source
    report, by_id = LoadReport(source, skip_hint=""), {}
    records = content.lists["categories"]
    names = Counter(str(record.get("name")) for record in records if isinstance(record, dict))
    for record in records:
        try:
            category_id = read_id(record)
            name = record.get("name")
            if name is not None and not isinstance(name, str):
                raise AnnotationError("category name is not text", "name", name, f'write it as text, as in "{name}"')
            if not name:
                raise AnnotationError("category without a name", "name", name, "give every category a name")
            # Some exporters add a root category, without annotations, that bears the name of a class.
            if names[name] > 1 and category_id not in content.used_categories:
                names[name] -= 1
                text = "unused category with the name of another one (left out)"
                notes.note(f"category {category_id}", Remark(text, "name", name, is_suspect=True))
                continue
            # Id and name must both be unique, because either of them identifies a category.
            if category_id in by_id or name in by_id.values():
                raise AnnotationError("duplicated category", "id, name", (category_id, name), "keep one of them")
            by_id[category_id] = name
        except AnnotationError as bad:
            report.reject(f"category {brief(record, 60)}", bad)

    # Class indices follow the ascending order of the category ids.
    class_of = {category_id: label_map.get(by_id[category_id], by_id[category_id]) for category_id in sorted(by_id)}
    notes.names.update(by_id.values())
    for category_id in content.used_categories & class_of.keys():
        if doubt := doubt_about_name(class_of[category_id]):
            notes.note(f"category {category_id}", doubt)
    class_names = unite_names([list(class_of.values())], source) if wanted is None else list(wanted)
    if not class_names:
        raise UserError(f"{source}: 'categories' is empty; list the classes as {{'id', 'name'}}")
    # Given classes must cover those of the file
    check_known(class_of.values(), class_names, source)
    return class_names, {category_id: class_names.index(name) for category_id, name in class_of.items()}


def _positions_by_id(content: _Content, report: LoadReport) -> dict[int, int | None]:
    """Map each image id to the position of its record; to None if two files share it, so that its owner is unknown."""
    records, positions = content.lists["images"], {}
    for position, image_id in enumerate(content.image_ids):
        # The usual case: a valid id that occurs for the first time
        if image_id != _NO_ID and image_id not in positions:
            positions[image_id] = position
            continue
        record = records[position]
        try:
            image_id = read_id(record)  # raises for an id that cannot be read
            twice, first = AnnotationError("duplicated image id", "id", image_id, _UNIQUE_ID), positions[image_id]
            # Two different files: neither can claim the annotations, so the first record is rejected as well.
            if first is not None and records[first].get("file_name") != record.get("file_name"):
                positions[image_id] = None
                report.reject(_record_name("image", records[first], first), twice)
            raise twice
        except AnnotationError as bad:
            report.reject(_record_name("image", record, position), bad)
    return positions


def _positions_by_image(
    content: _Content, images: Mapping[int, int | None], report: LoadReport
) -> dict[int, list[int | None]]:
    """Map each image id to the positions of its annotations; None stands for a skipped one, which the image lacks."""
    groups: dict[int, list[int | None]] = {image_id: [] for image_id in images}
    seen: set[int] = set()
    for position, image_id in enumerate(content.annotated_images):
        annotation_id = content.annotation_ids[position]
        # Compare ids only; the record itself is read when the row of its image is taken.
        is_good = images.get(image_id) is not None and annotation_id != _NO_ID and annotation_id not in seen
        if is_good:
            seen.add(annotation_id)
            groups[image_id].append(position)
            continue
        # Mark the loss, so that the image does not count as complete.
        if image_id in groups and images[image_id] is not None:
            groups[image_id].append(None)
        record = content.lists["annotations"][position]
        report.reject(_record_name("annotation", record, position), _problem_of_ids(record, images))
    return groups


def _problem_of_ids(record: Any, images: Mapping[int, int | None]) -> AnnotationError:
    """Return the problem with the ids of an annotation that belongs to no image, or has an id twice."""
    try:
        check_is_instance(record)
        image_id = read_id(record, "image_id")
        if image_id not in images:
            return AnnotationError("unknown image", "image_id", image_id, "list the image under 'images'")
        if images[image_id] is None:
            return AnnotationError("annotation of a duplicated image id", "image_id", image_id, _UNIQUE_ID)
        annotation_id = read_id(record)
    except AnnotationError as bad:
        return bad
    return AnnotationError("duplicated annotation id", "id", annotation_id, "give every annotation its own id")


def _record_name(kind: str, record: Any, position: int) -> str:
    has_id = isinstance(record, Mapping) and "id" in record
    return f"{kind} {brief(record['id'], 40)}" if has_id else f"{kind} at position {position}"


def _rows(content: _Content, context: _Context) -> Iterator[dict[str, Any]]:
    report = context.report
    # Settle which annotation belongs to which image before the first row
    images = _positions_by_id(content, report)
    annotations = _positions_by_image(content, images, report)
    units = FractionsCheck()
    files: dict[str, int] = {}  # real path → image id
    for image_id, position in images.items():
        # Two files share this id, which has been reported.
        if position is None:
            continue
        record = content.lists["images"][position]
        try:
            row = read_image_record(record, context.images, context.settings)
            row["image_labels"] = read_image_labels(record, context.index_of)
            # Names may be spelled differently, and a search by the end of a path may find the file of another record.
            _check_found_once(row, record["file_name"], files)
            if content.names[record["file_name"]] > 1:
                row["complete"] = False  # it lacks the objects of the other record
        except AnnotationError as bad:
            report.reject(f"image {image_id}", bad)
            continue
        row["objects"] = []
        # An annotation that was skipped, now or before, leaves the image incomplete
        have_own_point = []
        for place in annotations[image_id]:
            found = None if place is None else _object(content.lists["annotations"][place], row, context)
            if found is None:
                row["complete"] = False
            else:
                row["objects"].append(found[0])
                have_own_point.append(found[1])
        # A click and the mask around it may be two annotations of one object.
        row["objects"], united = unite_marks(row["objects"], have_own_point)
        for mark, remark in united:
            report.note(f"annotation {mark['id']} of image {image_id}", remark)
        for item in row["objects"]:
            units.add(item, (row["width"], row["height"]))
        report.images += 1
        report.objects += len(row["objects"])
        yield row
    report.log()
    units.conclude(report.source)
    # An empty dataset is an error even with `skip_bad`
    if not report.images:
        raise report.no_image("'images' is empty")


def _check_found_once(row: Mapping[str, Any], name: str, files: dict[str, int]) -> None:
    """Reject the second of two images that share one file."""
    first = files.setdefault(os.path.realpath(row["image"]), row["image_id"])
    if first != row["image_id"]:
        hint = f"image {first} is {row['file_name']} too; keep one of them, or give both their path below the folder"
        raise AnnotationError("two images find one file", "file_name", name, hint)


def _object(
    annotation: Mapping[str, Any], row: Mapping[str, Any], context: _Context
) -> tuple[dict[str, Any], bool] | None:
    """Return one entry of `objects` with its point, and whether the file states that; None if it was skipped."""
    record_name = f"annotation {annotation['id']} of image {row['image_id']}"
    size = (row["width"], row["height"])
    try:
        id, category, values = read_object_values(annotation, context.index_of, *size)
        # A crowd is used as an ignore region only, which needs pixels.
        if values["iscrowd"] and "segmentation" not in values:
            hint = "a crowd is a region: give it a segmentation"
            raise AnnotationError("crowd without a mask", "segmentation", None, hint)
        # Ids make the seed independent of the order of the file; the modulo keeps them from being negative.
        seed = [context.settings.seed, row["image_id"] % 2**63, id % 2**63]
        item, remarks = build_object(id, category, values, size, context.settings.point_source, seed)
    except AnnotationError as bad:
        context.report.reject(record_name, bad)
        return None
    # Count values that deserve attention, such as a center outside of its mask
    for remark in remarks:
        context.report.note(record_name, remark)
    return item, values["point"] is not None


# -- writing
