# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A training that goes on from its last checkpoint and ends with its result: what the stages of all models share."""

import logging
from pathlib import Path
from typing import Any

from transformers import PrinterCallback, ProgressCallback, TrainerState

from ..ops.processes import from_first_process, naming_lost_processes, wait_for_all
from ..training.saving import last_whole_checkpoint, remove_checkpoints_after, saving_on_signals
from ..training.trainer import SegmentationTrainer
from .label_stopping import LabelStopping
from .stage_results import remove_checkpoints, save_result

logger = logging.getLogger(__name__)


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
    checkpoint = from_first_process(lambda: _checkpoint_to_go_on_from(checkpoints))
    # The state of a checkpoint tells how far the training came.
    state = TrainerState() if checkpoint is None else TrainerState.load_from_json(f"{checkpoint}/trainer_state.json")
    # A training that stops by its labels keeps earlier weights than its last ones.
    stopping = next((one for one in trainer.callback_handler.callbacks if isinstance(one, LabelStopping)), None)
    is_over = stopping is not None and stopping.is_over(state.global_step)
    if state.global_step < trainer.args.max_steps and not is_over:
        with naming_lost_processes(), saving_on_signals(trainer.save_in_time):
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    else:  # interrupted while saving; the Trainer would train one more step
        trainer.state = state
        trainer.load_checkpoint(str(checkpoint))
    steps = trainer.args.max_steps if stopping is None else stopping.keep_best(folder, intermediate_folders or {})
    # Only losses and validation AP are kept, for the curves. A checkpoint has sorted the keys of entries before it.
    kept = [entry for entry in trainer.state.log_history if "loss" in entry or "eval_AP" in entry]
    history = [dict(sorted(entry.items())) for entry in kept]
    save_result(trainer, folder, history, settings_of(trainer, steps))
    wait_for_all()  # every process has read its checkpoint
    remove_checkpoints(folder)


def _checkpoint_to_go_on_from(folder: Path) -> Path | None:
    """Return the last whole checkpoint, and remove later ones."""
    checkpoint = last_whole_checkpoint(folder)
    remove_checkpoints_after(checkpoint, folder)
    return checkpoint


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
    save_result(trainer, folder, [])
    wait_for_all()
