# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Registration with transformers at `import pointwssis`: Auto classes, two pipelines, the stock pipeline.

Only the public registries and two name tables of transformers get new entries; nothing of it is replaced.
"""

from transformers import (
    AutoBackbone,
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    AutoModelForImageSegmentation,
    AutoModelForInstanceSegmentation,
)
from transformers.models.auto.image_processing_auto import DEFAULT_TO_PIL_BACKEND_IMAGE_PROCESSORS
from transformers.models.auto.modeling_auto import MODEL_FOR_INSTANCE_SEGMENTATION_MAPPING_NAMES
from transformers.pipelines import PIPELINE_REGISTRY

from .models.efficientnet_lite.configuration_efficientnet_lite import EfficientNetLiteConfig
from .models.efficientnet_lite.modeling_efficientnet_lite import EfficientNetLiteBackbone
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
    """Register models and pipelines with transformers; a second call changes nothing."""
    _register_models()
    tasks = {
        "point-instance-segmentation": (PointInstanceSegmentationPipeline, AutoModelForInstanceSegmentation),
        "point-mask-refinement": (PointMaskRefinementPipeline, AutoModel),
    }
    for task, (pipeline_class, model_class) in tasks.items():
        if task not in PIPELINE_REGISTRY.get_supported_tasks():
            PIPELINE_REGISTRY.register_pipeline(task, pipeline_class=pipeline_class, pt_model=model_class, type="image")


def _register_models() -> None:
    """Register configurations, models and image processors with the Auto classes."""
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
    AutoConfig.register("efficientnet_lite", EfficientNetLiteConfig, exist_ok=True)
    AutoBackbone.register(EfficientNetLiteConfig, EfficientNetLiteBackbone, exist_ok=True)
    # The published numbers were measured with Pillow's resizing, so torchvision is used on request only.
    for processor in (SOLOv2ImageProcessor, MaskRefineNetImageProcessor):
        if processor.__name__ not in DEFAULT_TO_PIL_BACKEND_IMAGE_PROCESSORS:
            DEFAULT_TO_PIL_BACKEND_IMAGE_PROCESSORS.append(processor.__name__)
    # The stock image-segmentation pipeline runs every registered class, but logs an error for names that are missing
    # from this table, which `register` does not fill.
    MODEL_FOR_INSTANCE_SEGMENTATION_MAPPING_NAMES["solov2"] = SOLOv2ForInstanceSegmentation.__name__
