# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Training and evaluation of the SOLOv2s of a run: teacher, students, control and upper bound.

One function trains them all, on different rows. Every training writes into its own folder and is skipped if that folder
holds its result, so that an interrupted run resumes there. `run.py` puts the stages in order.
"""

import functools
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import TrainerCallback, set_seed

from ..data import class_names
from ..models.factory import CHANGEABLE_FIELDS, new_segmenter, saved_model
from ..models.solov2.configuration_solov2 import SOLOv2Config
from ..models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from ..models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from ..ops.devices import best_device
from ..ops.processes import wait_for_all
from ..ops.whole_files import read_json, write_folder, write_json, write_text
from ..training.arguments import SegmentationTrainingArguments
from ..training.collators import InstanceCollator
from ..training.compute_settings import TimedSamples, in_memory_format
from ..training.datasets import InstanceDataset
from ..training.expected_iou import ExpectedIou
from ..training.flips import augmentation_for
from ..training.incomplete_labels import background_threshold
from ..training.late_images import LateInstanceDataset, first_epoch_after
from ..training.threads import ThreadsCallback
from ..training.trainer import SegmentationTrainer
from .compute import compute_settings
from .label_stopping import LabelStopping
from .progress import EtaCallback
from .recipe import Recipe
from .results import percent
from .stage_arguments import training_arguments
from .stage_results import METRICS_FILE, PRECISION_RECALL_FILE, is_trained, remove_checkpoints
from .stage_training import save_untrained, train_and_save, without_printing
from .watching import watch

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
                write_folder(folder, functools.partial(self._save, model))

    def _save(self, model: Any, folder: Path) -> None:
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
    is_ready = is_trained(folder)
    if is_ready:
        remove_checkpoints(folder)
    # The file of metrics is written last, so that it marks the stage as done.
    if is_ready and (folder / METRICS_FILE).is_file() and (folder / PRECISION_RECALL_FILE).is_file():
        logger.warning("%s is done already; delete the folder to train it again", folder)
        return read_json(folder / METRICS_FILE)

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
        remove_checkpoints(folder)  # the Trainer creates the folder even for an evaluation
        save_changed_fields(model.config, folder)
    metrics = evaluate_and_save(trainer, folder)
    if eta is not None and metrics and trainer.is_world_process_zero():
        print(f"  AP {percent(metrics['AP'])}, AP50 {percent(metrics['AP50'])}", flush=True)
    return metrics


def evaluate_and_save(trainer: SegmentationTrainer, folder: Path) -> dict[str, float | None]:
    """Evaluate a trained SOLOv2 on the validation rows of its trainer, and write metrics and curves into its folder."""
    metrics, curves = {}, {}
    if trainer.eval_dataset is not None:
        trainer.evaluate()
        metrics, curves = trainer.evaluator.compute(), trainer.evaluator.precision_recall()
    # Empty metrics are written too, since the file marks the stage as done.
    if trainer.is_world_process_zero():
        write_json(folder / PRECISION_RECALL_FILE, curves)
        write_json(folder / METRICS_FILE, metrics)
    wait_for_all()  # the next stage reads what the first process has written
    return metrics


def save_changed_fields(config: SOLOv2Config, folder: Path) -> None:
    """Write the fields of a trained model that follow the recipe and have changed; the others stay as trained."""
    trained, path = SOLOv2Config.from_pretrained(folder), folder / "config.json"
    changed = {name: getattr(config, name) for name in CHANGEABLE_FIELDS}
    changed = {name: value for name, value in changed.items() if value != getattr(trained, name)}
    if changed:
        write_text(path, json.dumps({**read_json(path), **changed}, indent=2, sort_keys=True) + "\n")


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
    watch(trainer, recipe, training.name, validation, training.rows)
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
        "skip_bad": recipe.skip_bad,
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
