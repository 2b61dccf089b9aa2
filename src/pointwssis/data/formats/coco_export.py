# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Rows of the schema as COCO JSON."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from ...ops.user_error import UserError
from ..schema import class_names as names_of


def write_coco(dataset: Dataset, path: Path) -> Path:
    """Write `to_coco(dataset)` to a file."""
    path.write_text(json.dumps(to_coco(dataset)), encoding="utf-8")
    return path


def to_coco(dataset: Dataset, categories: Sequence[Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """Return a dataset of the schema as COCO JSON content, ready for `json.dump`.

    Args:
        dataset: rows of the schema.
        categories: the `categories` of the source file, to keep its ids. Classes are identified by *name*; without this
            argument ids are 1 … C in the order of the classes.

    Returns:
        `{"images", "annotations", "categories"}`; values that are None in the dataset are omitted.
    """
    class_names = names_of(dataset)
    if categories is None:
        categories = [{"id": index + 1, "name": name} for index, name in enumerate(class_names)]
    id_of = {category["name"]: category["id"] for category in categories}
    # The given categories may hold more classes than the dataset, not fewer
    missing = [name for name in class_names if name not in id_of]
    if missing:
        raise UserError(f"categories lack {missing}; the dataset's classes are {class_names}")
    ids = [id_of[name] for name in class_names]
    images, annotations = [], []
    for row in dataset.with_format(None):
        images.append(_image_record(row, ids))
        annotations += [_annotation(item, row["image_id"], ids) for item in row["objects"]]
    return {"images": images, "annotations": annotations, "categories": [dict(category) for category in categories]}


def _image_record(row: Mapping[str, Any], ids: Sequence[int]) -> dict[str, Any]:
    record = {"id": row["image_id"], **{key: row[key] for key in ("file_name", "width", "height")}}
    # Write extensions only where they differ from the default, so that other files are plain COCO.
    if not row["complete"]:
        record["complete"] = False
    if row["image_labels"] is not None:
        record["image_labels"] = [ids[label] for label in row["image_labels"]]
    return record


def _annotation(item: Mapping[str, Any], image_id: int, ids: Sequence[int]) -> dict[str, Any]:
    record = {"id": item["id"], "image_id": image_id, "iscrowd": int(item["iscrowd"])}
    # A bare click has no category
    if item["category"] is not None:
        record["category_id"] = ids[item["category"]]
    if item["point"] is not None:  # the shortest text of the same float32: 12.3, not 12.300000190734863
        record["point"] = [float(str(np.float32(value))) for value in item["point"]]
    for field in ("bbox", "area", "segmentation", "rough_segmentation", "score", "level"):
        if item[field] is not None:
            record[field] = item[field]
    return record
