# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A teacher that trains until the labels that it makes of held-back images stop improving."""

import functools
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch.random import fork_rng
from transformers import TrainerCallback

from ..ops.processes import is_first_process, wait_for_all
from ..ops.whole_files import read_json, write_folder, write_json
from ..training.trainer import SegmentationTrainer

MEASUREMENTS = 20  # at most, per training of all steps
MEASURED_FILE = "held_back_labels.json"


class LabelStopping(TrainerCallback):
    """Measure the labels of a teacher at even distances, stop when they stop improving, and keep the best weights.

    The weights of every measurement stay beside the checkpoints until the training is complete. A resumed training
    repeats the measurements after its checkpoint.

    Args:
        patience: number of measurements in a row without a better one after which the training stops.
        measure: function of a folder with a SOLOv2 that returns the mean IoU of its labels with the annotated
            masks; all processes call it together, and it returns the same to all.
        trainer: trainer of the teacher; averaged weights are measured where it keeps an average.
    """

    def __init__(self, patience: int, measure: Callable[[Path], float], trainer: SegmentationTrainer):
        self.patience, self.measure, self.trainer = patience, measure, trainer
        self.folder = Path(trainer.args.output_dir) / "measured"
        self.interval = math.ceil(trainer.args.max_steps / MEASUREMENTS)
        # Step → mean IoU, in ascending order
        saved = read_json(self.folder / MEASURED_FILE) or {"mean_iou": {}}
        self.mean_iou: dict[int, float] = {int(step): value for step, value in saved["mean_iou"].items()}

    @property
    def best_step(self) -> int:
        """Step with the best labels, the first of equal ones."""
        return max(self.mean_iou, key=self.mean_iou.__getitem__)

    def is_over(self, step: int) -> bool:
        """Return True if the training stops at a step, whose measurement is known."""
        return step in self.mean_iou and step - self.best_step >= self.patience * self.interval

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.mean_iou = {step: value for step, value in self.mean_iou.items() if step <= state.global_step}

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        step = state.global_step
        if step % self.interval and step < state.max_steps:
            return
        self.mean_iou[step] = self._measured(step, model)
        if state.is_world_process_zero:
            self._write(self.folder, step)
        control.should_training_stop |= self.is_over(step)

    def _measured(self, step: int, model: Any) -> float:
        folder = self._weights(step)
        if is_first_process():
            with self.trainer.averaged_weights():
                model.save_pretrained(folder)
            self.trainer.processing_class.save_pretrained(folder)
        wait_for_all()
        with fork_rng(devices=[]):  # the training draws the same random numbers as without the measurement
            return self.measure(folder)

    def keep_best(self, folder: Path, intermediate_folders: dict[float, Path]) -> int:
        """Give the model the weights with the best labels, after the training, and return their step.

        Args:
            folder: folder of the teacher, for the file with all measurements.
            intermediate_folders: fraction of the steps up to the best labels → folder for the weights that were
                measured nearest to it.
        """
        model, best = self.trainer.model, self.best_step
        model.load_state_dict(type(model).from_pretrained(self._weights(best)).state_dict())
        if is_first_process():
            for fraction, target in intermediate_folders.items():
                nearest = min(self.mean_iou, key=lambda step, wanted=fraction * best: abs(step - wanted))
                copy = functools.partial(shutil.copytree, self._weights(nearest), dirs_exist_ok=True)
                write_folder(target, copy)
            self._write(folder, max(self.mean_iou))
            print(f"  {stopping_summary(folder)}", flush=True)
        return best

    def _weights(self, step: int) -> Path:
        return self.folder / f"step_{step}"

    def _write(self, folder: Path, stopped_at: int) -> None:
        """Write all measurements into a folder."""
        values = {"best_step": self.best_step, "stopped_at": stopped_at, "mean_iou": self.mean_iou}
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / MEASURED_FILE, values)


def stopping_summary(folder: Path) -> str | None:
    """Return one line about the stopping of a teacher; None without `teacher_patience`.

    Args:
        folder: folder of the teacher.
    """
    measured = read_json(folder / MEASURED_FILE)
    if measured is None:
        return None
    best = measured["best_step"]
    return (
        f"teacher: weights of step {best} of {measured['stopped_at']}, with the best labels of held-back objects (mean "
        f"IoU {measured['mean_iou'][str(best)]:.3f})"
    )
