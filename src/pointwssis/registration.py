# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""What `import pointwssis` tells transformers: Auto classes, the stock pipeline, two of our own, a hint in an error."""

import functools
from typing import Any

from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    AutoModelForImageSegmentation,
    AutoModelForInstanceSegmentation,
)
from transformers.models.auto.image_processing_auto import DEFAULT_TO_PIL_BACKEND_IMAGE_PROCESSORS
from transformers.models.auto.modeling_auto import MODEL_FOR_INSTANCE_SEGMENTATION_MAPPING_NAMES
from transformers.pipelines import PIPELINE_REGISTRY

from .hub.mixins import hint_where_missing
from .models.mask_refine_net.configuration_mask_refine_net import MaskRefineNetConfig
from .models.mask_refine_net.image_processing_mask_refine_net import MaskRefineNetImageProcessor
from .models.mask_refine_net.image_processing_pil_mask_refine_net import MaskRefineNetImageProcessorPil
from .models.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement
from .models.solov2.configuration_solov2 import SOLOv2Config
from .models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from .models.solov2.image_processing_solov2 import SOLOv2ImageProcessor
from .models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation, SOLOv2Model
from .pipelines import PointInstanceSegmentationPipeline, PointMaskRefinementPipeline


def register() -> None:
    """Tells transformers about models and pipelines; doing it twice changes nothing."""
    _register_models()
    tasks = {
        "point-instance-segmentation": (PointInstanceSegmentationPipeline, AutoModelForInstanceSegmentation),
        "point-mask-refinement": (PointMaskRefinementPipeline, AutoModel),
    }
    for task, (pipeline_class, model_class) in tasks.items():
        if task not in PIPELINE_REGISTRY.get_supported_tasks():
            PIPELINE_REGISTRY.register_pipeline(task, pipeline_class=pipeline_class, pt_model=model_class, type="image")
    _hint_where_missing(set(tasks))


def _hint_where_missing(tasks: set[str]) -> None:
    """Errors about a model of ours that cannot be found tell what to do.

    Auto classes and pipelines read a configuration before they know whose it is, so there is no class of ours to ask.
    The wrapper changes nothing but the error about a repository of "pointwssis", or about one that our pipelines load.
    """
    if hasattr(AutoConfig.from_pretrained, "hints_where_missing"):  # so it is done already
        return
    original = AutoConfig.from_pretrained

    @functools.wraps(original)
    def from_pretrained(cls: type, name_or_path: Any, **kwargs: Any) -> Any:
        if not str(name_or_path).startswith("pointwssis/") and kwargs.get("_from_pipeline") not in tasks:
            return original(name_or_path, **kwargs)
        with hint_where_missing(name_or_path):
            return original(name_or_path, **kwargs)

    from_pretrained.hints_where_missing = True
    AutoConfig.from_pretrained = classmethod(from_pretrained)


def _register_models() -> None:
    solov2 = {"pil": SOLOv2ImageProcessorPil, "torchvision": SOLOv2ImageProcessor}
    mask_refine_net = {"pil": MaskRefineNetImageProcessorPil, "torchvision": MaskRefineNetImageProcessor}
    AutoConfig.register("solov2", SOLOv2Config, exist_ok=True)
    AutoModel.register(SOLOv2Config, SOLOv2Model, exist_ok=True)
    AutoModelForInstanceSegmentation.register(SOLOv2Config, SOLOv2ForInstanceSegmentation, exist_ok=True)
    AutoModelForImageSegmentation.register(SOLOv2Config, SOLOv2ForInstanceSegmentation, exist_ok=True)
    AutoImageProcessor.register(SOLOv2Config, image_processor_classes=solov2, exist_ok=True)
    AutoConfig.register("mask_refine_net", MaskRefineNetConfig, exist_ok=True)
    AutoModel.register(MaskRefineNetConfig, MaskRefineNetForMaskRefinement, exist_ok=True)
    AutoImageProcessor.register(MaskRefineNetConfig, image_processor_classes=mask_refine_net, exist_ok=True)
    # Pillow's resizing is what the published numbers were made with: torchvision only when asked for.
    for processor in (SOLOv2ImageProcessor, MaskRefineNetImageProcessor):
        if processor.__name__ not in DEFAULT_TO_PIL_BACKEND_IMAGE_PROCESSORS:
            DEFAULT_TO_PIL_BACKEND_IMAGE_PROCESSORS.append(processor.__name__)
    # The stock image-segmentation pipeline runs what the Auto classes know, but looks for the name in this table, which
    # `register` does not fill, and logs an error otherwise.
    MODEL_FOR_INSTANCE_SEGMENTATION_MAPPING_NAMES["solov2"] = SOLOv2ForInstanceSegmentation.__name__
