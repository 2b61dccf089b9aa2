# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The dataset schema of all stages: a row is an image, supervision is per object.

```
image        {path, bytes}        not decoded (`read_image` decodes it): rows stay small, errors name the file
image_id     int64
width, height  int32              pixels of the upright image
file_name    string               as in the annotation file, including subfolders
complete     bool                 all objects are annotated; False: other regions may contain objects too
image_labels [class] | None       an image-level label: the classes present, without positions
objects      [{id                 int64, unique in the dataset
               category           class index | None (a bare click)
               point              [x, y] float32 | None     pixel indices of the image: 0 ≤ x < width, 0 ≤ y < height
               bbox               [x, y, w, h] float64 | None    COCO's box
               area               float64 | None            COCO's area, which decides between small, medium, large
               iscrowd            bool                      not used for training; an ignore region in evaluation
               segmentation       RLE | None                the label: manual mask or pseudo label
               rough_segmentation RLE | None                the teacher's mask before refinement
               score              float64 | None            of a pseudo label
               level              int32 | None}]            pyramid level from which it was decoded
```

A missing value is None, so that full, point, image-level and unlabeled images fit into one dataset, and
`concatenate_datasets` works with rows of any stage. RLE is COCO's compressed form,
`{"size": [height, width], "counts": text}`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import ClassLabel, Dataset, DatasetInfo, Features, Image, IterableDataset, List, Value
from datasets.table import InMemoryTable

from ..ops.coco_masks import decode_rle
from ..ops.user_error import UserError, as_user_error

_ROWS_PER_CHUNK = 1000


def dataset_features(class_names: Sequence[str]) -> Features:
    """Return the schema for these classes.

    Args:
        class_names: unique names in the order of the class indices.

    Example:
        >>> dataset_features(["cat", "dog"])["objects"].feature["category"].names
        ['cat', 'dog']
    """
    class_names = list(class_names)
    if not class_names or len(set(class_names)) < len(class_names):
        raise UserError(f"class names are {class_names}; give at least one, without duplicates")
    # The types of the table in the docstring of the module.
    category = ClassLabel(names=class_names)
    # Both masks of an object are stored as COCO's compressed run lengths.
    rle = {"size": List(Value("int32"), length=2), "counts": Value("string")}
    return Features(
        image=Image(decode=False),
        image_id=Value("int64"),
        width=Value("int32"),
        height=Value("int32"),
        file_name=Value("string"),
        complete=Value("bool"),
        image_labels=List(category),
        objects=List(
            {
                "id": Value("int64"),
                "category": category,
                "point": List(Value("float32"), length=2),
                "bbox": List(Value("float64"), length=4),
                "area": Value("float64"),
                "iscrowd": Value("bool"),
                "segmentation": rle,
                "rough_segmentation": rle,
                "score": Value("float64"),
                "level": Value("int32"),
            }
        ),
    )


def make_object(id: int, category: int | None, **values: Any) -> dict[str, Any]:
    """Return one entry of `objects`; missing values are None (`iscrowd`: False).

    Example:
        >>> make_object(1, 0, point=[3.0, 4.0])["segmentation"] is None
        True
    """
    # Arrow would drop a misspelled field silently, so it is an error here.
    empty = dict.fromkeys(("point", "bbox", "area", "segmentation", "rough_segmentation", "score", "level"))
    unknown = set(values) - set(empty) - {"iscrowd"}
    if unknown:
        raise TypeError(
            f"an object has no field {sorted(unknown)}; its fields are id, category, iscrowd, {', '.join(empty)}"
        )
    return {"id": id, "category": category, "iscrowd": False, **empty, **values}


def dataset_from_rows(rows: Iterable[Mapping[str, Any]], class_names: Sequence[str]) -> Dataset:
    """Pack rows of the schema, possibly from a generator, into an in-memory Arrow dataset, in chunks.

    Args:
        rows: rows whose `image` is a path or `{"path", "bytes"}`.
        class_names: class names in the order of their indices.

    Raises:
        UserError: a value does not fit the schema; the message names its image.
    """
    features = dataset_features(class_names)
    # The empty table provides the schema if there are no rows.
    tables = [features.arrow_schema.empty_table(), *row_tables(rows, features)]
    return Dataset(InMemoryTable(pa.concat_tables(tables)), info=DatasetInfo(features=features))


def row_tables(rows: Iterable[Mapping[str, Any]], features: Features) -> Iterator[pa.Table]:
    """Yield rows of the schema as Arrow tables of at most a thousand rows."""
    rows = iter(rows)
    while some := list(islice(rows, _ROWS_PER_CHUNK)):
        # A bare path is short for an image whose bytes are not stored.
        images = [row["image"] for row in some]
        images = [image if isinstance(image, Mapping) else {"path": str(image), "bytes": None} for image in images]
        some = [{**row, "image": image} for row, image in zip(some, images, strict=True)]
        yield _as_table(some, features.arrow_schema)


