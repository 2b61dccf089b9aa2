# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Trained models as the callables that pseudo labeling takes: teacher, proposer, refiner.

Any function with the same signature can replace them; see `labeler_types` and `pipelines.refiners`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from ..models.inference import prepare_for_inference
from ..models.solov2.decoding_solov2 import DecodingSettings
from ..models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from ..models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from ..models.solov2.tiled_solov2 import encode_tiles, instances_of_tiles
from ..ops.devices import best_device
from ..pipelines.refiners import Refiner, as_refiner, load_refiner
from .labeler_types import Proposer, Teacher
from .view_labeling import LabelingViews, ViewLabeler


def solov2_teacher(
    name_or_path: str | Path,
    dtype: torch.dtype = torch.float32,
    flips: bool = False,
    scales: Sequence[float] = (1.0,),
) -> Teacher:
    """Return a trained SOLOv2 as the teacher that `predict_rough_masks` takes.

    Each image goes through the network once per view, that is per scale and flip. Scores and probabilities of masks are
    averaged over the views, in the frame of the image.

    Args:
        name_or_path: folder or Hub repository of the model.
        dtype: dtype of the computation, float32 or bfloat16.
        flips: also decode the mirrored image. Unsuitable for classes that say left or right.
        scales: sizes of the network's input, as factors of the size of the image processor.
    """
    device = best_device()
    model, processor = _segmenter(name_or_path, device, dtype)
    return ViewLabeler(model, processor, LabelingViews(flips, tuple(scales)), device)


def solov2_proposer(
    name_or_path: str | Path,
    unlabeled_threshold: float,
    image_level_threshold: float,
    dtype: torch.dtype = torch.float32,
) -> Proposer:
    """Return a trained SOLOv2 as the proposer that `propose_rough_masks` takes (paper, table 5).

    Args:
        name_or_path: folder or Hub repository of the model.
        unlabeled_threshold: minimum score of a proposal in an image without labels, 0 to 1.
        image_level_threshold: minimum score of a proposal in an image whose classes are known, 0 to 1.
        dtype: dtype of the computation, float32 or bfloat16.
    """
    # The model is called without a pipeline, because thresholds and classes differ per image.
    device = best_device()
    model, processor = _segmenter(name_or_path, device, dtype)
    names, ids = model.config.id2label, model.config.label2id
    # `max_detections` limits the evaluation.
    limit = model.config.nms_top_k
    settings = replace(DecodingSettings.of(model.config), max_detections=limit)

    @torch.no_grad()
    def propose_in(image: Image.Image, present: list[str] | None) -> list[dict[str, Any]]:
        # Where the classes of the image are known, only these are proposed, and lower scores suffice.
        threshold, classes = unlabeled_threshold, None
        if present is not None:
            threshold, classes = image_level_threshold, torch.tensor([ids[name] for name in present], dtype=torch.long)
        # Images are encoded one at a time, each in its own size, and a few tiles at a time.
        encoded = encode_tiles(model.encode, processor, image, processor.tile_size, device)
        masks, labels, scores = instances_of_tiles(encoded, settings, threshold, limit, classes)
        # Convert the indices of the model to names, which the dataset's classes are matched with.
        proposals = []
        for mask, label, score in zip(masks, labels.tolist(), scores.tolist(), strict=True):
            proposals.append({"mask": mask.rle(), "score": score, "label": names[label]})
        return proposals

    def propose(images: Any, classes: Any) -> list[list[dict[str, Any]]]:
        return [propose_in(image, present) for image, present in zip(images, classes, strict=True)]

    return propose


def mask_refine_net_refiner(name_or_path: str | Path, dtype: torch.dtype = torch.float32) -> Refiner:
    """Return a trained MaskRefineNet as the refiner that `refine_rough_masks` takes.

    Args:
        name_or_path: "general", or folder or Hub repository of the model.
        dtype: dtype of the computation, float32 or bfloat16.
    """
    # The pipeline crops and resizes; the refiner returns masks in the frame of the image.
    return as_refiner(load_refiner(name_or_path, best_device(), dtype))


def _segmenter(
    name_or_path: str | Path, device: torch.device, dtype: torch.dtype
) -> tuple[SOLOv2ForInstanceSegmentation, SOLOv2ImageProcessorPil]:
    """Return a trained SOLOv2, prepared for inference, and its image processor."""
    model = SOLOv2ForInstanceSegmentation.from_pretrained(name_or_path, dtype=torch.float32)
    return prepare_for_inference(model, device, dtype), SOLOv2ImageProcessorPil.from_pretrained(name_or_path)
