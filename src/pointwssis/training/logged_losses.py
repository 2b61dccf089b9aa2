# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The losses that a training logs, summed since the last log; they outlive interruptions."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import Trainer, TrainerCallback

# Sums that transformers' Trainer keeps between two logs
SUMS_OF_TRAINER = ("_tr_loss", "_total_loss_scalar", "_globalstep_last_logged")


class LoggedLosses(TrainerCallback):
    """The components of the loss, and the sums of a Trainer, since the last log.

    transformers starts these sums anew when a training resumes, so that the first loss it logs then is the mean of
    fewer steps than without the interruption. Every process keeps and saves its own sums.

    Args:
        trainer: trainer whose losses they are.
    """

    def __init__(self, trainer: Trainer):
        self.trainer = trainer
        self.sums: dict[str, Any] = defaultdict(float)
        self.count = 0
        self.resumed: dict[str, Any] | None = None

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Add the components of the loss of one step."""
        for name, value in losses.items():
            self.sums[name] += value.detach()
        self.count += 1

    def means(self, reduce: Callable[[Tensor], Tensor]) -> dict[str, float]:
        """Return the mean of each component over all steps and processes, and start anew.

        Args:
            reduce: function that averages a value over the processes.
        """
        means = {name: round(reduce(value / self.count).item(), 6) for name, value in sorted(self.sums.items())}
        self.sums.clear()
        self.count = 0
        return means

    def file_in(self, folder: str | Path) -> Path:
        """Return the file of this process in the folder of a checkpoint."""
        return Path(folder) / f"logged_losses_{self.trainer.args.process_index}.pt"

    def save(self, folder: str | Path) -> None:
        """Write the sums into the folder of a checkpoint."""
        of_trainer = {name: getattr(self.trainer, name) for name in SUMS_OF_TRAINER}
        torch.save({"sums": dict(self.sums), "count": self.count, "trainer": of_trainer}, self.file_in(folder))

    def load(self, folder: str | Path) -> None:
        """Read the sums of a checkpoint, which count as soon as the training goes on."""
        path = self.file_in(folder)
        device = self.trainer.args.device
        # A checkpoint of fewer processes has no sums for this one.
        self.resumed = torch.load(path, map_location=device, weights_only=True) if path.is_file() else None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        resumed, self.resumed = self.resumed, None
        self.sums.clear()
        self.count = 0
        if resumed is None:
            return
        self.sums.update(resumed["sums"])
        self.count = resumed["count"]
        for name, value in resumed["trainer"].items():
            setattr(self.trainer, name, value)
