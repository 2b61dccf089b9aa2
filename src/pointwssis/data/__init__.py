# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Datasets: one schema, annotation files of every format in and out, splits of supervision, drawn shapes."""

from ..ops.images import check_image, read_image
from .annotation_cost import (
    ImageContent,
    LabellingBudget,
    LabellingSpeed,
    budget_of,
    image_content,
    labelling_budget,
    labelling_seconds,
)
from .errors import LoadReport
from .formats.bdd100k import load_bdd100k
from .formats.click_table import load_points_table
from .formats.coco import load_coco, load_coco_folder, load_coco_splits, to_coco
from .formats.cvat import load_cvat, to_cvat
from .formats.label_studio import label_studio_config, load_label_studio, to_label_studio
from .formats.official import load_official_annotations
from .formats.yolo import load_yolo, to_yolo
from .loading import load_annotation_files, load_annotations
from .merge import merge_annotations, unlabeled_rows
from .point_noise import apply_point_noise, drop_points, jitter_points, points_from_masks, wrong_labels
from .prepared.opening import open_prepared
from .prepared.prepare_bdd100k import prepare_bdd100k
from .prepared.prepare_coco import prepare_coco
from .prepared.push import push_prepared
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
from .splits import hide_masks, split_supervision
from .synthetic import SHAPE_CLASSES, make_shapes_dataset, write_shapes_coco

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
    "label_studio_config",
    "labelling_budget",
    "labelling_seconds",
    "load_annotation_files",
    "load_annotations",
    "load_bdd100k",
    "load_coco",
    "load_coco_folder",
    "load_coco_splits",
    "load_cvat",
    "load_label_studio",
    "load_official_annotations",
    "load_points_table",
    "load_yolo",
    "make_object",
    "make_shapes_dataset",
    "masked_objects",
    "merge_annotations",
    "object_masks",
    "open_prepared",
    "pointed_objects",
    "points_from_masks",
    "prepare_bdd100k",
    "prepare_coco",
    "push_prepared",
    "read_image",
    "split_supervision",
    "supervision",
    "to_coco",
    "to_cvat",
    "to_label_studio",
    "to_yolo",
    "unlabeled_rows",
    "write_shapes_coco",
    "wrong_labels",
]
