# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Rows that people make themselves: columns of other types, and values that no training can use."""

import copy
from typing import Any

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from pointwssis.data import (
    class_names,
    dataset_features,
    dataset_from_rows,
    hide_masks,
    make_object,
    merge_annotations,
    split_supervision,
)
from pointwssis.data.row_checks import check_types, check_values
from pointwssis.ops.coco_masks import encode_mask
from pointwssis.ops.user_error import UserError

NAMES = ["cat", "dog"]
MASK = encode_mask(np.eye(8, 10))
ROW: dict[str, Any] = {
    "image": "a.png",
    "image_id": 3,
    "width": 10,
    "height": 8,
    "file_name": "a.png",
    "complete": True,
    "image_labels": None,
    "objects": [make_object(1, 0, point=[2.0, 2.0], segmentation=MASK), make_object(2, None, point=[9.9, 0.0])],
}


def with_object(**values) -> Dataset:
    """Return one row whose first object has other values."""
    row = copy.deepcopy(ROW)
    row["objects"][0].update(values)
    return dataset_from_rows([row], NAMES)


def with_type(kind: Any, convert: Any, *path: str) -> Dataset:
    """Return one row in which a field of the objects has another type."""
    row, features = copy.deepcopy(ROW), dataset_features(NAMES)
    row["image"] = {"path": "a.png", "bytes": None}
    *above, field = path
    types, holders = features["objects"].feature, row["objects"]
    for part in above:
        types, holders = types[part], [item[part] for item in holders if item[part] is not None]
    types[field] = kind
    for item in holders:
        item[field] = convert(item[field])
    return Dataset.from_list([row], features=features)


def test_rows_of_the_schema_pass():
    rows = dataset_from_rows([ROW], NAMES)
    check_types("rows", rows)
    check_values("rows", rows)
    check_values("rows", dataset_from_rows([{**ROW, "objects": []}], NAMES))


@pytest.mark.parametrize(
    ("kind", "convert", "path"),
    [
        (Value("int64"), int, ("iscrowd",)),
        (List(Value("float64")), list, ("point",)),
        (List(Value("int64")), lambda point: [int(value) for value in point], ("point",)),
        (List(Value("int64")), list, ("segmentation", "size")),
        (Value("large_string"), str, ("segmentation", "counts")),
        (Value("null"), lambda score: None, ("score",)),
    ],
)
def test_other_types_of_the_same_kind_pass(kind, convert, path):
    rows = with_type(kind, convert, *path)
    check_types("rows", rows)
    check_values("rows", rows)


@pytest.mark.parametrize(
    ("kind", "convert", "path"),
    [
        (List(Value("string")), lambda point: [str(value) for value in point], ("point",)),
        (Value("string"), str, ("iscrowd",)),
        (Value("string"), str, ("score",)),
        (Value("binary"), str.encode, ("segmentation", "counts")),
        (List(Value("int32")), lambda counts: [0, 80], ("segmentation", "counts")),
        (List(List(Value("float32"))), lambda mask: [[1, 1, 5, 1, 5, 5]], ("segmentation",)),
    ],
)
def test_columns_of_other_types_are_named(kind, convert, path):
    named = r"train_dataset: the column objects\." + r"\.".join(path) + " is of type .*dataset_features"
    with pytest.raises(UserError, match=named):
        check_types("train_dataset", with_type(kind, convert, *path))


@pytest.mark.parametrize(("kind", "convert"), [(Value("string"), str), (Value("int64"), lambda category: 0)])
def test_classes_without_names(kind, convert):
    with pytest.raises(UserError, match="column objects.category is Value.* ClassLabel"):
        class_names(with_type(kind, convert, "category"))


def test_missing_fields_and_other_layouts():
    row = {**copy.deepcopy(ROW), "image": {"path": "a.png", "bytes": None}}
    features = dataset_features(NAMES)
    features["complete"] = Value("string")
    with pytest.raises(UserError, match="the column complete is of type 'string', and 'bool' in the schema"):
        check_types("rows", Dataset.from_list([{**row, "complete": "false"}], features=features))
    # Fields that only later stages need may be missing.
    few = {"id": Value("int64"), "category": ClassLabel(names=NAMES), "point": List(Value("float32")), **{
        "segmentation": dataset_features(NAMES)["objects"].feature["segmentation"], "iscrowd": Value("bool")
    }}  # fmt: skip
    row["objects"] = [{key: item[key] for key in few} for item in row["objects"]]
    check_types("rows", Dataset.from_list([row], features=Features({**dataset_features(NAMES), "objects": List(few)})))
    del few["iscrowd"]
    row["objects"] = [{key: item[key] for key in few} for item in row["objects"]]
    with pytest.raises(UserError, match="the column objects lacks iscrowd"):
        check_types(
            "rows", Dataset.from_list([row], features=Features({**dataset_features(NAMES), "objects": List(few)}))
        )


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"point": [float("nan"), 1.0]}, "point is .*: outside of the image"),
        ({"point": [3.0, float("inf")]}, "point is .*: outside of the image"),
        ({"point": [-5.0, 1.0]}, r"image 3 of 10 × 8 pixels: object 1: point is \[-5.0, 1.0\]: outside of the image"),
        ({"point": [3.0, 80.0]}, "point is .*: outside of the image"),
        ({"segmentation": encode_mask(np.eye(4))}, r"segmentation is \[4, 4\]: the mask has another height and width"),
        ({"category": -1}, "category is -1: no index of a class; expected 0 to 1"),
        ({"category": 7}, "category is 7: no index of a class"),
    ],
)
def test_values_that_no_training_can_use(values, problem):
    with pytest.raises(UserError, match=f"eval_dataset: image 3 .*{problem}" if "image 3" not in problem else problem):
        check_values("eval_dataset", with_object(**values))


def test_points_on_the_rim_pass():
    for point in ([-0.5, -0.5], [10.0, 8.0], None):
        check_values("rows", with_object(point=point))


def test_no_rows():
    with pytest.raises(UserError, match="train_dataset has no rows"):
        check_values("train_dataset", dataset_from_rows([], NAMES))


@pytest.mark.parametrize("point", [[], [3.0], ["here", "there"]])
def test_a_value_that_does_not_fit_names_its_image(point):
    with pytest.raises(UserError, match="^image 3: "):
        with_object(point=point)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda rows: hide_masks([ROW]), "rows are given as a list, .*dataset_from_rows"),
        (lambda rows: split_supervision(split_supervision(rows)), r"as a DatasetDict, .*splits \(full, point, "),
        (lambda rows: split_supervision(rows, "0.5"), "labeled_fraction is '0.5'; it must be a fraction"),
        (lambda rows: split_supervision(rows, None), "labeled_fraction is None; it must be a fraction"),
        (lambda rows: split_supervision(rows, 0.5, seed=-1), "seed is -1; it must be a whole number of at least 0"),
        (lambda rows: merge_annotations([]), "datasets is empty; give at least one"),
    ],
)
def test_arguments_that_are_no_rows(use, message):
    with pytest.raises(UserError, match=message):
        use(dataset_from_rows([{**ROW, "objects": ROW["objects"][:1]}], NAMES))


def test_images_in_memory_are_merged_by_their_content():
    first = dataset_from_rows([{**ROW, "image": {"path": None, "bytes": b"one"}}], NAMES)
    other = dataset_from_rows([{**ROW, "image": {"path": None, "bytes": b"two"}}], NAMES)
    assert len(merge_annotations([first, first])) == 1 and len(merge_annotations([first, other])) == 2
    assert len(merge_annotations(first)) == 1