def _as_table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    """Return rows as an Arrow table.

    Raises:
        UserError: a value does not fit the schema; the message names its image.
    """
    try:
        return pa.Table.from_pylist(rows, schema=schema)
    except (pa.ArrowException, TypeError, OverflowError):
        # Arrow names the value alone, so the row is found by packing each of them.
        for row in rows:
            with as_user_error(pa.ArrowException, TypeError, OverflowError, source=f"image {row.get('image_id')}"):
                pa.Table.from_pylist([row], schema=schema)
        raise


def refuse_stream(argument: str, rows: Any) -> None:
    """Raise a `UserError` for a stream in the place of a dataset, whose rows have positions and are read repeatedly.

    Args:
        argument: name of the argument.
        rows: what was given.
    """
    if isinstance(rows, IterableDataset):
        raise UserError(
            f"{argument} is a stream, whose rows can be read only in turn; give a Dataset: load it without "
            "streaming=True, or write dataset_from_rows(stream, class_names)"
        )


def class_names(dataset: Dataset) -> list[str]:
    """Return the names of the classes, in the order of their indices.

    Raises:
        UserError: it is no dataset, or its objects have no classes.
    """
    features = getattr(dataset, "features", None)
    if features is None:
        hint = ": write dataset_from_rows(rows, class_names)"
        if isinstance(dataset, dict):
            hint = f"; give one of its splits ({', '.join(dataset)})"
        raise UserError(f"rows are given as a {type(dataset).__name__}, not as a Dataset of the schema{hint}")
    objects = features.get("objects")
    fields = objects.feature if isinstance(objects, List) and isinstance(objects.feature, dict) else {}
    category = fields.get("category")
    if not isinstance(category, ClassLabel):
        name, found = ("objects.category", category) if fields else ("objects", objects)
        raise UserError(
            f"the column {name} is {found}; the schema has a list of objects whose category is a ClassLabel: load the "
            "rows with load_annotations, or give them features=dataset_features(class_names)"
        )
    return list(category.names)


def image_title(row: Mapping[str, Any]) -> str:
    """Return the name of an image in messages: its id and its file name.

    Example:
        >>> image_title({"image_id": 7, "file_name": "a.jpg"})
        'image 7 (a.jpg)'
    """
    return f"image {row['image_id']} ({row['file_name']})"


def objects_with_mask(row: Mapping[str, Any], field: str = "segmentation") -> list[dict[str, Any]]:
    """Return the objects of a row that have a mask in `field`, without crowds, in the order of the row.

    Args:
        row: row of the schema.
        field: "segmentation" or "rough_segmentation".
    """
    return [item for item in row["objects"] if not item["iscrowd"] and item[field] is not None]


def masks_by_id(dataset: Dataset) -> dict[int, dict[str, Any]]:
    """Return object id → mask of all objects of rows that have one, without crowds."""
    masks = {}
    for row in dataset.select_columns(["objects"]).with_format(None):
        for item in objects_with_mask(row):
            masks[item["id"]] = item["segmentation"]
    return masks


def next_object_id(dataset: Dataset) -> int:
    """Return the lowest id that is greater than those of all objects of rows; 1 without objects."""
    return 1 + max((item["id"] for objects in dataset["objects"] for item in objects), default=0)


def objects_with_point(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the objects of a row that have a point, without crowds, in the order of the row."""
    return [item for item in row["objects"] if not item["iscrowd"] and item["point"] is not None]


def object_masks(row: Mapping[str, Any], field: str = "segmentation") -> np.ndarray:
    """Return the masks of `objects_with_mask(row, field)`, in the same order.

    Returns:
        (n, height, width) bool; n may be 0.
    """
    masks = [decode_rle(item[field]) for item in objects_with_mask(row, field)]
    return np.stack(masks) if masks else np.zeros((0, row["height"], row["width"]), dtype=bool)


def supervision(row: Mapping[str, Any]) -> str:
    """Return the supervision of an image.

    Returns:
        "full": every annotated object has a mask, or the image is known to show no object; "point": at least one object
        has no mask; "image": only an image-level label; "none": no label.
    """
    # Crowds are ignore regions and do not count as annotated objects.
    annotated = [item for item in row["objects"] if not item["iscrowd"]]
    if annotated:
        return "full" if all(item["segmentation"] is not None for item in annotated) else "point"
    # A complete image without objects is fully annotated: it is known to show none.
    if row["complete"]:
        return "full"
    return "none" if row["image_labels"] is None else "image"
