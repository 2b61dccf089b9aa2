# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Permuted points give permuted results, and each point its own result whatever the others are."""

import functools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import pipeline

from helpers import tiny
from helpers.drawn_masks import SEEDS, points
from helpers.raw_outputs import random_outputs
from pointwssis.models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil

SIDE = 64
NUM_LABELS = 3  # of `random_outputs`
CLICKS = st.lists(st.tuples(points(SIDE, SIDE), st.integers(-1, NUM_LABELS - 1)), min_size=1, max_size=6)

# Products of matrices of several sizes differ in the last bit, which may move a pixel at the threshold.
PIXELS = 2


def assert_same(one: dict[str, Any], other: dict[str, Any], keys: tuple[str, ...]) -> None:
    """Assert that two results of one point are equal, except for the position of the point among the others."""
    for key in keys:
        assert one[key] == pytest.approx(other[key], rel=1e-4, abs=1e-5), key
    assert (np.asarray(one["mask"]) != np.asarray(other["mask"])).sum() <= PIXELS


@functools.cache
def outputs_and_processor(tile_size: int | None) -> tuple[Any, SOLOv2ImageProcessorPil]:
    """Return noise as outputs of one image, whole or cut into 4 tiles."""
    outputs = random_outputs(SIDE, SIDE, num_grids=(8, 6, 4, 3, 2), channels=8)
    if tile_size is not None:
        # Each tile gets other outputs: the same ones, rolled along the cells.
        for name in ("class_logits", "kernels"):
            rolled = [torch.cat([level.roll(n, -1) for n in range(4)]) for level in outputs[name]]
            outputs[name] = tuple(rolled)
        outputs["mask_features"] = torch.cat([outputs["mask_features"].roll(n, -1) for n in range(4)])
        outputs["valid_sizes"] = outputs["valid_sizes"].repeat(4, 1)
    return outputs, SOLOv2ImageProcessorPil(tile_size=tile_size)


def decoded(tile_size: int | None, clicks: list[Any], **options: Any) -> list[dict[str, Any]]:
    outputs, processor = outputs_and_processor(tile_size)
    drawn, labels = [point for point, _ in clicks], [label for _, label in clicks]
    [found] = processor.post_process_point_instance_segmentation(
        outputs, [drawn], [labels], target_sizes=[(SIDE, SIDE)], **options
    )
    return found


KEYS = ("label_id", "score", "level", "level_scores", "point", "point_in_mask", "background_score")


@given(CLICKS, st.sampled_from([None, 48]), st.sampled_from(["adaptive", "finest"]), st.randoms(use_true_random=False))
def test_permuted_points_give_permuted_instances(clicks, tile_size, strategy, random):
    order = list(range(len(clicks)))
    random.shuffle(order)
    found = decoded(tile_size, clicks, level_strategy=strategy)
    permuted = decoded(tile_size, [clicks[index] for index in order], level_strategy=strategy)
    assert [one["point_index"] for one in found] == [one["point_index"] for one in permuted] == sorted(order)
    for index, one in zip(order, permuted, strict=True):
        assert_same(one, found[index], KEYS)


@given(CLICKS, st.sampled_from([None, 48]))
def test_a_point_gets_the_same_instance_alone(clicks, tile_size):
    found = decoded(tile_size, clicks)
    for one, click in zip(found, clicks, strict=True):
        assert_same(one, decoded(tile_size, [click])[0], KEYS)
        assert one["point"] == pytest.approx(click[0]) and click[1] in (-1, one["label_id"])


@functools.cache
def segmenter_and_image() -> tuple[Any, Any]:
    model, processor = tiny.segmenter()
    pipe = pipeline("point-instance-segmentation", model=model, image_processor=processor)
    return pipe.encode(tiny.picture(SIDE, SIDE)), len(tiny.NAMES)


@given(st.lists(points(SIDE, SIDE), min_size=1, max_size=6), SEEDS)
def test_permuted_points_of_the_pipeline_give_permuted_results(drawn, seed):
    session, num_labels = segmenter_and_image()
    random = np.random.default_rng(seed)
    labels = [None if label < 0 else int(label) for label in random.integers(-1, num_labels, len(drawn))]
    order = random.permutation(len(drawn)).tolist()
    found = session(points=drawn, labels=labels, mask_format="numpy")
    permuted = session(
        points=[drawn[index] for index in order], labels=[labels[index] for index in order], mask_format="numpy"
    )
    for index, one in zip(order, permuted, strict=True):
        assert_same(one, found[index], ("label_id", "score", "level", "level_scores", "point", "background_score"))
