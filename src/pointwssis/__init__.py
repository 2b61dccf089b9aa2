# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Instance segmentation from few masks and many points.

`import pointwssis` registers the models with transformers: the Auto classes load them and
`pipeline("point-instance-segmentation")` runs them. Everything else is imported on first use.
"""

import importlib
from typing import Any

from .models.mask_refine_net.configuration_mask_refine_net import MaskRefineNetConfig
from .models.mask_refine_net.image_processing_mask_refine_net import MaskRefineNetImageProcessor
from .models.mask_refine_net.image_processing_pil_mask_refine_net import MaskRefineNetImageProcessorPil
from .models.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement
from .models.solov2.configuration_solov2 import SOLOv2Config
from .models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from .models.solov2.image_processing_solov2 import SOLOv2ImageProcessor
from .models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation, SOLOv2Model
from .pipelines import PointInstanceSegmentationPipeline, PointMaskRefinementPipeline
from .registration import register

__version__ = "0.1.0"

# Packages of the other public names.
_LAZY = {
    "CocoEvaluator": "evaluation",
    "apply_point_noise": "data",
    "annotation_cost": "data",
    "drop_points": "data",
    "evaluate_clicks": "evaluation",
    "evaluate_pseudo_labels": "evaluation",
    "fold_batch_norms": "models",
    "jitter_points": "data",
    "labeling_budget": "data",
    "labeling_seconds": "data",
    "load_annotations": "data",
    "load_coco": "data",
    "load_coco_folder": "data",
    "make_shapes_dataset": "data",
    "merge_annotations": "data",
    "points_from_masks": "data",
    "split_supervision": "data",
    "to_coco": "data",
    "corrupt_labels": "data",
    "generate_pseudo_labels": "pseudo_labeling",
    "prepare_for_inference": "models",
    "predict_rough_masks": "pseudo_labeling",
    "refine_rough_masks": "pseudo_labeling",
    "SegmentationTrainer": "training",
    "SegmentationTrainingArguments": "training",
    "to_detections": "pipelines",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])


register()

__all__ = [
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
    *_LAZY,
]
