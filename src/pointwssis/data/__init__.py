# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Datasets: one schema, COCO files in and out, splits of supervision, drawn shapes."""

from .budget import (
    ImageContent,
    LabellingBudget,
    LabellingSpeed,
    budget_of,
    image_content,
    labelling_budget,
    labelling_seconds,
)
from .coco import load_coco, load_coco_folder, load_coco_splits, to_coco
from .images import check_image, read_image
from .official import load_official_annotations
from .report import LoadReport
from .robustness import apply_point_noise, drop_points, jitter_points, points_from_masks, wrong_labels
from .schema import (
    class_names,
    dataset_features,
    dataset_from_rows,
    make_object,
    masked_objects,
    object_masks,
    pointed_objects,
    supervision,
)
from .shapes import SHAPE_CLASSES, make_shapes_dataset, write_shapes_coco
from .splits import hide_masks, split_supervision

__all__ = [
    "SHAPE_CLASSES",
    "ImageContent",
    "LabellingBudget",
    "LabellingSpeed",
    "LoadReport",
    "apply_point_noise",
    "budget_of",
    "check_image",
    "class_names",
    "dataset_features",
    "dataset_from_rows",
    "drop_points",
    "hide_masks",
    "image_content",
    "jitter_points",
    "labelling_budget",
    "labelling_seconds",
    "load_coco",
    "load_coco_folder",
    "load_coco_splits",
    "load_official_annotations",
    "make_object",
    "make_shapes_dataset",
    "masked_objects",
    "object_masks",
    "pointed_objects",
    "points_from_masks",
    "read_image",
    "split_supervision",
    "supervision",
    "to_coco",
    "write_shapes_coco",
    "wrong_labels",
]
