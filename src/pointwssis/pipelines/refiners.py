# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Refiners of rough masks: any callable of one type, or a MaskRefineNet as a folder, a model or a pipeline."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModel, Pipeline, PreTrainedModel

from ..models.inference import fold_batch_norms
from ..models.mask_refine_net.configuration_mask_refine_net import MaskRefineNetConfig
from ..models.mask_refine_net.named_mask_refine_net import find_refiner
from ..models.saved_files import check_weights, naming_damaged_model, naming_missing_model
from ..ops.rle import RLE, decode_rle
from ..ops.user_error import UserError
from .point_mask_refinement import PIXELS_PER_CALL, TASK, PointMaskRefinementPipeline

Refiner = Callable[[Image.Image, np.ndarray, list[list[float]], list[str | None]], np.ndarray]
"""An RGB image, (N, H, W) bool rough masks, their N points ((x, y) in pixels of the image) and N class names →
(N, H, W) bool refined masks in the same order. Return the rough mask where the refined one would be empty.

An image with many objects is refined in several calls, each with some of them (`PIXELS_PER_CALL`)."""

MODEL_TYPE = MaskRefineNetConfig.model_type


def as_refiner(refiner: Any, device: torch.device | None = None, dtype: torch.dtype | None = None) -> Refiner:
    """Return any form of a refiner as a callable.

    Args:
        refiner: "general", a repository, a folder, a model, a `point-mask-refinement` pipeline, or a `Refiner`.
        device: device of a pipeline that is created here.
        dtype: dtype of a model that is loaded here.

    Raises:
        TypeError: the refiner is none of these.
        UserError: the model is not a MaskRefineNet, or its image processor is unknown.
    """
    # Names and models become pipelines, which know the image processor.
    if isinstance(refiner, (str, Path)):
        refiner = load_refiner(refiner, device, dtype)
    elif isinstance(refiner, PreTrainedModel):
        refiner = _pipeline_of_model(refiner, device)
    # An exported repository brings its own copy of the class, so the task identifies the pipeline as well.
    if isinstance(refiner, PointMaskRefinementPipeline) or (isinstance(refiner, Pipeline) and refiner.task == TASK):
        return partial(_refined_by_pipeline, refiner)  # no lambda, which could not enter the workers of a pipeline
    if callable(refiner) and not isinstance(refiner, Pipeline):
        return refiner
    raise TypeError(
        f"refiner must be a repository, a folder, a model, a {TASK} pipeline or a callable (image, rough masks, "
        f"points, labels) → masks, got {type(refiner).__name__}"
    )


def _refined_by_pipeline(
    pipe: Pipeline, image: Image.Image, rough_masks: np.ndarray, points: list[list[float]], labels: list[str | None]
) -> np.ndarray:
    return pipe.refine(image, rough_masks, points, labels)["masks"]


def load_refiner(
    name_or_path: str | Path, device: torch.device | None, dtype: torch.dtype | None
) -> PointMaskRefinementPipeline:
    """Load a MaskRefineNet and its image processor as a pipeline, with the batch norms folded.

    Args:
        name_or_path: see `find_refiner`.
        device: device of the pipeline; None is that of transformers.
        dtype: dtype of the model; None is that of its configuration.
    """
    name_or_path = find_refiner(name_or_path)
    # The type is checked before the weights are loaded.
    check_weights(name_or_path)
    with naming_missing_model(name_or_path), naming_damaged_model(name_or_path):
        fields, _ = MaskRefineNetConfig.get_any_config_dict(name_or_path)
        _check_model_type(name_or_path, fields.get("model_type"))
        # Batch norms are folded before rounding, so that weights in bfloat16 are rounded once.
        model = AutoModel.from_pretrained(name_or_path, dtype=None if dtype is None else torch.float32)
        model = fold_batch_norms(model).to(dtype=dtype)
        processor = AutoImageProcessor.from_pretrained(name_or_path, backend="pil")
    return PointMaskRefinementPipeline(model=model, image_processor=processor, device=device)


def _pipeline_of_model(model: PreTrainedModel, device: torch.device | None) -> PointMaskRefinementPipeline:
    """Return the pipeline of a model in memory; its image processor is loaded from where the model came from."""
    _check_model_type(type(model).__name__, model.config.model_type)
    name_or_path = model.config._name_or_path
    if not name_or_path:
        raise UserError(
            "refiner is a model that was not loaded from a folder, so its image processor is unknown; pass its folder "
            f"or a {TASK} pipeline"
        )
    processor = AutoImageProcessor.from_pretrained(name_or_path, backend="pil")
    return PointMaskRefinementPipeline(model=model, image_processor=processor, device=device)


def _check_model_type(name: Any, model_type: str | None) -> None:
    if model_type != MODEL_TYPE:
        raise UserError(f"refiner {str(name)!r:.80} is a {model_type} model; expected a MaskRefineNet")


def refined_masks(
    refiner: Refiner,
    image: Image.Image,
    rough_masks: Sequence[RLE],
    points: Sequence[list[float]],
    labels: Sequence[str | None],
    name: str,
) -> Iterator[np.ndarray]:
    """Yield the (height, width) bool refined mask of each rough mask, with few dense masks in memory at once.

    Args:
        refiner: takes at most `PIXELS_PER_CALL` pixels of masks per call, but at least one mask.
        image: RGB image of the masks.
        rough_masks: N rough masks.
        points: their N points, (x, y) in pixels of the image.
        labels: their N class names.
        name: name of the image, for errors.

    Raises:
        UserError: the refiner returns something other than one mask per rough mask.
    """
    step = max(1, PIXELS_PER_CALL // (image.width * image.height))
    for start in range(0, len(rough_masks), step):
        chunk = slice(start, start + step)
        rough = np.empty((len(rough_masks[chunk]), image.height, image.width), dtype=bool)
        for target, mask in zip(rough, rough_masks[chunk], strict=True):
            target[:] = decode_rle(mask)
        masks = refiner(image, rough, list(points[chunk]), list(labels[chunk]))
        # A refiner may be any callable, so its result is checked.
        yield from checked_refined_masks(masks, len(rough), image, name)


def checked_refined_masks(masks: Any, num_masks: int, image: Image.Image, name: str) -> np.ndarray:
    """Return the masks that a refiner gave as an array, or raise one clear error.

    Args:
        masks: result of a `Refiner`: an array, a tensor, or a list of masks.
        num_masks: number of rough masks, N.
        image: the image that was segmented.
        name: name of the image, for the error.

    Returns:
        (N, height, width) bool.

    Raises:
        UserError: the result has another number of masks, another size or another dtype.
    """
    expected = (num_masks, image.height, image.width)
    # Any container is accepted, but number, size and dtype must be right.
    if isinstance(masks, torch.Tensor):
        masks = masks.detach().cpu().numpy()
    try:
        array = np.asarray(masks)
    except ValueError as error:  # masks of different sizes
        raise UserError(f"the refiner returned masks of different sizes for {name}; expected {expected}") from error
    if array.shape != expected or array.dtype != bool:
        raise UserError(
            f"the refiner returned masks of shape {array.shape} and dtype {array.dtype} for {name}; expected "
            f"(masks, height, width) = {expected} and bool"
        )
    return array
