# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Our run lengths are those of pycocotools, character by character."""

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask

from pointwssis.ops.rle import checked_rle, decode_rle, encode_mask, encode_window, read_runs


def theirs(mask: np.ndarray) -> dict:
    rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode()}


def masks():
    """Yield noise of every density, and connected shapes, in many sizes."""
    generator = np.random.default_rng(0)
    for height, width in [(1, 1), (1, 40), (40, 1), (3, 5), (31, 33), (200, 170)]:
        for density in (0, 0.01, 0.3, 0.5, 0.99, 1):
            yield generator.random((height, width)) < density
        rows, columns = np.mgrid[:height, :width]
        yield (rows - height / 2) ** 2 + (columns - width / 3) ** 2 < (height / 3) ** 2
        yield (rows < height / 2) & (columns < width / 2)


def test_the_text_is_theirs_and_comes_back():
    for mask in masks():
        rle = encode_mask(mask)
        assert rle == theirs(mask)
        assert np.array_equal(decode_rle(rle), mask)
        assert np.array_equal(decode_rle({**rle, "counts": rle["counts"].encode()}), mask)


def test_long_runs():
    mask = np.zeros((3000, 4000), bool)
    mask[:, 1000:3999] = True
    mask[2999, 3999] = True
    assert encode_mask(mask) == theirs(mask) and np.array_equal(decode_rle(encode_mask(mask)), mask)


def test_what_counts_as_foreground():
    values = np.array([[0, -1, 0.5], [255, np.nan, 0]])
    assert decode_rle(encode_mask(values)).tolist() == [[False, True, True], [True, True, False]]
    assert encode_mask(torch.tensor(np.nan_to_num(values, nan=1))) == encode_mask(values)
    assert encode_mask(values.T) == theirs(values.T != 0) and encode_mask(values[:, ::-1]) == theirs(
        values[:, ::-1] != 0
    )


def test_masks_without_pixels():
    for shape in ((0, 5), (5, 0)):
        assert decode_rle(encode_mask(np.zeros(shape))).shape == shape
    with pytest.raises(ValueError, match="takes one \\(height, width\\) mask"):
        encode_mask(np.zeros((1, 2, 3)))


def test_windows_of_random_masks():
    generator = np.random.default_rng(0)
    for _ in range(200):
        height, width = generator.integers(1, 12, size=2)
        top, left = generator.integers(0, height), generator.integers(0, width)
        bottom, right = generator.integers(top, height + 1), generator.integers(left, width + 1)
        mask = np.zeros((height, width), bool)
        mask[top:bottom, left:right] = generator.random((bottom - top, right - left)) < generator.choice([0, 0.5, 1])
        rle = encode_window(mask[top:bottom, left:right], int(left), int(top), mask.shape)
        assert rle == theirs(mask) == encode_mask(mask)
        # Runs that go on from the bottom of a column at the top of the next one, and the other memory order
        whole = encode_window(torch.from_numpy(mask), 0, 0, mask.shape)
        assert whole == rle == encode_window(np.asfortranarray(mask), 0, 0, mask.shape)


def test_uncompressed_runs():
    assert checked_rle({"size": [2, 3], "counts": [1, 2, 3]}, 2, 3) == {"size": [2, 3], "counts": "123"}
    for runs in ([6], [0, 6], [3, 3], [1, 1, 1, 1, 1, 1]):
        expected = coco_mask.frPyObjects({"size": [2, 3], "counts": runs}, 2, 3)["counts"].decode()
        assert checked_rle({"size": [2, 3], "counts": runs}, 2, 3)["counts"] == expected
        assert read_runs(expected).tolist() == runs


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ("12 3", r"not COCO's compressed text \(character 2\)"),
        ("12P", r"not COCO's compressed text \(character 3\)"),  # more is to follow
        ("12ä", r"character 2"),
        ("1234", "sum to 12, not to height × width = 2 × 3 = 6"),
        ("9ON", "sum to"),
        ("", "sum to 0"),
        ("oooooooooooooooooooooo0", "hold a number of 23 characters"),  # more bits than a number has
    ],
)
def test_texts_that_are_none(counts, message):
    for read in (decode_rle, lambda rle: checked_rle(rle, 2, 3)):
        with pytest.raises(ValueError, match=message):
            read({"size": [2, 3], "counts": counts})


def test_negative_runs_are_an_error():
    counts = "8N00"  # 8, -2, 0, 0: the sum is right
    assert read_runs(counts).tolist() == [8, -2, 0, -2] or read_runs(counts).sum() == 6
    with pytest.raises(ValueError, match="RLE counts"):
        decode_rle({"size": [2, 2], "counts": "6N"})
    with pytest.raises(ValueError, match="RLE counts"):
        checked_rle({"size": [2, 2], "counts": "6N"}, 2, 2)


@pytest.mark.parametrize(
    ("runs", "same"),
    [([1, 0, 5], [6]), ([0, 0, 6], [6]), ([0, 0, 0, 6], [0, 6]), ([1, 2, 0, 2, 1], [1, 4, 1]), ([2, 4, 0], [2, 4])],
)
def test_runs_without_pixels_are_left_out(runs, same):
    """Of the first one pycocotools says that its box starts at the bottom right and has 4,294,967,296 columns."""
    text = coco_mask.frPyObjects({"size": [2, 3], "counts": runs}, 2, 3)["counts"].decode()
    for counts in (runs, text):
        rle = checked_rle({"size": [2, 3], "counts": counts}, 2, 3)
        assert read_runs(rle["counts"]).tolist() == same
        assert rle == encode_mask(decode_rle(rle))
