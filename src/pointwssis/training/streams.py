# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Training samples of SOLOv2 from a stream of rows, which is larger than the disk or comes from the Hub."""

import itertools
from collections.abc import Iterator
from typing import Any

from datasets import Image
from datasets import IterableDataset as HFIterableDataset
from datasets.distributed import split_dataset_by_node
from torch.utils.data import IterableDataset, get_worker_info

from ..data.schema import class_names, dataset_from_rows
from ..ops.processes import process_count, process_index
from ..ops.user_error import UserError
from .augmentation import Augmentation
from .datasets import InstanceDataset


class InstanceStream(IterableDataset):
    """Endless training samples of SOLOv2 from a stream of rows: when the stream ends, it begins again.

    Samples are those of `InstanceDataset`, without copied objects. Processes (those that are connected when the stream
    is made) and the workers of their data loaders share the rows of each pass: every row is read by one of them. The
    order is that of the stream, so shuffle it, with a seed: `rows.shuffle(seed=0, buffer_size=1000)` has another order
    in each pass.

    Args:
        rows: stream of rows of the schema. Workers share its shards (`rows.num_shards`), processes too if their number
            divides that of the shards; otherwise each process reads all rows, and takes every n-th.
        augmentation: random changes of each image; None leaves images unchanged.
        seed: seed of the augmentation.
        tile_size: see `InstanceDataset`.

    Raises:
        UserError: the augmentation copies objects between images.
    """

    def __init__(
        self,
        rows: HFIterableDataset,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        tile_size: int | None = None,
    ):
        if augmentation is not None and augmentation.copy_paste > 0:
            raise UserError("copy_paste needs all rows at once; set it to 0 for a stream of rows")
        self.rows = rows.cast_column("image", Image(decode=False))
        # Workers are not connected with other processes.
        self.process, self.num_processes = process_index(), process_count()
        # It makes samples of rows that it is given.
        self.samples = InstanceDataset(
            dataset_from_rows([], class_names(rows)), augmentation, seed, tile_size=tile_size
        )

    def __iter__(self) -> Iterator[dict[str, Any]]:
        worker = get_worker_info()
        worker_index, num_workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        rows = split_dataset_by_node(self.rows, self.process, self.num_processes)
        # Samples of different readers differ in their random numbers.
        reader, num_readers = self.process * num_workers + worker_index, self.num_processes * num_workers
        for epoch in itertools.count():
            rows.set_epoch(epoch)
            self.samples.set_epoch(epoch)
            place = None
            for place, row in enumerate(rows):
                yield self.samples.sample_of(row, place, self.samples.generator(place * num_readers + reader))
            # More workers than shards: the others read them all.
            if place is None and worker_index:
                return
            if place is None:
                raise UserError(
                    f"process {self.process} of {self.num_processes} gets no row of the stream of training rows"
                )
