# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Training of the MaskRefineNet of a run."""

import logging
from collections.abc import Sequence
from pathlib import Path

from datasets import Dataset
from transformers import default_data_collator, set_seed

from ..data import class_names
from ..models.factory import CROP_FIELDS, new_refiner, saved_refiner
from ..models.mask_refine_net.image_processing_pil_mask_refine_net import MaskRefineNetImageProcessorPil
from ..models.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement
from ..models.mask_refine_net.named_mask_refine_net import find_refiner
from ..ops.devices import best_device
from ..training.arguments import MASK_REFINE_NET_ARGUMENTS
from ..training.compute_settings import TimedSamples, in_memory_format
from ..training.flips import augmentation_for
from ..training.refinement_dataset import RefinementDataset
from ..training.threads import ThreadsCallback
from ..training.trainer import SegmentationTrainer
from .compute import compute_settings
from .progress import EtaCallback
from .recipe import Recipe, refiner_sampling
from .stage_arguments import refiner_settings, training_arguments
from .stage_results import is_trained, remove_checkpoints
from .stage_training import save_untrained, train_and_save, without_printing
from .watching import watch

logger = logging.getLogger(__name__)


def train_refiner(
    recipe: Recipe,
    rough_rows: Dataset,
    folder: Path,
    name_or_path: str | None = None,
    eta: EtaCallback | None = None,
    seed: int | None = None,
) -> None:
    """Train a MaskRefineNet on images that have both masks and rough masks (paper, section 3.3).

    Args:
        recipe: recipe of the run.
        rough_rows: rows with `segmentation` and `rough_segmentation`; if there are none, the model to start from is
            saved unchanged.
        folder: folder of the model.
        name_or_path: saved model to start from, see `find_refiner`; None starts from new weights.
        eta: callback that prints the progress; None prints nothing.
        seed: seed of weights and samples; None takes that of the recipe.
    """
    if is_trained(folder):
        remove_checkpoints(folder)
        logger.warning("%s is done already; delete the folder to train it again", folder)
        return
    seed = recipe.seed if seed is None else seed
    set_seed(seed)
    model, processor = starting_refiner(recipe, class_names(rough_rows), name_or_path)
    # Without rough masks there are no samples, and the model to start from is saved unchanged.
    samples = refiner_samples(recipe, rough_rows, model, processor, seed) if len(rough_rows) else None
    is_timed = samples is not None and best_device().type == "cpu"  # GPUs need no measuring
    timed = TimedSamples(samples, default_data_collator) if is_timed else None
    settings = (MASK_REFINE_NET_ARGUMENTS, refiner_settings(recipe))
    args = training_arguments(recipe, folder, *settings)
    compute = compute_settings(recipe, "refiner", settings, args, model, timed)
    trainer = SegmentationTrainer(
        model=in_memory_format(model, compute.channels_last),
        args=training_arguments(recipe, folder, *settings, {"bf16": compute.bf16}),
        train_dataset=samples,
        processing_class=processor,
        callbacks=[ThreadsCallback(compute, timed, recipe.threads is not None)],
    )
    name = folder.relative_to(recipe.output_dir).as_posix()
    if eta is not None:
        trainer.add_callback(eta.for_stage(name))
    watch(trainer, recipe, name)
    without_printing(trainer)
    train_and_save(trainer, folder) if samples is not None else save_untrained(trainer, folder)


def refiner_samples(
    recipe: Recipe,
    rough_rows: Dataset,
    model: MaskRefineNetForMaskRefinement,
    processor: MaskRefineNetImageProcessorPil,
    seed: int,
) -> RefinementDataset:
    """Return the training samples, which vary in the scale of their crop, in their point, and in their rough mask."""
    return RefinementDataset(
        rough_rows,
        processor,
        box_scales=tuple(model.config.train_box_scale),
        sampling=refiner_sampling(recipe.refiner),
        augmentation=augmentation_for(recipe.augmentation, class_names(rough_rows)),
        seed=seed,
        skip_bad=recipe.skip_bad,
    )


def starting_refiner(
    recipe: Recipe, names: Sequence[str], name_or_path: str | None
) -> tuple[MaskRefineNetForMaskRefinement, MaskRefineNetImageProcessorPil]:
    """Return the MaskRefineNet that a training run starts from, with its image processor.

    A saved model keeps its architecture; of the recipe's `refiner_model`, it takes what concerns its crops.

    Args:
        recipe: recipe of the run.
        names: names of the classes, in order.
        name_or_path: saved model; None creates a new one from the recipe's `refiner_model`.
    """
    if name_or_path is None:
        return new_refiner(names, recipe.refiner_model, recipe.backbone_name_or_path)
    crops = {name: value for name, value in recipe.refiner_model.items() if name in CROP_FIELDS}
    return saved_refiner(find_refiner(name_or_path), names, crops)
