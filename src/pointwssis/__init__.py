# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Instance segmentation from few masks and many points.

`import pointwssis` registers the models with transformers: the Auto classes load them and
`pipeline("point-instance-segmentation")` runs them. Everything else is imported on first use. Only a process of the
command `pointwssis` registers later, when a command needs models, so that its help does not wait for torch. Without
torch there is nothing to register, and `pointwssis.onnx_runtime` runs exported models.
"""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from .ops.lazy_names import lazy_names

if TYPE_CHECKING:
    from .data import (
        annotation_cost,
        apply_point_noise,
        corrupt_labels,
        drop_points,
        jitter_points,
        labeling_budget,
        labeling_seconds,
        load_annotations,
        load_coco,
        load_coco_folder,
        make_shapes_dataset,
        merge_annotations,
        points_from_masks,
        split_supervision,
        to_coco,
    )
    from .evaluation import CocoEvaluator, evaluate_clicks, evaluate_pseudo_labels
    from .models import (
        MaskRefineNetConfig,
        MaskRefineNetForMaskRefinement,
        MaskRefineNetImageProcessor,
        MaskRefineNetImageProcessorPil,
        SOLOv2Config,
        SOLOv2ForInstanceSegmentation,
        SOLOv2ImageProcessor,
        SOLOv2ImageProcessorPil,
        SOLOv2Model,
        fold_batch_norms,
        prepare_for_inference,
    )
    from .pipelines import PointInstanceSegmentationPipeline, PointMaskRefinementPipeline, to_detections
    from .pseudo_labeling import generate_pseudo_labels, predict_rough_masks, refine_rough_masks
    from .training import SegmentationTrainer, SegmentationTrainingArguments

__version__ = "0.1.0"

__getattr__, __dir__ = lazy_names(__name__, __file__)


def _is_command() -> bool:
    """Return True in a process that was started as `pointwssis` or `python -m pointwssis`."""
    # While Python looks for the module of -m, that is all that sys.argv says.
    if sys.argv[0] == "-m":
        return ("-m", __name__) in zip(sys.orig_argv, sys.orig_argv[1:], strict=False)
    return Path(sys.argv[0]).stem == __name__


if not _is_command() and find_spec("torch"):
    from .registration import register

    register()

__all__ = [
    "CocoEvaluator",
    "MaskRefineNetConfig",
    "MaskRefineNetForMaskRefinement",
    "MaskRefineNetImageProcessor",
    "MaskRefineNetImageProcessorPil",
    "PointInstanceSegmentationPipeline",
    "PointMaskRefinementPipeline",
    "SOLOv2Config",
    "SOLOv2ForInstanceSegmentation",
    "SOLOv2ImageProcessor",
    "SOLOv2ImageProcessorPil",
    "SOLOv2Model",
    "SegmentationTrainer",
    "SegmentationTrainingArguments",
    "annotation_cost",
    "apply_point_noise",
    "corrupt_labels",
    "drop_points",
    "evaluate_clicks",
    "evaluate_pseudo_labels",
    "fold_batch_norms",
    "generate_pseudo_labels",
    "jitter_points",
    "labeling_budget",
    "labeling_seconds",
    "load_annotations",
    "load_coco",
    "load_coco_folder",
    "make_shapes_dataset",
    "merge_annotations",
    "points_from_masks",
    "predict_rough_masks",
    "prepare_for_inference",
    "refine_rough_masks",
    "split_supervision",
    "to_coco",
    "to_detections",
]
