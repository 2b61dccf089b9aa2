# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Functions on tables give what the functions on rows give."""

from collections import Counter

import numpy as np
import pytest

from pointwssis.data import dataset_from_rows, hide_masks, make_object, objects_with_mask, supervision
from pointwssis.data import statistics as tables
from pointwssis.data.statistics import (
    count_table,
    hide_masks_of_table,
    masked_images,
    supervision_of,
    supervision_of_table,
)
from pointwssis.ops.coco_masks import encode_mask

RLE = encode_mask(np.eye(4))
NAMES = ["cat", "dog"]


def random_rows(count: int, seed: int = 0):
    """Return images with every kind of supervision and object."""
    rng = np.random.default_rng(seed)
    rows, number = [], 0
    for image_id in range(count):
        objects = []
        for _ in range(rng.integers(0, 4)):
            number += 1
            values = {"bbox": [0, 0, 4, 4], "area": 4.0, "score": 0.5, "level": 1, "rough_segmentation": RLE}
            values = {} if rng.random() < 0.3 else values
            crowd = rng.random() < 0.2
            point = None if crowd else [1.0, 2.5]
            mask = RLE if crowd or rng.random() < 0.5 else None
            category = None if rng.random() < 0.1 else int(rng.integers(2))
            objects.append(make_object(number, category, iscrowd=crowd, point=point, segmentation=mask, **values))
        row = {"image": "a.png", "image_id": image_id, "width": 4, "height": 4, "file_name": "a.png"}
        labels = [None, [], [0], [1, 0]][rng.integers(4)]
        rows.append({**row, "complete": bool(rng.random() < 0.5), "image_labels": labels, "objects": objects})
    return rows


@pytest.fixture(scope="module")
def dataset():
    return dataset_from_rows(random_rows(60), NAMES)


def pieces(dataset):
    """Yield the forms in which tables occur, with their positions: whole, slices, empty, gathered rows."""
    table = dataset.with_format("arrow")[:]
    for start, length in ((0, 60), (7, 20), (59, 1), (3, 0)):
        yield table.slice(start, length), list(range(start, start + length))
    places = [50, 3, 3, 17, 0]
    yield dataset.select(places).with_format("arrow")[:], places


def test_hidden_masks(dataset):
    expected = list(hide_masks(dataset))
    for table, places in pieces(dataset):
        hidden = hide_masks_of_table(table)
        assert hidden.to_pylist() == [expected[place] for place in places]
        assert hidden.schema.equals(table.schema, check_metadata=True)


def test_kinds_of_supervision(dataset):
    rows = list(dataset)
    assert len({supervision(row) for row in rows}) == 4
    for table, places in pieces(dataset):
        assert supervision_of_table(table) == [supervision(rows[place]) for place in places]
    assert supervision_of(dataset) == [supervision(row) for row in rows]


def test_counts(dataset):
    rows = list(dataset)
    for table, places in pieces(dataset):
        expected = Counter()
        for row in (rows[place] for place in places):
            expected["images", supervision(row)] += 1
            for item in row["objects"]:
                kind = "mask" if item["segmentation"] else "point" if item["point"] else "neither"
                expected["objects", "crowd" if item["iscrowd"] else kind] += 1
                if not item["iscrowd"]:
                    expected["class", "unknown" if item["category"] is None else NAMES[item["category"]]] += 1
        assert count_table(table, NAMES) == expected


def test_an_object_that_would_vanish_is_named():
    rows = random_rows(3)
    rows[1]["objects"] = [make_object(77, 0, point=[1, 1]), make_object(78, 0, segmentation=RLE)]
    dataset = dataset_from_rows(rows, NAMES)
    with pytest.raises(ValueError) as caught:
        hide_masks_of_table(dataset.with_format("arrow")[:])
    with pytest.raises(ValueError) as expected:
        hide_masks(dataset)
    assert str(caught.value) == str(expected.value) == (
        "image 1: object 78 has no point to keep; load it with one"
    )  # fmt: skip


def test_images_that_have_masks(dataset, monkeypatch):
    expected = [place for place, row in enumerate(dataset) if objects_with_mask(row)]
    assert masked_images(dataset) == expected and 0 < len(expected) < 60
    monkeypatch.setattr(tables, "_ROWS_PER_CHUNK", 7)
    assert masked_images(dataset) == expected and masked_images(dataset.select([])) == []
    assert supervision_of(dataset.select([])) == []
