# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The SOLOv2 that a command is given: its classes, and the pipeline that runs it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..ops.user_error import UserError, UserFileNotFoundError

if TYPE_CHECKING:
    from ..pipelines import PointInstanceSegmentationPipeline

# Value of --dtype → compute in bfloat16, or where that is faster (None)
BF16_OF_DTYPE = {"float32": False, "bfloat16": True, "auto": None}


def class_names(model: str) -> list[str]:
    """Return the class names of a saved SOLOv2.

    Raises:
        UserFileNotFoundError: there is no such model.
        UserError: it is another kind of model, which transformers would load with random weights.
    """
    from transformers import AutoConfig

    from ..hub.run_folders import refuse_run_folder
    from ..models.saved_files import naming_damaged_model

    refuse_run_folder(model)
    try:
        with naming_damaged_model(model):
            config = AutoConfig.from_pretrained(model)
            names = [config.id2label[index] for index in range(config.num_labels)]
    except UserError:
        raise
    except (OSError, ValueError) as error:
        # The first line of a long message of transformers holds the reason.
        reason = str(error).splitlines()[0]
        if model.startswith((".", "/", "~")) and not Path(model).is_dir():
            reason = "no such folder"
        raise UserFileNotFoundError(f"{model}: neither a model folder nor a model on the Hub ({reason})") from error
    if config.model_type != "solov2":
        raise UserError(f"{model}: is a {config.model_type} model; MODEL must be a SOLOv2")
    return names


def hide_loading_bars() -> None:
    """Hide the bars of transformers for weights, which load in a moment; downloads from the Hub keep theirs."""
    from transformers.utils import logging

    logging.set_tqdm_hook(lambda make_bar, args, options: make_bar(*args, **{**options, "disable": True}))


def load_pipeline(options: argparse.Namespace) -> "PointInstanceSegmentationPipeline":
    """Return a pipeline in this process: its model is known to be a SOLOv2."""
    import torch

    from ..models.inference import prepare_for_inference
    from ..models.saved_files import check_weights, naming_damaged_model
    from ..models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
    from ..models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
    from ..ops.bf16_speed import inference_dtype
    from ..ops.devices import best_device
    from ..pipelines import PointInstanceSegmentationPipeline

    hide_loading_bars()
    device = best_device()
    check_weights(options.model)
    with naming_damaged_model(options.model):
        model = SOLOv2ForInstanceSegmentation.from_pretrained(options.model, dtype=torch.float32)
        processor = SOLOv2ImageProcessorPil.from_pretrained(options.model)
    return PointInstanceSegmentationPipeline(
        model=prepare_for_inference(model, device, inference_dtype(device, BF16_OF_DTYPE[options.dtype])),
        image_processor=processor,
        refiner=options.refiner,
        device=device,
    )
