# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Wrap rows of the schema in the datasets that the Trainer reads samples from."""

from typing import Any

from datasets import Dataset as HFDataset
from torch.utils.data import Dataset
from transformers import PreTrainedModel

from ..data.schema import class_names
from .datasets import ImageDataset, InstanceDataset
from .flips import augmentation_for, warn_about_flips
from .refinement_dataset import RefinementDataset
from .refinement_sampling import RefinementSampling

COLUMNS = ("image", "image_id", "height", "width", "complete", "image_labels", "objects")


def wrap_train_rows(rows: HFDataset, model: PreTrainedModel, image_processor: Any, seed: int) -> Dataset:
    """Return training samples of rows, with the official augmentation: a horizontal flip, where class names allow it.

    Args:
        rows: rows of the schema; for MaskRefineNet with rough masks.
        model: SOLOv2 or MaskRefineNet.
        image_processor: image processor of the model.
        seed: seed of the augmentation.

    Raises:
        ValueError: the rows do not fit the schema or the model's classes, or there is no image processor.
    """
    check_rows("train_dataset", rows, model, image_processor)
    names = class_names(rows)
    warn_about_flips({}, names)
    augmentation = augmentation_for({}, names)
    # Crops at random scales for MaskRefineNet; whole images or windows for SOLOv2
    if model.config.model_type == "mask_refine_net":
        scales = tuple(model.config.train_box_scale)
        return RefinementDataset(rows, image_processor, scales, augmentation=augmentation, seed=seed)
    return InstanceDataset(rows, augmentation, seed, tile_size=image_processor.tile_size)


def wrap_eval_rows(rows: HFDataset, model: PreTrainedModel, image_processor: Any) -> Dataset:
    """Return evaluation samples of rows: whole images for SOLOv2, crops at the scale of inference for MaskRefineNet.

    Args and errors: as in `wrap_train_rows`.
    """
    check_rows("eval_dataset", rows, model, image_processor)
    # Fixed scale and point, so that every evaluation sees the same crops
    if model.config.model_type == "mask_refine_net":
        scale = model.config.box_scale
        return RefinementDataset(rows, image_processor, (scale, scale), RefinementSampling(point_jitter=0.0))
    return ImageDataset(rows, image_processor)


def check_rows(argument: str, rows: HFDataset, model: PreTrainedModel, image_processor: Any) -> None:
    """Raise a ValueError if rows do not fit the schema or the model."""
    # Rows that were not made by this package lack some columns.
    missing = [name for name in COLUMNS if name not in rows.column_names]
    if missing:
        raise ValueError(
            f"{argument} has the columns {', '.join(rows.column_names)} and lacks {', '.join(missing)}; load it with "
            "load_annotations or load_coco, or pass a torch Dataset of training samples"
        )
    if image_processor is None:
        raise ValueError(f"{argument} holds rows of the schema; pass the model's image processor as processing_class")
    # Class indices must mean the same in rows and model.
    expected = [model.config.id2label[index] for index in range(model.config.num_labels)]
    if class_names(rows) != expected:
        raise ValueError(
            f"{argument} has the classes {', '.join(class_names(rows))}; the model has {', '.join(expected)}; load the "
            "model with saved_model(name_or_path, class_names), or the rows with these class_names"
        )
