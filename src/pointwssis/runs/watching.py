# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Watching the trainings of a run: TensorBoard, Weights & Biases, or trackio, by `training.report_to` of its recipe."""

import shutil
from pathlib import Path

from datasets import Dataset
from transformers.integrations import TensorBoardCallback

from ..data.schema import supervision
from ..ops.processes import is_first_process
from ..training.picture_reports import takes_pictures
from ..training.pictures import PictureCallback
from ..training.trainer import SegmentationTrainer
from .recipe import Recipe
from .stage_arguments import TENSORBOARD
from .stage_results import is_trained

NUM_EXAMINED = 64  # rows that are examined for pseudo labels to show


def watch(
    trainer: SegmentationTrainer,
    recipe: Recipe,
    name: str,
    validation: Dataset | None = None,
    rows: Dataset | None = None,
) -> None:
    """Direct the reports of one training to the folder of the run, and add pictures for a SOLOv2.

    Args:
        trainer: trainer of the model.
        recipe: recipe of the run.
        name: folder of the model in the output folder.
        validation: rows whose predictions are shown; None takes training images with masks.
        rows: training rows of a SOLOv2, of which some with pseudo labels are shown; None shows no pictures.
    """
    # Weights & Biases would add this training to the run of the one before.
    if "wandb" in trainer.args.report_to:
        import wandb

        wandb.finish()
    # Event files lie beside the models, since checkpoints are removed in the end.
    folder = Path(recipe.output_dir) / TENSORBOARD / name
    writers = [one for one in trainer.callback_handler.callbacks if isinstance(one, TensorBoardCallback)]
    for writer in writers:
        writer.logging_dir = str(folder)
    # A training that starts anew leaves the events of an earlier one behind.
    goes_on = any(Path(trainer.args.output_dir).glob("checkpoint-*"))
    is_over = is_trained(Path(recipe.output_dir) / name)
    if is_first_process() and not goes_on and not is_over:
        shutil.rmtree(folder, ignore_errors=True)
    if not takes_pictures(trainer) or rows is None or not len(rows):
        return
    masked, pseudo_labeled = _examples(rows)
    trainer.add_callback(PictureCallback(trainer, masked if validation is None else validation, pseudo_labeled))


def _examples(rows: Dataset) -> tuple[Dataset, Dataset]:
    """Return some training images with masks, and some with pseudo labels, evenly spread over the rows."""
    examined = rows.select(range(0, len(rows), max(1, len(rows) // NUM_EXAMINED)))
    masked, pseudo_labeled = [], []
    for place, row in enumerate(examined.with_format(None)):
        if any(item["score"] is not None for item in row["objects"]):
            pseudo_labeled.append(place)
        elif supervision(row) == "full":
            masked.append(place)
    return examined.select(masked), examined.select(pseudo_labeled)
