# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""An exponential moving average of the weights during training, which outlives interruptions."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import TrainerCallback

from ..ops.user_error import UserFileNotFoundError

AVERAGE_FILE = "averaged_weights.pt"


class WeightAverage(TrainerCallback):
    """The exponential moving average of a model's trainable weights and floating-point buffers, in float32.

    After step n, counted from 0, the average a becomes d · a + (1 − d) · w with d = min(decay, (1 + n) / (10 + n)), so
    that a short training does not keep its initial weights. Running statistics of batch norm are averaged like weights,
    because they belong to them; buffers of integers (counters) are left to the model. When the training ends, the
    model takes over the average. Every process keeps the same average.

    Args:
        model: model that is trained.
        decay: limit of the decay per step, 0 ≤ decay < 1.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.model, self.decay = model, decay
        # Name → average on the model's device; empty unless a training is under way
        self.values: dict[str, Tensor] = {}

    def averaged_tensors(self) -> dict[str, Tensor]:
        """Return name → tensor of the model that is averaged; frozen weights equal their average."""
        tensors = {name: weight for name, weight in self.model.named_parameters() if weight.requires_grad}
        return tensors | {name: buffer for name, buffer in self.model.named_buffers() if buffer.is_floating_point()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average toward the weights after a step, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, tensor in self.averaged_tensors().items():
            self.values[name].lerp_(tensor.float(), 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the model its averaged weights inside the block; without a training under way, change nothing."""
        trained = {name: tensor.detach().clone() for name, tensor in self.averaged_tensors().items() if self.values}
        self._assign(self.values)
        try:
            yield
        finally:
            self._assign(trained)

    @torch.no_grad()
    def _assign(self, values: dict[str, Tensor]) -> None:
        tensors = self.averaged_tensors()
        for name, value in values.items():
            tensors[name].copy_(value)

    # -- checkpoints

    def save(self, folder: str | Path) -> None:
        """Write the average into the folder of a checkpoint."""
        torch.save(self.values, Path(folder) / AVERAGE_FILE)

    def load(self, folder: str | Path) -> None:
        """Read the average of a checkpoint.

        Raises:
            UserFileNotFoundError: the checkpoint was saved without `average_weights`.
        """
        path = Path(folder) / AVERAGE_FILE
        if not path.is_file():
            raise UserFileNotFoundError(
                f"{path}: is missing, because this checkpoint was saved without average_weights; delete the checkpoint "
                "to train from the start, or set average_weights to 0"
            )
        device = next(self.model.parameters()).device
        self.values = torch.load(path, map_location=device, weights_only=True)

    def take_over(self) -> None:
        """Give the model its averaged weights for good."""
        self._assign(self.values)
        self.values = {}

    # -- events of the Trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        self.model = model  # another one where the Trainer creates it anew (model_init)
        # A training that resumes has loaded its average with the checkpoint.
        if state.global_step == 0:
            self.values = {name: tensor.detach().float().clone() for name, tensor in self.averaged_tensors().items()}

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        # The step is counted after this event, and before callbacks that save the weights.
        self.update(state.global_step)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        # The Trainer has loaded the trained weights of the best checkpoint; its average belongs to them.
        if args.load_best_model_at_end and state.best_model_checkpoint is not None:
            self.load(state.best_model_checkpoint)
        self.take_over()
