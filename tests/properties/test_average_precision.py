# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Average precision against pycocotools, on small datasets full of edges."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from helpers.drawn_masks import masks
from pointwssis.data import dataset_from_rows, make_object, to_coco
from pointwssis.evaluation import CocoEvaluator
from pointwssis.evaluation.hotcoco_evaluator import HotcocoEvaluator
from pointwssis.ops import encode_mask, rle_area

NAMES = ["cat", "dog"]
# None is the number of pixels; the others lie on, and beside, the borders between small, medium, and large.
AREAS = st.sampled_from([None, None, 0.0, 1023.0, 1024.0, 1024.5, 9216.0, 9216.5, 1e10])
SCORES = st.sampled_from([0.0, 0.25, 0.5, 0.5, 0.75, 1.0])
# Limits that bite, as well as pycocotools' own
CAPS = st.sampled_from([1, 2, 100])


@st.composite
def evaluations(draw: st.DrawFn) -> tuple[Any, dict[int, list[dict[str, Any]]]]:
    """Return a dataset of at most 3 images and predictions, many of which repeat a mask of the ground truth."""
    rows, predictions, next_id = [], {}, 1
    # Images have any order of their ids, by which equal scores are ranked.
    for image_id in draw(st.lists(st.integers(0, 99), min_size=1, max_size=3, unique=True)):
        height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
        objects, found = [], []
        for _ in range(draw(st.integers(0, 4))):
            mask = draw(masks(height, width))
            values = {"segmentation": encode_mask(mask), "area": draw(AREAS), "iscrowd": draw(st.integers(0, 3)) == 0}
            objects.append(make_object(next_id, draw(st.integers(0, 1)), bbox=[0.0, 0.0, 1.0, 1.0], **values))
            next_id += 1
        for _ in range(draw(st.integers(0, 5))):
            known = [item["segmentation"] for item in objects]
            rle = (
                draw(st.sampled_from(known))
                if known and draw(st.booleans())
                else encode_mask(draw(masks(height, width)))
            )
            found.append({"label": draw(st.integers(0, 1)), "score": draw(SCORES), "rle": rle})
        row = {"image": "a.png", "image_id": image_id, "file_name": "a.png", "height": height, "width": width}
        rows.append({**row, "complete": True, "image_labels": None, "objects": objects})
        predictions[image_id] = found
    return dataset_from_rows(rows, NAMES), predictions


def plain_metrics(dataset: Any, predictions: dict[int, list[dict[str, Any]]], cap: int) -> dict[str, float | None]:
    """Return the means of the tables of pycocotools, None where it prints −1."""
    content = to_coco(dataset)
    for item in content["annotations"]:
        item.setdefault("area", float(rle_area(item["segmentation"])))
    results = []
    for image_id, found in predictions.items():
        for one in found:
            results.append(
                {
                    "image_id": image_id,
                    "category_id": one["label"] + 1,
                    "score": one["score"],
                    "segmentation": dict(one["rle"]),
                }
            )
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO()
        reference.dataset = content
        reference.createIndex()
        # pycocotools cannot load an empty list.
        detected = reference.loadRes(results) if results else COCO()
        evaluation = COCOeval(reference, detected, "segm")
        evaluation.params.imgIds, evaluation.params.catIds = sorted(predictions), [1, 2]
        evaluation.params.maxDets = sorted({1, min(10, cap), cap})
        evaluation.evaluate()
        evaluation.accumulate()
    precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]

    def mean(values: np.ndarray) -> float | None:
        return float(values[values > -1].mean()) if (values > -1).any() else None

    metrics = {"AP": mean(precision[..., 0, -1]), "AP50": mean(precision[0, ..., 0, -1])}
    metrics |= {"AP75": mean(precision[5, ..., 0, -1])}
    metrics |= {f"AP{name}": mean(precision[..., i, -1]) for i, name in enumerate("sml", start=1)}
    metrics |= {f"AR{name}": mean(recall[..., i, -1]) for i, name in enumerate("sml", start=1)}
    return metrics | {f"AR{limit}": mean(recall[..., 0, i]) for i, limit in enumerate(evaluation.params.maxDets)}


@pytest.mark.parametrize("evaluator_class", [CocoEvaluator, HotcocoEvaluator])
@given(evaluations(), CAPS, st.booleans())
def test_average_precision_equals_that_of_pycocotools(evaluator_class, evaluation, cap, split):
    if evaluator_class is HotcocoEvaluator:
        pytest.importorskip("hotcoco", reason="needs the extra fast-eval")
    dataset, predictions = evaluation
    evaluator, other = evaluator_class(dataset, cap), evaluator_class(dataset, cap)
    for number, (image_id, found) in enumerate(predictions.items()):
        (other if split and number else evaluator).update(image_id, found)
    # Images of another process count as if they were matched here.
    evaluator.merge([other.results])
    expected = plain_metrics(dataset, predictions, cap)
    metrics = evaluator.compute()
    for name, value in expected.items():
        assert metrics[name] == (None if value is None else pytest.approx(value, abs=1e-9)), name
