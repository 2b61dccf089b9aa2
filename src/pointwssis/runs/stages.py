# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The stages of PointWSSIS as functions: train a SOLOv2, train a MaskRefineNet, label with either, evaluate.

Teacher, students and upper bound are one function on different rows. Every stage writes into its own folder and is
skipped when that folder holds its result, so that an interrupted run goes on where it was.
`runs.py` puts them in order.
"""

import dataclasses
import difflib
import json
import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoConfig, TrainerCallback, TrainerState, set_seed
from transformers.trainer_utils import get_last_checkpoint

from ..data import class_names
from ..models.factory import CHANGEABLE_FIELDS, is_saved_model, new_refiner, new_segmenter, saved_model
from ..models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from ..models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from ..ops.devices import best_device, choose_dtype, for_device
from ..training.arguments import MASK_REFINE_NET_ARGUMENTS, SegmentationTrainingArguments
from ..training.augmentation import Augmentation
from ..training.collators import InstanceCollator
from ..training.datasets import InstanceDataset, RefinementDataset
from ..training.incomplete_labels import background_threshold
from ..training.trainer import SegmentationTrainer
from .progress import EtaCallback
from .recipe import Recipe

logger = logging.getLogger(__name__)


def training_arguments(recipe: Recipe, folder: Path, *settings: dict[str, Any]) -> SegmentationTrainingArguments:
    """Training arguments of a stage; later settings win, the recipe's `max_steps` caps."""
    device = best_device()
    values: dict[str, Any] = {
        "output_dir": str(folder / "checkpoints"),
        "seed": recipe.seed,
        "bf16": choose_dtype(device, recipe.bf16) == torch.bfloat16,
        "use_cpu": device.type == "cpu",
        "logging_steps": 20,
        "save_total_limit": 1,
    }
    for setting in settings:
        values.update(setting)
    check_arguments(values)
    arguments = SegmentationTrainingArguments(**values)
    if recipe.max_steps is not None and recipe.max_steps < arguments.max_steps:
        shorter = recipe.max_steps / arguments.max_steps
        arguments.max_steps = recipe.max_steps
        if arguments.warmup_steps >= 1:
            arguments.warmup_steps = max(1, int(arguments.warmup_steps * shorter))
    if "save_steps" not in {key for setting in settings for key in setting}:
        arguments.save_steps = max(1, arguments.max_steps // 5)
    return arguments


def check_arguments(values: dict[str, Any]) -> None:
    """Raises a ValueError for training arguments that do not exist or that are no numbers where they have to be."""
    known = {field.name: field.default for field in dataclasses.fields(SegmentationTrainingArguments) if field.init}
    for name, value in values.items():
        if name not in known:
            close = difflib.get_close_matches(str(name), known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"there is no training argument {name!r}{hint}")
        if type(known[name]) in (int, float) and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise ValueError(f"the training argument {name} is {value!r} ({type(value).__name__}); it takes a number")


class SaveWeightsAt(TrainerCallback):
    """Saves the weights after some parts of a training, beside the checkpoints that a run resumes from."""

    def __init__(self, folders: dict[float, Path], image_processor: Any):
        self.folders, self.image_processor = folders, image_processor

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        for part, folder in self.folders.items():
            if state.global_step == max(1, round(part * state.max_steps)) and state.is_world_process_zero:
                model.save_pretrained(folder)
                self.image_processor.save_pretrained(folder)


def train_segmenter(
    recipe: Recipe,
    rows: Dataset,
    validation: Dataset | None,
    folder: Path,
    model_fields: dict[str, Any],
    arguments: dict[str, Any],
    name_or_path: str | None = None,
    rough_folders: dict[float, Path] | None = None,
    probe: EtaCallback | None = None,
) -> dict[str, float | None]:
    """Trains a SOLOv2 into `folder` and evaluates it; teacher, students and upper bound are this function on
    different rows.

    Args:
        recipe: of the run.
        rows: to learn from; with none of them the model that it starts from is taken as it is.
        validation: to evaluate on, or None.
        folder: for the model; what is there is not done again.
        model_fields: of `SOLOv2Config`.
        arguments: of this training.
        name_or_path: saved model to start from.
        rough_folders: part of the training → folder for the weights at that moment.
        probe: tells how long it will take.

    Returns:
        Metrics of `CocoEvaluator`; empty without validation.
    """
    metrics_file = folder / "metrics.json"
    if is_trained(folder) and metrics_file.is_file():
        logger.warning("%s is done already, delete the folder to train it again", folder)
        return json.loads(metrics_file.read_text())
    set_seed(recipe.seed)
    interrupted = is_trained(folder)  # while it was evaluated
    model, processor = starting_segmenter(recipe, rows, model_fields, str(folder) if interrupted else name_or_path)
    args = training_arguments(recipe, folder, recipe.training, arguments)
    callbacks: list[TrainerCallback] = [] if probe is None else [probe.of(folder.name)]
    if rough_folders:
        callbacks.append(SaveWeightsAt(rough_folders, processor))
    trainer = SegmentationTrainer(
        model=for_device(model, best_device()),
        args=args,
        train_dataset=InstanceDataset(
            rows, Augmentation(**recipe.augmentation), recipe.seed, recipe.weigh_pseudo_labels
        ),
        data_collator=InstanceCollator(processor, recipe.train_shortest_edges or None),
        processing_class=processor,
        eval_dataset=validation,
        max_detections=sorted({100, recipe.max_detections}),
        callbacks=callbacks,
    )
    if not interrupted and len(rows):
        train_and_save(trainer, folder)
    elif not interrupted:
        save_untrained(trainer, folder)
    metrics = {}
    if validation is not None:
        trainer.evaluate()
        metrics = trainer.evaluator.compute()
    if trainer.is_world_process_zero():
        metrics_file.write_text(json.dumps(metrics, indent=1))
    return metrics


def starting_segmenter(
    recipe: Recipe, rows: Dataset, model_fields: dict[str, Any], name_or_path: str | None
) -> tuple[SOLOv2ForInstanceSegmentation, SOLOv2ImageProcessorPil]:
    """The SOLOv2 that a training on these rows starts from; a saved one keeps its architecture, not its input size and
    decoding.
    """
    names, fields = class_names(rows), dict(model_fields)
    if "background_threshold" not in fields:
        fields["background_threshold"] = background_threshold(rows)
    if name_or_path is None:
        return new_segmenter(names, fields, recipe.image_size, recipe.pad_size, recipe.backbone_name_or_path)
    model, processor = saved_model(name_or_path, names, size=recipe.image_size, pad_size=recipe.pad_size)
    model.config.update({name: value for name, value in fields.items() if name in CHANGEABLE_FIELDS})
    return model, processor


def evaluate(
    folder: str | Path, rows: Dataset, max_detections: int = 100, batch_size: int = 4, bf16: bool | None = None
) -> dict[str, float | None]:
    """COCO mask AP of a saved SOLOv2.

    Args:
        folder: or Hub repository of the model.
        rows: of the schema, with the classes of the model.
        max_detections: detections an image, of the model and in the evaluation.
        batch_size: images that go through the network together.
        bf16: None: where the machine computes with it.
    """
    names, device = class_names(rows), best_device()
    model, processor = saved_model(str(folder), names)
    unknown = sorted(set(names) - set(AutoConfig.from_pretrained(folder).id2label.values()))
    model.config.max_detections = max_detections
    if unknown:
        logger.warning("%s never learned the classes %s of this dataset", folder, ", ".join(unknown))
    with tempfile.TemporaryDirectory() as output_dir:  # the Trainer wants one
        args = SegmentationTrainingArguments(
            output_dir=output_dir,
            per_device_eval_batch_size=batch_size,
            bf16=choose_dtype(device, bf16) == torch.bfloat16,
            use_cpu=device.type == "cpu",
        )
        trainer = SegmentationTrainer(
            model=for_device(model, best_device()),
            args=args,
            processing_class=processor,
            eval_dataset=rows,
            max_detections=max_detections,
        )
        trainer.evaluate()
    return trainer.evaluator.compute()


def train_refiner(
    recipe: Recipe, rough_rows: Dataset, folder: Path, name_or_path: str | None = None, probe: EtaCallback | None = None
) -> None:
    """Trains a MaskRefineNet on images that have both their masks and rough masks of the teacher (paper,
    section 3.3); with none of them the model that it starts from is taken as it is.
    """
    if is_trained(folder):
        logger.warning("%s is done already, delete the folder to train it again", folder)
        return
    names = class_names(rough_rows)
    set_seed(recipe.seed)
    if name_or_path is None:
        model, processor = new_refiner(names, recipe.refiner_model, recipe.backbone_name_or_path)
    else:
        model, processor = saved_model(name_or_path, names)
    settings = dict(recipe.refiner)
    jitter = settings.pop("point_jitter", 0.15)
    dataset = None
    if len(rough_rows):
        scales, augmentation = tuple(model.config.train_box_scale), Augmentation(**recipe.augmentation)
        dataset = RefinementDataset(rough_rows, processor, scales, jitter, augmentation, recipe.seed)
    trainer = SegmentationTrainer(
        model=for_device(model, best_device()),
        args=training_arguments(recipe, folder, MASK_REFINE_NET_ARGUMENTS, settings),
        train_dataset=dataset,
        processing_class=processor,
        callbacks=[] if probe is None else [probe.of(folder.name)],
    )
    train_and_save(trainer, folder) if dataset is not None else save_untrained(trainer, folder)


def train_and_save(trainer: SegmentationTrainer, folder: Path) -> None:
    """Trains, from the last checkpoint if there is one, saves model and image processor, and drops the checkpoints."""
    checkpoints = Path(trainer.args.output_dir)
    checkpoint = get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None
    state = TrainerState() if checkpoint is None else TrainerState.load_from_json(f"{checkpoint}/trainer_state.json")
    if state.global_step < trainer.args.max_steps:
        trainer.train(resume_from_checkpoint=checkpoint)
    else:  # it was stopped while saving; the Trainer would take one step more
        trainer.state = state
        trainer.model.load_state_dict(type(trainer.model).from_pretrained(checkpoint).state_dict())
    trainer.save_model(str(folder))
    history = [entry for entry in trainer.state.log_history if "loss" in entry or "eval_AP" in entry]
    if trainer.is_world_process_zero():
        (folder / "training_settings.json").write_text(json.dumps(settings_of(trainer), indent=1))
        (folder / "training_log.json").write_text(json.dumps(history, indent=1))
        shutil.rmtree(checkpoints, ignore_errors=True)


def settings_of(trainer: SegmentationTrainer) -> dict[str, Any]:
    """How a model was trained, for its card."""
    args = trainer.args
    return {
        "steps": args.max_steps,
        "batch_size": args.train_batch_size * args.gradient_accumulation_steps * args.world_size,
        "learning_rate": args.learning_rate,
        "optimizer": args.optim.value,
        "precision": "bfloat16" if args.bf16 else "float32",
        "seed": args.seed,
    }


def save_untrained(trainer: SegmentationTrainer, folder: Path) -> None:
    """Takes a model that somebody trained before as the result of this stage: there is nothing to learn from."""
    logger.warning("no masks to learn from: %s is the model that the recipe starts it from", folder)
    trainer.save_model(str(folder))
    if trainer.is_world_process_zero():
        (folder / "training_log.json").write_text("[]")


def is_trained(folder: Path) -> bool:
    """Whether a training into this folder came to its end; its log is written last."""
    return is_saved_model(folder) and (folder / "training_log.json").is_file()
