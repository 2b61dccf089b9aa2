# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Samplers that put images of similar shape into one batch, to keep padding small."""

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler


class SimilarShapeSampler(Sampler):
    """A random order in which neighbors have a similar aspect ratio, so that a batch holds little padding.

    Args:
        sizes: (height, width) of each image in pixels.
        batch_size: number of images per batch, over all processes.
        seed: seed of the order, which differs between epochs.
    """

    def __init__(self, sizes: Sequence[tuple[int, int]], batch_size: int, seed: int = 0):
        self.ratios = np.array([width / height for height, width in sizes])
        self.batch_size, self.seed, self.epoch = batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, on which the order depends."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.ratios)

    def __iter__(self) -> Iterator[int]:
        # Seed and epoch alone decide the order, so that a resumed training continues it.
        generator = np.random.default_rng([self.seed, self.epoch])
        order = generator.permutation(len(self.ratios))
        # Sort pools of 16 batches by aspect ratio: neighbors are similar, and the order stays random.
        pool_size = 16 * self.batch_size
        batches: list[np.ndarray] = []
        for start in range(0, len(order), pool_size):
            pool = order[start : start + pool_size]
            pool = pool[np.argsort(self.ratios[pool], kind="stable")]
            batches += [pool[first : first + self.batch_size] for first in range(0, len(pool), self.batch_size)]
        # A short batch in the middle would shift all batch borders after it, so it goes last.
        whole = [batch for batch in batches if len(batch) == self.batch_size]
        rest = [batch for batch in batches if len(batch) < self.batch_size]
        shuffled = [whole[position] for position in generator.permutation(len(whole))]
        return iter(np.concatenate(shuffled + rest).tolist() if batches else [])


class ShapeOrderSampler(Sampler):
    """The fixed order of ascending image size, which puts images of one shape into one batch of an evaluation.

    Args:
        sizes: (height, width) of each image in pixels.
    """

    def __init__(self, sizes: Sequence[tuple[int, int]]):
        self.order = sorted(range(len(sizes)), key=sizes.__getitem__)

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[int]:
        return iter(self.order)
