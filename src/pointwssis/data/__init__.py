# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Datasets: one schema, annotation formats in and out, splits of supervision, simulated noise, synthetic shapes.

`load_annotations` loads any annotation file, `export_annotations` writes any format; both follow `formats/table.py`.
"""

from ..ops.images import check_image, read_image
from .annotation_cost import (
    ImageContent,
    LabelingBudget,
    LabelingSpeed,
    annotation_cost,
    image_content,
    labeling_budget,
    labeling_seconds,
)
from .demo_images import DEMO_NUCLEI
from .errors import LoadReport
from .formats.bdd100k import load_bdd100k
from .formats.click_table import load_click_table, read_click_table
from .formats.coco import load_coco, load_coco_folder, load_coco_splits
from .formats.coco_export import to_coco
from .formats.cvat import load_cvat, to_cvat
from .formats.exporting import export_annotations
from .formats.label_studio import load_label_studio
from .formats.label_studio_export import label_studio_config, to_label_studio
from .formats.load_options import LoadOptions
from .formats.official import load_official_annotations
from .formats.yolo import load_yolo, to_yolo
from .loading import load_annotation_files, load_annotations
from .merge import merge_annotations, unlabeled_rows
from .point_noise import apply_point_noise, corrupt_labels, drop_points, jitter_points, points_from_masks
from .prepared.opening import open_prepared
from .prepared.prepare_bdd100k import prepare_bdd100k
from .prepared.prepare_coco import prepare_coco
from .prepared.push import push_prepared
from .schema import (
    class_names,
    dataset_features,
    dataset_from_rows,
    make_object,
    object_masks,
    objects_with_mask,
    objects_with_point,
    supervision,
)
from .shape_scenes import SHAPE_CLASSES, SHAPE_LEVELS
from .splits import hide_masks, split_supervision
from .synthetic import SHAPES_VERSION, make_shapes_dataset, write_shapes_coco

__all__ = [
    "DEMO_NUCLEI",
    "SHAPES_VERSION",
    "SHAPE_CLASSES",
    "SHAPE_LEVELS",
    "ImageContent",
    "LabelingBudget",
    "LabelingSpeed",
    "LoadOptions",
    "LoadReport",
    "annotation_cost",
    "apply_point_noise",
    "check_image",
    "class_names",
    "corrupt_labels",
    "dataset_features",
    "dataset_from_rows",
    "drop_points",
    "export_annotations",
    "hide_masks",
    "image_content",
    "jitter_points",
    "label_studio_config",
    "labeling_budget",
    "labeling_seconds",
    "load_annotation_files",
    "load_annotations",
    "load_bdd100k",
    "load_click_table",
    "load_coco",
    "load_coco_folder",
    "load_coco_splits",
    "load_cvat",
    "load_label_studio",
    "load_official_annotations",
    "load_yolo",
    "make_object",
    "make_shapes_dataset",
    "merge_annotations",
    "object_masks",
    "objects_with_mask",
    "objects_with_point",
    "open_prepared",
    "points_from_masks",
    "prepare_bdd100k",
    "prepare_coco",
    "push_prepared",
    "read_click_table",
    "read_image",
    "split_supervision",
    "supervision",
    "to_coco",
    "to_cvat",
    "to_label_studio",
    "to_yolo",
    "unlabeled_rows",
    "write_shapes_coco",
]
