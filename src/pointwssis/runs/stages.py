# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The training stages as functions: train a SOLOv2, train a MaskRefineNet, evaluate.

Teacher, students and upper bound are trained by one function on different rows. Every stage writes into its own folder
and is skipped if that folder holds its result, so that an interrupted run resumes there. `run.py` puts the stages in
order.
"""

import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import (
    AutoConfig,
    PrinterCallback,
    ProgressCallback,
    TrainerCallback,
    TrainerState,
    default_data_collator,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

from ..data import class_names
from ..models.factory import (
    CHANGEABLE_FIELDS,
    CROP_FIELDS,
    is_saved_model,
    new_refiner,
    new_segmenter,
    saved_model,
    saved_refiner,
)
from ..models.inference import prepare_for_inference
from ..models.mask_refine_net.image_processing_pil_mask_refine_net import MaskRefineNetImageProcessorPil
from ..models.mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement
from ..models.mask_refine_net.named_mask_refine_net import find_refiner
from ..models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from ..models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from ..ops.bf16_speed import inference_dtype
from ..ops.devices import best_device
from ..training.arguments import MASK_REFINE_NET_ARGUMENTS, SegmentationTrainingArguments
from ..training.collators import InstanceCollator
from ..training.compute_settings import TimedSamples, in_memory_format
from ..training.datasets import InstanceDataset
from ..training.expected_iou import ExpectedIou
from ..training.flips import augmentation_for
from ..training.incomplete_labels import background_threshold
from ..training.late_images import LateInstanceDataset, first_epoch_after
from ..training.refinement_dataset import RefinementDataset
from ..training.threads import ThreadsCallback
from ..training.trainer import SegmentationTrainer
from .compute import compute_settings
from .label_stopping import LabelStopping
from .progress import EtaCallback
from .recipe import Recipe, refiner_sampling
from .results import percent
from .stage_arguments import refiner_settings, training_arguments

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SegmenterTraining:
    """Settings of one training run of a SOLOv2.

    Args:
        name: folder of the model in the output folder of the run.
        rows: rows to train on; if there are none, the model to start from is saved unchanged.
        model_fields: fields of `SOLOv2Config`.
        arguments: training arguments that override the recipe's `training`.
        start: saved model to start from; None starts from new weights.
        intermediate_folders: fraction of the training → folder for the weights at that step.
        late_images: positions of the rows that are learned from only after the first of these weights.
        measure_labels: function of saved weights that returns the mean IoU of their labels; where the recipe sets
            `teacher_patience`, the training stops when it no longer improves.
        expected_iou: weight of each pseudo label where the recipe weighs them; None takes `mask_weight`.
    """

    name: str
    rows: Dataset
    model_fields: dict[str, Any]
    arguments: dict[str, Any]
    start: str | None = None
    intermediate_folders: dict[float, Path] = field(default_factory=dict)
    late_images: Sequence[int] = ()
    measure_labels: Callable[[Path], float] | None = None
    expected_iou: ExpectedIou | None = None


# -- SOLOv2


class SaveIntermediateWeights(TrainerCallback):
    """Save the weights after given fractions of a training run, apart from the checkpoints that it resumes from.

    Args:
        folders: fraction of the training → folder.
        trainer: trainer of the model; averaged weights are saved where it keeps an average.
    """

    def __init__(self, folders: dict[float, Path], trainer: SegmentationTrainer):
        self.folders, self.trainer = folders, trainer

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        for fraction, folder in self.folders.items():
            if state.global_step == step_of(fraction, state.max_steps) and state.is_world_process_zero:
                with self.trainer.averaged_weights():
                    model.save_pretrained(folder)
                self.trainer.processing_class.save_pretrained(folder)


def step_of(fraction: float, max_steps: int) -> int:
    """Return the step at a fraction of a training run, at least 1."""
    return max(1, round(fraction * max_steps))


def train_segmenter(
    recipe: Recipe, training: SegmenterTraining, validation: Dataset | None, eta: EtaCallback | None = None
) -> dict[str, float | None]:
    """Train a SOLOv2 into its folder and evaluate it; steps whose results exist are skipped.

    Args:
        recipe: recipe of the run.
        training: model to train, its start and its rows.
        validation: rows to evaluate on, or None.
        eta: callback that prints the progress; None prints nothing.

    Returns:
        Metrics of `CocoEvaluator`, fractions from 0 to 1; empty without validation rows.
    """
    folder = Path(recipe.output_dir) / training.name
    metrics_file = folder / "metrics.json"
    is_ready = is_trained(folder)
    # The file of metrics is written last, so that it marks the stage as done.
    if is_ready and metrics_file.is_file():
        logger.warning("%s is done already; delete the folder to train it again", folder)
        return json.loads(metrics_file.read_text(encoding="utf-8"))

    # A trained model without metrics is only evaluated.
    set_seed(recipe.seed)
    start = str(folder) if is_ready else training.start
    model, processor = starting_segmenter(recipe, training.rows, training.model_fields, start)
    trainer = segmenter_trainer(recipe, training, validation, model, processor, is_ready)
    if eta is not None:
        trainer.add_callback(eta.for_stage(training.name))
    # Without rows, the model to start from is the result.
    if not is_ready and len(training.rows):
        train_and_save(trainer, folder, training.intermediate_folders)
    elif not is_ready:
        save_untrained(trainer, folder)
    elif trainer.is_world_process_zero():
        model.config.save_pretrained(folder)  # its decoding is that of the recipe, which may have changed

    metrics = {}
    if validation is not None:
        trainer.evaluate()
        metrics = trainer.evaluator.compute()
    # Empty metrics are written too, since the file marks the stage as done.
    if trainer.is_world_process_zero():
        metrics_file.write_text(json.dumps(metrics, indent=1), encoding="utf-8")
        if eta is not None and metrics:
            print(f"  AP {percent(metrics['AP'])}, AP50 {percent(metrics['AP50'])}", flush=True)
    return metrics


def segmenter_trainer(
    recipe: Recipe,
    training: SegmenterTraining,
    validation: Dataset | None,
    model: Any,
    processor: Any,
    is_ready: bool = False,
) -> SegmentationTrainer:
    """Return the trainer of one SOLOv2; one that is trained already is only evaluated."""
    folder = Path(recipe.output_dir) / training.name
    settings = (recipe.training, training.arguments)
    args = training_arguments(recipe, folder, *settings)
    samples = training_samples(recipe, training, args)
    collator = InstanceCollator(processor, recipe.train_shortest_edges or None)
    # Precision, memory format and threads; only a training to come measures them.
    is_timed = best_device().type == "cpu" and not is_ready and len(samples)
    timed = TimedSamples(samples, collator) if is_timed else None
    compute = compute_settings(recipe, "segmenter", settings, args, model, timed)
    trainer = SegmentationTrainer(
        model=in_memory_format(model, compute.channels_last),
        args=training_arguments(recipe, folder, *settings, {"bf16": compute.bf16}),
        train_dataset=samples,
        data_collator=collator,
        processing_class=processor,
        eval_dataset=validation,
        callbacks=[ThreadsCallback(compute, timed, recipe.threads is not None)],
        # COCO's AP at 100 is measured beside that of the recipe's limit.
        max_detections=sorted({100, recipe.max_detections}),
    )
    # Only the teacher has intermediate weights to save; those of a training without a fixed end are chosen there.
    if training.measure_labels is not None:
        trainer.add_callback(LabelStopping(recipe.teacher_patience, training.measure_labels, trainer))
    elif training.intermediate_folders:
        trainer.add_callback(SaveIntermediateWeights(training.intermediate_folders, trainer))
    return without_printing(trainer)


def training_samples(
    recipe: Recipe, training: SegmenterTraining, args: SegmentationTrainingArguments
) -> InstanceDataset:
    """Return the training samples of one SOLOv2."""
    options = {
        "augmentation": augmentation_for(recipe.augmentation, class_names(training.rows)),
        "seed": recipe.seed,
        "weigh_pseudo_labels": recipe.weigh_pseudo_labels and (training.expected_iou or True),
        "tile_size": recipe.tile_size,
    }
    if not training.late_images:
        return InstanceDataset(training.rows, **options)
    # Held-back images join when the weights that predict their rough masks are saved.
    first_step = step_of(min(training.intermediate_folders), args.max_steps)
    first_epoch = first_epoch_after(first_step, len(training.rows), args)
    return LateInstanceDataset(training.rows, training.late_images, first_epoch, **options)


def starting_segmenter(
    recipe: Recipe, rows: Dataset, model_fields: dict[str, Any], name_or_path: str | None
) -> tuple[SOLOv2ForInstanceSegmentation, SOLOv2ImageProcessorPil]:
    """Return the SOLOv2 that a training run on these rows starts from, with its image processor.

    A saved model keeps its architecture; its input size and its decoding are those of the recipe.
    """
    names, fields = class_names(rows), dict(model_fields)
    if "background_threshold" not in fields:
        fields["background_threshold"] = background_threshold(rows)
    if name_or_path is None:
        sizes = (recipe.image_size, recipe.pad_size, recipe.backbone_name_or_path, recipe.tile_size)
        return new_segmenter(names, fields, *sizes)
    sizes = {"size": recipe.image_size, "pad_size": recipe.pad_size, "tile_size": recipe.tile_size}
    model, processor = saved_model(name_or_path, names, **sizes)
    # The weights fix most fields; the others follow the recipe.
    model.config.update({name: value for name, value in fields.items() if name in CHANGEABLE_FIELDS})
    return model, processor


def evaluate(
    folder: str | Path, rows: Dataset, max_detections: int = 100, batch_size: int = 4, bf16: bool | None = None
) -> dict[str, float | None]:
    """Return the COCO mask AP of a saved SOLOv2.

    Args:
        folder: folder or Hub repository of the model.
        rows: rows of the schema, with the classes of the model.
        max_detections: detections per image, of the model and in the evaluation.
        batch_size: images per forward pass.
        bf16: compute in bfloat16; None does so where it is faster, see `bf16_infers_faster`.
    """
    names, device = class_names(rows), best_device()
    model, processor = saved_model(str(folder), names)
    # Classes that the model does not know are evaluated all the same, with a warning.
    unknown = sorted(set(names) - set(AutoConfig.from_pretrained(folder).id2label.values()))
    if unknown:
        logger.warning("%s was never trained on the classes %s of this dataset", folder, ", ".join(unknown))
    model.config.max_detections = max_detections
    with tempfile.TemporaryDirectory() as output_dir:  # the Trainer needs one
        args = SegmentationTrainingArguments(
            output_dir=output_dir,
            per_device_eval_batch_size=batch_size,
            use_cpu=device.type == "cpu",
        )
        trainer = SegmentationTrainer(
            model=prepare_for_inference(model, device, inference_dtype(device, bf16)),
            args=args,
            processing_class=processor,
            eval_dataset=rows,
            max_detections=max_detections,
        )
        trainer.evaluate()
    return trainer.evaluator.compute()


# -- MaskRefineNet


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
        logger.warning("%s is done already; delete the folder to train it again", folder)
        return
    names, seed = class_names(rough_rows), recipe.seed if seed is None else seed
    set_seed(seed)
    model, processor = starting_refiner(recipe, names, name_or_path)
    # Without rough masks there is no dataset, and the model to start from is saved unchanged.
    dataset = timed = None
    if len(rough_rows):
        # Samples vary in the scale of their crop, in the position of their point, and in their rough mask.
        scales, augmentation = tuple(model.config.train_box_scale), augmentation_for(recipe.augmentation, names)
        sampling = refiner_sampling(recipe.refiner)
        dataset = RefinementDataset(rough_rows, processor, scales, sampling, augmentation, seed)
        # GPUs need no measuring.
        timed = TimedSamples(dataset, default_data_collator) if best_device().type == "cpu" else None
    settings = (MASK_REFINE_NET_ARGUMENTS, refiner_settings(recipe))
    args = training_arguments(recipe, folder, *settings)
    compute = compute_settings(recipe, "refiner", settings, args, model, timed)
    trainer = SegmentationTrainer(
        model=in_memory_format(model, compute.channels_last),
        args=training_arguments(recipe, folder, *settings, {"bf16": compute.bf16}),
        train_dataset=dataset,
        processing_class=processor,
        callbacks=[ThreadsCallback(compute, timed, recipe.threads is not None)],
    )
    if eta is not None:
        trainer.add_callback(eta.for_stage(folder.relative_to(recipe.output_dir).as_posix()))
    without_printing(trainer)
    train_and_save(trainer, folder) if dataset is not None else save_untrained(trainer, folder)


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


# -- shared


def without_printing(trainer: SegmentationTrainer) -> SegmentationTrainer:
    """Remove the Trainer's own printing: a run prints one short block per stage."""
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    return trainer


