# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
from datasets import Dataset, concatenate_datasets, load_from_disk

from pointwssis.data import (
    class_names,
    dataset_features,
    dataset_from_rows,
    make_object,
    object_masks,
    objects_with_mask,
    objects_with_point,
    supervision,
)
from pointwssis.ops.coco_masks import encode_mask

MASK = np.eye(4, dtype=bool)
RLE = encode_mask(MASK)


def make_row(image_id=1, objects=(), complete=True, image_labels=None, image="a.png"):
    sizes = {"width": 4, "height": 4, "file_name": "a.png"}
    labels = {"complete": complete, "image_labels": image_labels}
    return {"image": image, "image_id": image_id, **sizes, **labels, "objects": list(objects)}


def mixed_rows(count, image="a.png"):
    """Return rows in which every optional value is missing somewhere, in every combination of neighbors."""
    rows = []
    for i in range(count):
        objects = [
            make_object(
                10 * i + j,
                j % 2 if j else None,
                point=None if j == 1 else [1.5, 2.25],
                bbox=[0.0, 0.1, 1.0, 2.0] if j else None,
                segmentation=RLE if j % 2 else None,
                rough_segmentation=RLE if j == 2 else None,
                score=0.1 if j == 1 else None,
                level=j if j else None,
            )
            for j in range(i % 4)
        ]
        rows.append(make_row(i, objects, i % 3 > 0, [[1, 0], [], None][i % 3], image))
    return rows


def without_image(dataset):
    return [{key: value for key, value in row.items() if key != "image"} for row in dataset]


def test_rows_survive_arrow():
    rows = mixed_rows(2100)  # more than two chunks
    dataset = dataset_from_rows((row for row in rows), ["a", "b"])
    assert without_image(dataset) == without_image(rows)
    assert dataset[0]["image"] == {"path": "a.png", "bytes": None}
    assert class_names(dataset) == ["a", "b"]


def test_rows_survive_selecting_joining_and_mapping():
    dataset = dataset_from_rows(mixed_rows(40), ["a", "b"])
    rows = list(dataset)
    picked = dataset.select([7, 3, 39, 0])
    changed = dataset.map(lambda row: {"complete": False}, features=dataset.features)
    joined = concatenate_datasets([picked, changed])
    assert list(picked) == [rows[i] for i in (7, 3, 39, 0)]
    assert list(joined)[4:] == [{**row, "complete": False} for row in rows]
    assert joined.features == dataset.features


@pytest.mark.parametrize("form", ["parquet", "disk"])
def test_rows_survive_files(tmp_path, form):
    image = tmp_path / "a.png"
    image.write_bytes(b"not read here")
    dataset = dataset_from_rows(mixed_rows(60, str(image)), ["a", "b"]).select(range(5, 55))
    if form == "parquet":
        dataset.to_parquet(tmp_path / "rows.parquet")
        again = Dataset.from_parquet(str(tmp_path / "rows.parquet"), cache_dir=str(tmp_path / "cache"))
    else:
        dataset.save_to_disk(tmp_path / "rows")
        again = load_from_disk(tmp_path / "rows")
    assert again.features == dataset.features
    assert without_image(again) == without_image(dataset)


def test_no_rows():
    dataset = dataset_from_rows([], ["a"])
    assert len(dataset) == 0 and class_names(dataset) == ["a"]


@pytest.mark.parametrize("names", [[], ["a", "b", "a"]])
def test_class_names_must_be_some_and_different(names):
    with pytest.raises(ValueError, match="class names are"):
        dataset_features(names)


def test_object_with_an_unknown_field():
    with pytest.raises(TypeError, match="mask"):
        make_object(1, 0, mask=RLE)


def test_helpers_leave_crowds_out_and_keep_the_order():
    objects = [
        make_object(1, 0, segmentation=RLE, iscrowd=True, point=[0.0, 0.0]),
        make_object(2, 0, point=[1.0, 1.0]),
        make_object(3, 0, segmentation=RLE, point=[2.0, 2.0]),
        make_object(4, 1, rough_segmentation=encode_mask(~MASK)),
    ]
    row = make_row(objects=objects)
    assert [item["id"] for item in objects_with_mask(row)] == [3]
    assert [item["id"] for item in objects_with_point(row)] == [2, 3]
    assert np.array_equal(object_masks(row), MASK[None])
    assert np.array_equal(object_masks(row, "rough_segmentation"), ~MASK[None])
    assert object_masks(make_row()).shape == (0, 4, 4)


@pytest.mark.parametrize(
    ("objects", "complete", "image_labels", "kind"),
    [
        ([make_object(1, 0, segmentation=RLE)], True, None, "full"),
        ([make_object(1, 0, segmentation=RLE)], False, None, "full"),
        ([make_object(1, 0, segmentation=RLE, iscrowd=True)], True, None, "full"),
        ([], True, None, "full"),
        ([make_object(1, 0, segmentation=RLE), make_object(2, 0, point=[0.0, 0.0])], True, None, "point"),
        ([], False, [0], "image"),
        ([], False, None, "none"),
    ],
)
def test_supervision(objects, complete, image_labels, kind):
    assert supervision(make_row(objects=objects, complete=complete, image_labels=image_labels)) == kind
