# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The `TrainingArguments` of transformers with the official SOLOv2 schedule as defaults."""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import TrainingArguments

from ..ops.parameter_checks import check_num_workers
from ..ops.user_error import UserError

_POSITIVE_OR_ZERO = ("learning_rate", "weight_decay", "gamma", "warmup_factor", "max_grad_norm")


@dataclass
class SegmentationTrainingArguments(TrainingArguments):
    """`TrainingArguments` with the schedule of the official SOLOv2 student: SGD, linear warm-up, two drops to a tenth.

    Args:
        milestones: fractions of the training after which the learning rate is multiplied by `gamma`; the defaults are
            iterations 210k and 250k of 270k. An empty list selects transformers' `lr_scheduler_type`.
        gamma: factor of the learning rate at each milestone.
        warmup_factor: factor of the learning rate at the first step of the warm-up.
        backbone_learning_rate_factor: factor of the learning rate for the parameters of the backbone, at every step. A
            pretrained backbone changes less than new heads should.
        total_batch_size: images per step over all processes. Each process then accumulates as many passes per step as
            this takes (`gradient_accumulation_steps` is set), so that the same learning rate fits any number of GPUs.
            None: one pass per step.
        average_weights: decay per step of an exponential moving average of the weights, which is what is evaluated and
            saved at the end; see `WeightAverage`. 0 keeps no average.
        save_minutes: minutes after which a checkpoint is saved, beside those of `save_steps`. 0 saves none by time.

    Raises:
        ValueError: a learning rate or decay is negative or NaN, `average_weights` is not in [0, 1),
            `backbone_learning_rate_factor` is not positive, `total_batch_size` is no multiple of the images per pass,
            `save_minutes` is negative, there are too many `dataloader_num_workers`, or transformers refuses an
            argument.
    """

    # The official schedule of SOLOv2 for COCO
    output_dir: str | None = field(default="outputs")
    per_device_train_batch_size: int = field(default=16)
    per_device_eval_batch_size: int = field(default=4)
    max_steps: int = field(default=270_000)
    learning_rate: float = field(default=0.01)
    optim: str = field(default="sgd")
    optim_args: str | None = field(default="momentum=0.9")
    weight_decay: float = field(default=1e-4)
    max_grad_norm: float = field(default=0.0)
    warmup_steps: float = field(default=1000)
    warmup_factor: float = field(default=0.01, metadata={"help": "Factor of the learning rate at the first step."})
    milestones: list[float] = field(
        default_factory=lambda: [210 / 270, 250 / 270],
        metadata={"help": "Fractions of the training after which the learning rate is multiplied by gamma."},
    )
    gamma: float = field(default=0.1, metadata={"help": "Factor of the learning rate at each milestone."})
    backbone_learning_rate_factor: float = field(
        default=1.0, metadata={"help": "Factor of the learning rate for the parameters of the backbone."}
    )
    total_batch_size: int | None = field(
        default=None, metadata={"help": "Images per step over all processes; sets gradient_accumulation_steps."}
    )
    average_weights: float = field(
        default=0.0, metadata={"help": "Decay per step of a moving average of the weights; 0 keeps none."}
    )
    save_minutes: float = field(
        default=10.0, metadata={"help": "Minutes after which a checkpoint is saved; 0 saves none by time."}
    )
    # Samples and losses of this package, whatever the schedule
    remove_unused_columns: bool | None = field(default=False)
    label_names: list[str] | None = field(default_factory=lambda: ["mask_labels", "class_labels"])
    report_to: None | str | list[str] = field(default="none")
    ddp_find_unused_parameters: bool | None = field(default=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        # Without an accelerator nothing is pinned, and PyTorch would warn about it at each data loader.
        if not torch.accelerator.is_available():
            self.dataloader_pin_memory = False
        check_num_workers("dataloader_num_workers", self.dataloader_num_workers)
        for name in _POSITIVE_OR_ZERO:
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:  # NaN fails too: it would make every weight NaN
                raise UserError(f"{name} is {value}; it must be a number of at least 0")
        if self.total_batch_size is not None:
            per_pass = self.train_batch_size * self.world_size
            self.gradient_accumulation_steps = passes_per_step(self.total_batch_size, per_pass)
        if not self.backbone_learning_rate_factor > 0:
            raise UserError(
                f"backbone_learning_rate_factor must be positive, got {self.backbone_learning_rate_factor}; to keep "
                "the backbone as it is, set freeze_backbone_stages of the model to 5"
            )
        if not self.save_minutes >= 0:
            raise UserError(f"save_minutes is {self.save_minutes}; it must be at least 0 (0 saves none by time)")
        if not 0 <= self.average_weights < 1:
            raise UserError(
                f"average_weights is {self.average_weights}; it must be a decay per step, 0 ≤ decay < 1 (0 keeps no "
                "average)"
            )


def passes_per_step(total_batch_size: int, images_per_pass: int) -> int:
    """Return the number of accumulated passes per training step.

    Args:
        total_batch_size: images per step.
        images_per_pass: images of all processes together that go through the network at once.

    Raises:
        UserError: a step is not a whole number of passes.

    Example:
        >>> passes_per_step(16, images_per_pass=2), passes_per_step(16, images_per_pass=8 * 2)
        (8, 1)
    """
    if total_batch_size < 1 or total_batch_size % images_per_pass:
        raise UserError(
            f"total_batch_size is {total_batch_size}, but {images_per_pass} images go through the network at once; use "
            "a multiple of that, or change per_device_train_batch_size or the number of processes"
        )
    return total_batch_size // images_per_pass


# The official schedule of MaskRefineNet: Adam with cosine decay.
MASK_REFINE_NET_ARGUMENTS: dict[str, Any] = {
    "max_steps": 200_000,
    "per_device_train_batch_size": 16,
    "learning_rate": 1e-4,
    "optim": "adamw_torch",
    "optim_args": None,
    "weight_decay": 0.0,
    "warmup_steps": 2000,
    "milestones": [],
    "lr_scheduler_type": "cosine",
    "label_names": ["mask_labels"],
}