def train_and_save(
    trainer: SegmentationTrainer, folder: Path, intermediate_folders: dict[float, Path] | None = None
) -> None:
    """Train from the last checkpoint if there is one, save model and image processor, and delete the checkpoints.

    Args:
        trainer: trainer of the model.
        folder: folder of the model.
        intermediate_folders: as in `SegmenterTraining`, for a training that keeps the weights with the best labels.
    """
    checkpoints = Path(trainer.args.output_dir)
    checkpoint = get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None
    # The state of a checkpoint tells how far the training came.
    state = TrainerState() if checkpoint is None else TrainerState.load_from_json(f"{checkpoint}/trainer_state.json")
    if state.global_step < trainer.args.max_steps:
        trainer.train(resume_from_checkpoint=checkpoint)
    else:  # interrupted while saving; the Trainer would train one more step
        trainer.state = state
        trainer.load_checkpoint(checkpoint)
    # A training that stops by its labels keeps earlier weights than its last ones.
    stopping = next((one for one in trainer.callback_handler.callbacks if isinstance(one, LabelStopping)), None)
    steps = trainer.args.max_steps if stopping is None else stopping.keep_best(folder, intermediate_folders or {})
    trainer.save_model(str(folder))
    # Only losses and validation AP are kept, for the curves.
    history = [entry for entry in trainer.state.log_history if "loss" in entry or "eval_AP" in entry]
    if trainer.is_world_process_zero():
        # The log marks the training as finished: it follows model and settings, and then the checkpoints may go.
        write_json(folder / "training_settings.json", settings_of(trainer, steps))
        write_json(folder / "training_log.json", history)
        shutil.rmtree(checkpoints, ignore_errors=True)


def settings_of(trainer: SegmentationTrainer, steps: int) -> dict[str, Any]:
    """Return the settings of a training run of a number of steps, for the card of its model."""
    args = trainer.args
    return {
        "steps": steps,
        # Images per step over all devices and accumulated passes
        "batch_size": args.train_batch_size * args.gradient_accumulation_steps * args.world_size,
        "learning_rate": args.learning_rate,
        "optimizer": args.optim.value,
        "precision": "bfloat16" if args.bf16 else "float32",
        "seed": args.seed,
    }


def save_untrained(trainer: SegmentationTrainer, folder: Path) -> None:
    """Save the model that a stage starts from as its result, because there are no masks to train on."""
    logger.warning("no masks to learn from: %s is the model that the recipe starts it from", folder)
    trainer.save_model(str(folder))
    if trainer.is_world_process_zero():
        write_json(folder / "training_log.json", [])


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file."""
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def is_trained(folder: Path) -> bool:
    """Return True if a training run into this folder is complete: its log is written last."""
    return is_saved_model(folder) and (folder / "training_log.json").is_file()
