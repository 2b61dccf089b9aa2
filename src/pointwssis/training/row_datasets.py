# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Wrap rows of the schema in the datasets that the Trainer reads samples from."""

from collections.abc import Mapping
from typing import Any

from datasets import Dataset as HFDataset
from datasets import IterableDataset as HFIterableDataset
from torch.utils.data import Dataset
from transformers import PreTrainedModel

from ..data.row_checks import check_types, check_values
from ..data.schema import class_names
from ..ops.user_error import UserError
from .datasets import ImageDataset, InstanceDataset
from .flips import augmentation_for, warn_about_flips
from .refinement_dataset import RefinementDataset
from .refinement_sampling import RefinementSampling
from .streams import InstanceStream


def train_samples(dataset: Any, model: PreTrainedModel, image_processor: Any, seed: int) -> Any:
    """Return training samples of rows; return any other dataset unchanged. See `wrap_train_rows`."""
    refuse_plain_rows("train_dataset", dataset)
    if not isinstance(dataset, (HFDataset, HFIterableDataset)):
        return dataset
    return wrap_train_rows(dataset, model, image_processor, seed)


def wrap_train_rows(
    rows: HFDataset | HFIterableDataset, model: PreTrainedModel, image_processor: Any, seed: int
) -> Dataset:
    """Return training samples of rows, with the official augmentation: a horizontal flip, where class names allow it.

    Args:
        rows: rows of the schema, for SOLOv2 also a stream of them; for MaskRefineNet with rough masks.
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
    is_stream = isinstance(rows, HFIterableDataset)
    if model.config.model_type == "mask_refine_net":
        if is_stream:
            raise UserError("MaskRefineNet draws objects of all rows; pass a Dataset as train_dataset, not a stream")
        scales = tuple(model.config.train_box_scale)
        return RefinementDataset(rows, image_processor, scales, augmentation=augmentation, seed=seed)
    kind = InstanceStream if is_stream else InstanceDataset
    return kind(rows, augmentation, seed, tile_size=image_processor.tile_size)


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


def check_rows(
    argument: str, rows: HFDataset | HFIterableDataset, model: PreTrainedModel, image_processor: Any
) -> None:
    """Raise a ValueError if rows do not fit the schema or the model."""
    if rows.features is None:
        raise ValueError(f"{argument} is a stream of unknown columns; give it features=dataset_features(class_names)")
    # Rows that were not made by this package may lack columns, or hold something else in them.
    check_types(argument, rows)
    if image_processor is None:
        raise ValueError(f"{argument} holds rows of the schema; pass the model's image processor as processing_class")
    # Class indices must mean the same in rows and model.
    expected = [model.config.id2label[index] for index in range(model.config.num_labels)]
    if class_names(rows) != expected:
        raise ValueError(
            f"{argument} has the classes {', '.join(class_names(rows))}; the model has {', '.join(expected)}; load the "
            "model with saved_model(name_or_path, class_names), or the rows with these class_names"
        )
    # The rows of a stream are seen only in training.
    if isinstance(rows, HFDataset):
        check_values(argument, rows)


def refuse_plain_rows(argument: str, dataset: Any) -> None:
    """Raise a `UserError` for rows in a plain list or in several splits, of which the Trainer would make no samples."""
    if isinstance(dataset, Mapping):
        raise UserError(f"{argument} has the splits {', '.join(map(str, dataset))}; give one of them")
    if isinstance(dataset, (list, tuple)) and dataset and isinstance(dataset[0], Mapping) and "objects" in dataset[0]:
        raise UserError(f"{argument} is a {type(dataset).__name__} of rows; write dataset_from_rows(rows, class_names)")
