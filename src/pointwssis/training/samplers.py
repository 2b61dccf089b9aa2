# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Samplers: images of similar shape meet in one batch, so that little of it is padding."""

from collections.abc import Iterator, Sequence

import numpy as np
from datasets import Dataset as HFDataset
from torch.utils.data import Sampler


class SimilarShapeSampler(Sampler):
    """Random order in which neighbors have a similar aspect ratio, so that a batch holds little padding.

    Args:
        sizes: (height, width) of each image.
        batch_size: images that meet in one batch.
        seed: of the order; each epoch has its own.
    """

    def __init__(self, sizes: Sequence[tuple[int, int]], batch_size: int, seed: int = 0):
        self.ratios = np.array([width / height for height, width in sizes])
        self.batch_size, self.seed, self.epoch = batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.ratios)

    def __iter__(self) -> Iterator[int]:
        generator = np.random.default_rng([self.seed, self.epoch])
        order = generator.permutation(len(self.ratios))
        pool = 16 * self.batch_size
        batches: list[np.ndarray] = []
        for start in range(0, len(order), pool):
            part = order[start : start + pool]
            part = part[np.argsort(self.ratios[part], kind="stable")]
            batches += [part[first : first + self.batch_size] for first in range(0, len(part), self.batch_size)]
        # A short batch in the middle would shift all borders after it, so it goes last.
        whole = [batch for batch in batches if len(batch) == self.batch_size]
        rest = [batch for batch in batches if len(batch) < self.batch_size]
        shuffled = [whole[position] for position in generator.permutation(len(whole))]
        return iter(np.concatenate(shuffled + rest).tolist() if batches else [])


def by_shape(rows: HFDataset) -> HFDataset:
    """Rows ordered by image size, so that images of one shape meet in a batch."""
    sizes = list(zip(rows["height"], rows["width"], strict=True))
    return rows.select(sorted(range(len(sizes)), key=sizes.__getitem__))
