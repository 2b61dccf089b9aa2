# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Images that join a training late, and the epoch from which on they are seen."""

import numpy as np
import pytest

from helpers import tiny
from pointwssis.training.arguments import SegmentationTrainingArguments
from pointwssis.training.datasets import InstanceDataset
from pointwssis.training.late_images import LateInstanceDataset, first_epoch_after


def images_of(dataset) -> list[np.ndarray]:
    return [dataset[index]["images"] for index in range(len(dataset))]


def test_late_images_are_replaced_until_their_epoch():
    rows = tiny.shapes(6)
    plain, late = images_of(InstanceDataset(rows)), LateInstanceDataset(rows, [1, 4], first_epoch=2)
    assert len(late) == 6
    for epoch in (0, 1):
        late.set_epoch(epoch)
        seen = images_of(late)
        assert all((seen[index] == plain[index]).all() for index in (0, 2, 3, 5))
        for image in seen:
            assert not any((image == plain[index]).all() for index in (1, 4))
    late.set_epoch(2)
    assert all((one == other).all() for one, other in zip(images_of(late), plain, strict=True))


def test_substitutes_depend_on_seed_epoch_and_index_alone():
    rows = tiny.shapes(6)
    first, second = (LateInstanceDataset(rows, [0, 1, 2], first_epoch=9, seed=5) for _ in range(2))
    for epoch in (3, 1):
        first.set_epoch(epoch)
        second.set_epoch(epoch)
        assert all((one == other).all() for one, other in zip(images_of(first), images_of(second), strict=True))


@pytest.mark.parametrize(
    ("step", "samples", "accumulation", "epoch"), [(1, 8, 1, 1), (4, 8, 1, 1), (5, 8, 1, 2), (4, 8, 2, 2), (3, 7, 1, 1)]
)
def test_the_first_epoch_begins_at_the_step_or_later(tmp_path, step, samples, accumulation, epoch):
    args = SegmentationTrainingArguments(
        str(tmp_path), per_device_train_batch_size=2, gradient_accumulation_steps=accumulation, use_cpu=True
    )
    assert first_epoch_after(step, samples, args) == epoch
