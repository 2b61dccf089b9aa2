# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Training samples from streams of rows."""

import itertools

import numpy as np
import pytest
from torch.utils.data import DataLoader

from helpers import tiny
from helpers.tiny_trainer import natural
from pointwssis.training.arguments import SegmentationTrainingArguments
from pointwssis.training.augmentation import Augmentation
from pointwssis.training.streams import InstanceStream
from pointwssis.training.trainer import SegmentationTrainer


def trainer(folder, made, rows):
    model, processor = made
    args = SegmentationTrainingArguments(
        str(folder), max_steps=3, logging_steps=1, per_device_train_batch_size=2, use_cpu=True, save_strategy="no"
    )
    return SegmentationTrainer(model, args, train_dataset=rows, processing_class=processor)


def test_a_stream_trains_a_solov2(tmp_path):
    rows = tiny.shapes(5)
    # Three steps of two images pass the end of the stream.
    made = trainer(tmp_path, tiny.segmenter(), rows.to_iterable_dataset(num_shards=2))
    before = {name: value.clone() for name, value in made.model.state_dict().items()}
    assert made.train().global_step == 3
    assert not tiny.same_weights(before, made.model.state_dict())


def test_samples_are_those_of_the_rows_and_begin_again():
    rows = tiny.shapes(3)
    samples = list(itertools.islice(InstanceStream(rows.to_iterable_dataset(), Augmentation(), seed=4), 12))
    plain = list(itertools.islice(InstanceStream(rows.to_iterable_dataset()), 3))
    for index, sample in enumerate(samples):
        flips = (plain[index % 3]["images"], plain[index % 3]["images"][:, ::-1])
        assert any(np.array_equal(sample["images"], image) for image in flips)
    # Each pass draws anew.
    assert len({sample["scale_draw"] for sample in samples}) == 12


def test_workers_share_the_rows():
    rows = tiny.shapes(7)
    stream = InstanceStream(rows.to_iterable_dataset(num_shards=2))
    expected = {
        int(sample["images"].sum()) for sample in itertools.islice(InstanceStream(rows.to_iterable_dataset()), 7)
    }
    # A third worker has no shard; the others take four rows and three, in turn.
    loader = DataLoader(stream, batch_size=None, num_workers=3)
    seen = [int(sample["images"].sum()) for sample in itertools.islice(loader, 7)]
    assert len(expected) == 7 and set(seen) == expected


def test_what_cannot_be_streamed_is_refused(tmp_path):
    stream = tiny.shapes(3).to_iterable_dataset()
    with pytest.raises(ValueError, match="not a stream"):
        trainer(tmp_path, tiny.refiner(), stream)
    with pytest.raises(ValueError, match="eval_dataset is a stream"):
        natural(tmp_path, tiny.segmenter(), tiny.shapes(3), stream)
    with pytest.raises(ValueError, match="copy_paste needs all rows"):
        InstanceStream(stream, Augmentation(copy_paste=0.5))
    empty = InstanceStream(tiny.shapes(3).to_iterable_dataset().take(0))
    with pytest.raises(ValueError, match="process 0 of 1 gets no row"):
        next(iter(empty))
