# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The gate of a refiner, decided on made-up measurements and applied to small rows."""

import json

import numpy as np
import pytest

from pointwssis.data.schema import make_object
from pointwssis.ops.coco_masks import decode_rle, encode_mask
from pointwssis.pseudo_labeling.gate import Gate, MeasuredObject, apply_gate, decide, measure_refinement


def measured(count, gain, size=10.0, score=0.5, noise=0.05, seed=0):
    """Return objects with a rough IoU of 0.5 and a noisy gain."""
    gains = gain + noise * np.random.default_rng(seed).standard_normal(count)
    sizes = size + 0.01 * np.arange(count)
    return [MeasuredObject(float(s), score, 0.5, 0.5 + float(g)) for s, g in zip(sizes, gains, strict=True)]


def square(side: int) -> dict:
    mask = np.zeros((20, 20), dtype=bool)
    mask[:side, :side] = True
    return encode_mask(mask)


def test_a_clear_gain_opens_the_gate_for_all():
    gate = decide(measured(20, 0.1))
    assert gate.decision == "all" and gate.is_open(1.0, 0.0) and gate.is_open(1000.0, 1.0)
    assert gate.overall.objects == 20 and gate.overall.refined_iou - gate.overall.rough_iou > 0.05
    assert gate.summary().startswith("labels take the refined masks (mean IoU 0.500 → ")


@pytest.mark.parametrize("gain", [-0.1, 0.0])
def test_harm_and_copies_keep_the_rough_masks(gain):
    gate = decide(measured(20, gain, noise=0.0))
    assert gate.decision == "none" and not gate.is_open(10.0, 0.5)
    assert "labels keep the rough masks" in gate.summary()


def test_a_gain_within_its_error_does_not_count():
    noisy = [MeasuredObject(10.0, 0.5, 0.5, 0.5 + gain) for gain in (0.4, -0.3, 0.3, -0.3)]
    assert decide(noisy).decision == "none"


def test_only_the_sizes_that_gain_take_refined_masks():
    gate = decide(measured(40, -0.2, size=5.0) + measured(40, 0.1, size=50.0, seed=1))
    assert gate.decision == "some"
    assert not gate.is_open(5.0, 0.5) and gate.is_open(60.0, 0.5)
    assert "in " in gate.summary() and "bins of size and score" in gate.summary()


def test_few_objects_are_not_divided():
    gate = decide(measured(10, -0.2, size=5.0) + measured(10, 0.1, size=50.0))
    assert (gate.size_edges, gate.score_edges, gate.decision) == ([], [], "none")


def test_many_objects_make_three_bins_of_size_and_score():
    generator = np.random.default_rng(0)
    objects = [MeasuredObject(float(s), float(c), 0.5, 0.4) for s, c in generator.random((180, 2))]
    gate = decide(objects)
    assert len(gate.size_edges) == len(gate.score_edges) == 2
    assert sum(one.objects for row in gate.bins for one in row) == 180


def test_a_gate_survives_its_file():
    gate = decide(measured(60, 0.1))
    assert Gate.from_dict(json.loads(json.dumps(gate.to_dict()))) == gate


def test_nothing_measured_is_no_decision():
    with pytest.raises(ValueError, match="at least one held-back object"):
        decide([])


def row(*objects):
    return {
        "image": {"bytes": None, "path": "a.png"},
        "image_id": 1,
        "file_name": "a.png",
        "height": 20,
        "width": 20,
        "complete": True,
        "image_labels": None,
        "objects": list(objects),
    }


def test_objects_are_measured_before_and_after(make):
    truth = make(row(make_object(1, 0, segmentation=square(10), point=[2, 2])))
    pseudo = {"point": [2, 2], "score": 0.4, "rough_segmentation": square(5), "segmentation": square(10)}
    unknown = {**pseudo, "score": 0.1}
    (one,) = measure_refinement(truth, make(row(make_object(1, 0, **pseudo), make_object(2, 0, **unknown))))
    assert one == MeasuredObject(size=5.0, score=0.4, rough_iou=0.25, refined_iou=1.0)


def test_closed_bins_keep_rough_masks_and_annotated_masks_never_change(make):
    gate = decide(measured(40, -0.2, size=5.0) + measured(40, 0.1, size=50.0, seed=1))
    small = {"point": [1, 1], "score": 0.5, "rough_segmentation": square(4), "segmentation": square(8)}
    annotated = {"point": [1, 1], "rough_segmentation": square(4), "segmentation": square(8)}
    labels = make(row(make_object(1, 0, **small), make_object(2, 0, **annotated)))
    first, second = apply_gate(labels, gate)[0]["objects"]
    assert decode_rle(first["segmentation"]).sum() == first["area"] == 16
    assert decode_rle(second["segmentation"]).sum() == 64
    opened = decide(measured(20, 0.1))
    assert apply_gate(labels, opened) is labels


@pytest.mark.parametrize("settle_overlaps", [True, False])
def test_rough_masks_beside_refined_ones_are_settled_again(make, settle_overlaps):
    gate = decide(measured(40, -0.2, size=5.0) + measured(40, 0.1, size=50.0, seed=1))
    refined, rough, annotated = np.zeros((3, 20, 120), dtype=bool)
    refined[:, :90], rough[:3, 80:90], annotated[15:, :] = True, True, True
    # The large object takes its refined mask, the small one its rough mask, and both claim pixels of others.
    wide = {"rough_segmentation": encode_mask(np.ones((20, 120), dtype=bool)), "segmentation": encode_mask(refined)}
    small = {"rough_segmentation": encode_mask(rough), "segmentation": encode_mask(np.zeros_like(rough))}
    objects = [
        make_object(1, 0, point=[10, 10], score=0.5, **wide),
        make_object(2, 0, point=[85, 1], score=0.5, **small),
        make_object(3, 0, point=[60, 18], segmentation=encode_mask(annotated)),
    ]
    labels = make({**row(*objects), "width": 120})
    found = apply_gate(labels, gate, settle_overlaps)[0]["objects"]
    masks = [decode_rle(item["segmentation"]) for item in found]
    assert bool(np.sum(masks, axis=0).max() == 1) is settle_overlaps
    assert masks[1].sum() == 30 and (masks[2] == annotated).all()
