# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Training samples of SOLOv2 of which some images join late."""

import math
from collections.abc import Sequence
from typing import Any

from datasets import Dataset as HFDataset

from .arguments import SegmentationTrainingArguments
from .datasets import InstanceDataset


class LateInstanceDataset(InstanceDataset):
    """An `InstanceDataset` in which other images take the places of some images until an epoch begins.

    The number of samples per epoch does not change, so that steps and schedules stay the same. Which image takes a
    place depends only on seed, epoch and index, as all random numbers do: a resumed training run sees the same samples.

    Args:
        rows: rows of the schema.
        late: positions of the images that join late; at least one other image is left.
        first_epoch: epoch from which on they are learned from.
        options: further arguments of `InstanceDataset`.
    """

    def __init__(self, rows: HFDataset, late: Sequence[int], first_epoch: int, **options: Any):
        super().__init__(rows, **options)
        self.late, self.first_epoch = set(late), first_epoch
        self.early = [index for index in range(len(rows)) if index not in self.late]
        self.sources = [] if self.copy_paste is None else self.copy_paste.sources
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, on which all random numbers and the images depend."""
        super().set_epoch(epoch)
        # Nothing is pasted from an image that has not joined yet.
        if self.copy_paste is not None:
            hidden = self.late if epoch < self.first_epoch else set()
            self.copy_paste.sources = [source for source in self.sources if source[0] not in hidden]

    def row_index(self, index: int) -> int:
        """Return the position of the row of a sample; before the late images join, another row stands for each."""
        if index in self.late and self.epoch < self.first_epoch:
            return self.early[self.generator(index).integers(len(self.early))]
        return index


def first_epoch_after(step: int, num_samples: int, args: SegmentationTrainingArguments) -> int:
    """Return the first epoch that begins at or after a step.

    Args:
        step: optimizer step.
        num_samples: samples per epoch.
        args: training arguments, with the batch size and the number of accumulated passes per step.
    """
    passes = math.ceil(num_samples / (args.train_batch_size * args.world_size))
    steps_per_epoch = math.ceil(passes / args.gradient_accumulation_steps)
    return math.ceil(step / steps_per_epoch)
