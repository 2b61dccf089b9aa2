# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Checks of rows that were not made by this package: types of their columns, and values that no training can use."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset, Features

from ..ops.user_error import UserError
from ..ops.wording import brief
from .schema import class_names, dataset_features
from .statistics import field_of, is_given

COLUMNS = ("image", "image_id", "height", "width", "complete", "image_labels", "objects")
OBJECT_FIELDS = ("id", "category", "point", "iscrowd", "segmentation")
_ROWS_PER_CHUNK = 1000
_RIM = 0.5  # pixels; clicks in the plane of an annotation tool begin that far left of and above the first pixel


def check_types(argument: str, rows: Any) -> None:
    """Raise a `UserError` if columns of rows are missing, or hold something else than the schema says.

    Args:
        argument: name of the argument, for the message.
        rows: rows or a stream of them, whose features are known.
    """
    missing = [name for name in COLUMNS if name not in rows.column_names]
    if missing:
        raise UserError(
            f"{argument} has the columns {', '.join(rows.column_names)} and lacks {', '.join(missing)}; load it with "
            "load_annotations or load_coco, or pass a torch Dataset of training samples"
        )
    found, expected = _types(rows.features), _types(dataset_features(class_names(rows)))
    for name in COLUMNS:
        # Any form of an image is read.
        if name != "image":
            _check_type(argument, name, found[name], expected[name])


def _types(features: Features) -> dict[str, pa.DataType]:
    """Return the name of each column → its type in Arrow."""
    return {field.name: field.type for field in features.arrow_schema}


def _check_type(argument: str, name: str, found: pa.DataType, expected: pa.DataType) -> None:
    """Compare the type of a column, and of everything in it, with that of the schema."""
    # A column of missing values has no type.
    if pa.types.is_null(found):
        return
    if not any(is_kind(expected) and is_kind_of_value(found) for is_kind, is_kind_of_value in _FITTING):
        raise UserError(
            f"{argument}: the column {name} is of type {brief(str(found))}, and {brief(str(expected))} in the schema; "
            "convert it, and give the rows features=dataset_features(class_names)"
        )
    if _is_list(expected):
        _check_type(argument, name, found.value_type, expected.value_type)
    if pa.types.is_struct(expected):
        _check_fields(argument, name, found, expected)


def _check_fields(argument: str, name: str, found: pa.StructType, expected: pa.StructType) -> None:
    """Compare the fields of a mapping; of an object, those that only later stages need may be missing."""
    present = {field.name: field.type for field in found}
    required = OBJECT_FIELDS if name == "objects" else [field.name for field in expected]
    missing = [field for field in required if field not in present]
    if missing:
        raise UserError(f"{argument}: the column {name} lacks {', '.join(missing)}; see dataset_features(class_names)")
    for field in expected:
        if field.name in present:
            _check_type(argument, f"{name}.{field.name}", present[field.name], field.type)


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind)


def _is_flag(kind: pa.DataType) -> bool:
    return pa.types.is_boolean(kind) or pa.types.is_integer(kind)


# Kind of type in the schema → what may stand in its place
_FITTING = (
    (_is_list, _is_list),
    (pa.types.is_struct, pa.types.is_struct),
    (pa.types.is_string, _is_text),
    (pa.types.is_floating, _is_number),
    (pa.types.is_integer, pa.types.is_integer),
    (pa.types.is_boolean, _is_flag),
)


def check_values(argument: str, rows: Dataset) -> None:
    """Raise a `UserError` without rows, or for an object that no training can use; the message names its image.

    Args:
        argument: name of the argument, for the message.
        rows: rows of the schema.
    """
    if not len(rows):
        raise UserError(f"{argument} has no rows; give at least one")
    num_classes = len(class_names(rows))
    columns = rows.select_columns(["image_id", "height", "width", "objects"])
    for table in columns.with_format("arrow").iter(_ROWS_PER_CHUNK):
        _check_table(argument, table, num_classes)


def _check_table(argument: str, table: pa.Table, num_classes: int) -> None:
    """Check the objects of a chunk of rows at once."""
    objects = table["objects"].combine_chunks()
    items, image_of = objects.flatten(), objects.value_parent_indices().to_numpy()
    if not len(items):
        return
    width, height = (table[name].to_numpy()[image_of] for name in ("width", "height"))

    def refuse(wrong: np.ndarray, field: str, problem: str) -> None:
        """Name the first object with a wrong value."""
        for place in np.flatnonzero(wrong)[:1].tolist():
            number, value = field_of(items, "id")[place].as_py(), items[place].as_py()[field]
            image = table["image_id"][int(image_of[place])].as_py()
            value = value["size"] if field == "segmentation" else value
            where = f"{argument}: image {image} of {width[place]} × {height[place]} pixels: object {number}"
            raise UserError(f"{where}: {field} is {brief(value)}: {problem}")

    category = field_of(items, "category").fill_null(0).to_numpy(zero_copy_only=False)
    problem = f"no index of a class; expected 0 to {num_classes - 1}, or None for a click without a class"
    refuse((category < 0) | (category >= num_classes), "category", problem)
    # NaN fails every comparison.
    x, y, has_point = _pairs(items, "point")
    inside = (x >= -_RIM) & (x <= width) & (y >= -_RIM) & (y <= height)
    refuse(has_point & ~inside, "point", "outside of the image")
    masks = field_of(items, "segmentation")
    if pa.types.is_struct(masks.type):
        rows_of_mask, columns_of_mask, has_size = _pairs(masks, "size")
        fits = (rows_of_mask == height) & (columns_of_mask == width)
        has_mask = is_given(items, "segmentation")
        refuse(has_mask & ~(has_size & fits), "segmentation", "the mask has another height and width")


def _pairs(items: pa.StructArray, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return both numbers of a field of pairs, (N,) float64 each with NaN for a missing one, and which are given."""
    values, given = field_of(items, name), is_given(items, name)
    pairs = np.full((len(values), 2), np.nan)
    # A field of missing values alone has no type.
    if not pa.types.is_null(values.type):
        is_pair = pc.equal(pc.list_value_length(values), 2).fill_null(False)
        numbers = values.filter(is_pair).flatten().to_numpy(zero_copy_only=False)
        pairs[is_pair.to_numpy(zero_copy_only=False)] = numbers.reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1], given
