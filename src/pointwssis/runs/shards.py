# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Labeling by several processes: each labels its share of the images and writes it, and the first one joins them.

A share consists of whole batches, dealt out in turn, so that images are labeled beside the same others as by a single
process: the labels are equal to the last digit.
"""

import itertools
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset

from ..data.schema import class_names, dataset_from_rows
from ..ops.processes import is_first_process, process_count, process_index, wait_for_all
from ..ops.whole_files import UNFINISHED
from ..pseudo_labeling.generate import IMAGES_PER_BATCH
from .saved_rows import save_rows, stored_rows


def label_in_shards(
    folder: Path, rows: Dataset, label: Callable[[Dataset], Dataset], first_new_id: int | None = None
) -> Dataset | None:
    """Label rows, each process its share.

    Args:
        folder: folder for which the labels are made; the shares are written beside it, and removed when they are read.
        rows: rows to label.
        label: function that labels some rows, in batches of `IMAGES_PER_BATCH`, and keeps their order.
        first_new_id: lowest id of objects that `label` adds, which are numbered in the order of the rows; None if it
            adds none.

    Returns:
        The labels of all rows in the first process, None in the others.
    """
    count = process_count()
    if count == 1:
        return label(rows)
    shards = folder.with_name(f"{UNFINISHED}shards-{folder.name}")
    # A run that was killed may have left some behind.
    if is_first_process():
        shutil.rmtree(shards, ignore_errors=True)
        shards.mkdir(parents=True)
    wait_for_all()
    own = label(rows.select(share_of(len(rows), process_index(), count)))
    save_rows(own, shards / str(process_index()))
    wait_for_all()
    if not is_first_process():
        return None
    parts = [stored_rows(shards / str(index)).with_format(None) for index in range(count)]
    joined = dataset_from_rows(_in_order(parts, len(rows), first_new_id), class_names(rows))
    shutil.rmtree(shards)
    return joined


def share_of(num_rows: int, index: int, count: int) -> list[int]:
    """Return the positions of the rows that one of several processes labels.

    Example:
        >>> share_of(20, 0, 2)
        [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19]
        >>> share_of(8, 1, 2)
        []
    """
    return [place for place in range(num_rows) if place // IMAGES_PER_BATCH % count == index]


def _in_order(parts: Sequence[Dataset], num_rows: int, first_new_id: int | None) -> Iterator[dict[str, Any]]:
    """Yield the rows of all shares in the order of the data."""
    iterators = [iter(part) for part in parts]
    new_ids = itertools.count(first_new_id or 0)
    for place in range(num_rows):
        row = next(iterators[place // IMAGES_PER_BATCH % len(parts)])
        # Every process has numbered its new objects from the same id on.
        if first_new_id is not None:
            for item in row["objects"]:
                if item["id"] >= first_new_id:
                    item["id"] = next(new_ids)
        yield row
