# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Overlaps of rough masks and labels of a dataset; `tests/ops/test_overlaps.py` has the rules themselves."""

import numpy as np
import pytest
from PIL import Image

from pointwssis.data import dataset_from_rows, make_object
from pointwssis.ops.coco_masks import decode_rle, encode_mask
from pointwssis.pseudo_labeling import generate_pseudo_labels, predict_rough_masks, refine_rough_masks

TRUE = np.pad(np.ones((20, 10), bool), ((0, 0), (20, 0)))  # the right third


@pytest.fixture
def rows(tmp_path):
    """Return one image with two points, an object with a mask, a crowd and a proposal."""
    Image.new("RGB", (30, 20)).save(tmp_path / "0.png")
    proposal = np.zeros((20, 30), bool)
    proposal[:8, 5:25] = True
    objects = [
        make_object(1, 0, point=[4.0, 15.0]),
        make_object(2, 0, point=[15.0, 15.0]),
        make_object(3, 0, point=[25.0, 15.0], segmentation=encode_mask(TRUE)),
        make_object(4, 0, iscrowd=True, segmentation=encode_mask(np.ones((20, 30), bool))),
        make_object(5, 0, rough_segmentation=encode_mask(proposal), score=0.5),
    ]
    row = {"image": str(tmp_path / "0.png"), "image_id": 0, "width": 30, "height": 20, "file_name": "0.png"}
    return dataset_from_rows([{**row, "complete": False, "image_labels": None, "objects": objects}], ["cell"])


def lower_half(images, points, labels):
    """Return the lower half of the image for every point: no object is separated."""
    mask = np.zeros((20, 30), bool)
    mask[10:] = True
    return [[{"mask": encode_mask(mask), "score": 0.5, "label": "cell"} for _ in own] for own in points]


def whole(image, rough_masks, points, labels):
    """Return the whole image for every mask, as a refiner."""
    return np.ones_like(rough_masks)


def masks_of(dataset, field):
    objects = dataset[0]["objects"]
    return {item["id"]: decode_rle(item[field]) for item in objects if item[field] is not None}


def test_rough_masks_are_settled_by_default(rows):
    found = masks_of(predict_rough_masks(rows, lower_half), "rough_segmentation")
    assert found[1][15, 4] and not found[1][15, 15] and found[2][15, 15] and found[3][15, 25]
    assert (found[1].astype(int) + found[2] + found[3]).max() == 1
    assert (found[1] | found[2] | found[3])[10:].all()


@pytest.mark.parametrize("refiner", [None, whole])
def test_labels_leave_annotated_masks_alone(rows, refiner):
    labels = generate_pseudo_labels(rows, lower_half, refiner)
    found = masks_of(labels, "segmentation")
    assert (found[3] == TRUE).all() and found[4].all()  # the crowd claims nothing, and stays
    assert (found[1].astype(int) + found[2] + found[3] + found[5]).max() == 1
    assert found[5].any() == (refiner is None)
    # Boxes and areas belong to the settled masks.
    for item in labels[0]["objects"][:2]:
        assert item["area"] == found[item["id"]].sum() < 600


def test_overlaps_stay_where_they_are_not_settled(rows):
    labels = generate_pseudo_labels(rows, lower_half, whole, settle_overlaps=False)
    rough, found = masks_of(labels, "rough_segmentation"), masks_of(labels, "segmentation")
    assert all((rough[number][10:]).all() for number in (1, 2, 3))
    assert found[1].all() and found[2].all() and found[5].all() and (found[3] == TRUE).all()


def test_proposals_take_what_points_leave(rows):
    found = masks_of(refine_rough_masks(predict_rough_masks(rows, lower_half), whole), "segmentation")
    assert found[1].sum() + found[2].sum() + TRUE.sum() == 600
    assert found[5].sum() == 0  # the others fill the image
