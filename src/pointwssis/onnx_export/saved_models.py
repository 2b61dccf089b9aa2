# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Saved models that are to be exported, with their image processors."""

import torch

from ..models.mask_refine_net.configuration_mask_refine_net import MaskRefineNetConfig
from ..models.mask_refine_net.image_processing_pil_mask_refine_net import MaskRefineNetImageProcessorPil
from ..models.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement
from ..models.mask_refine_net.named_mask_refine_net import find_refiner
from ..models.saved_files import check_weights, naming_damaged_model, naming_missing_model
from ..models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from ..models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from ..ops.user_error import UserError
from .onnx_files import MaskRefiner, Segmenter


def load_segmenter(name_or_path: str) -> Segmenter:
    """Load a SOLOv2 in float32 and its image processor from a folder or the Hub.

    Raises:
        UserError: a file of the model is missing or damaged.
    """
    check_weights(name_or_path)
    with naming_damaged_model(name_or_path):
        model = SOLOv2ForInstanceSegmentation.from_pretrained(name_or_path, dtype=torch.float32)
        return model, SOLOv2ImageProcessorPil.from_pretrained(name_or_path)


def load_refiner_model(name_or_path: str) -> MaskRefiner:
    """Load a MaskRefineNet in float32 and its image processor.

    Args:
        name_or_path: see `find_refiner`.

    Raises:
        UserError: it is another model.
    """
    folder = find_refiner(name_or_path)
    check_weights(folder)
    with naming_missing_model(folder), naming_damaged_model(folder):
        fields, _ = MaskRefineNetConfig.get_any_config_dict(folder)
        if fields.get("model_type") != MaskRefineNetConfig.model_type:
            raise UserError(f"{folder}: is a {fields.get('model_type')} model; --refiner must be a MaskRefineNet")
        model = MaskRefineNetForMaskRefinement.from_pretrained(folder, dtype=torch.float32)
        return model, MaskRefineNetImageProcessorPil.from_pretrained(folder)
