# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import sys
import warnings

import numpy as np
import pytest
from transformers import pipeline

import pointwssis
from helpers import tiny
from helpers.answers import POINTS, as_array
from pointwssis.pipelines.supervision import detection_fields, to_detections


@pytest.fixture(scope="module")
def pipe(tmp_path_factory):
    folder = tiny.saved_segmenter(tmp_path_factory.mktemp("teacher"))
    return pipeline("point-instance-segmentation", model=folder, device="cpu")


@pytest.fixture
def supervision():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for OpenCV, which it can do without
        return pytest.importorskip("supervision", reason="needs supervision: pip install 'pointwssis[supervision]'")


@pytest.mark.parametrize("mask_format", ["pil", "rle", "polygon", "numpy"])
def test_fields_in_every_form_of_masks(pipe, mask_format):
    image = tiny.picture(40, 60)
    points = [(10, 12), (59, 39), (30, 5)]
    instances = pipe(image, points=points, labels=["star", None, 1], mask_format=mask_format)
    fields = detection_fields(instances, (40, 60))
    wanted = [as_array(one["mask"]) for one in pipe(image, points=points, labels=["star", None, 1])]
    assert fields["mask"].dtype == bool and (fields["mask"] == np.stack(wanted)).all()
    for box, mask in zip(fields["xyxy"], wanted, strict=True):
        rows, columns = np.nonzero(mask)
        extent = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) if len(rows) else (0, 0, 0, 0)
        assert tuple(box) == extent
    assert fields["class_id"].tolist() == [one["label_id"] for one in instances]
    assert fields["confidence"] == pytest.approx([one["score"] for one in instances])
    data = fields["data"]
    assert data["class_name"].tolist()[::2] == ["star", "rectangle"] and data["point"].tolist() == [
        [10, 12],
        [59, 39],
        [30, 5],
    ]
    assert data["level"].tolist() == [one["level"] for one in instances]
    assert data["point_in_mask"].dtype == bool and data["background_score"].shape == (3,)


def test_fields_without_points_and_without_anything(pipe):
    fields = detection_fields(pipe(tiny.picture(), top_k=4))
    assert fields["mask"].shape == (4, 64, 64) and list(fields["data"]) == ["class_name"]
    nothing = detection_fields([], (40, 60))
    assert nothing["mask"].shape == (0, 40, 60) and nothing["xyxy"].shape == (0, 4)
    assert nothing["class_id"].dtype == int and len(nothing["data"]["class_name"]) == 0


def test_an_empty_mask_has_an_empty_box():
    empty = {"label": "star", "label_id": 3, "score": 0.0}
    for mask in (np.zeros((4, 5), bool), []):
        fields = detection_fields([{**empty, "mask": mask}], (4, 5))
        assert fields["xyxy"].tolist() == [[0, 0, 0, 0]] and not fields["mask"].any()


def test_what_is_no_result_of_one_image(pipe):
    found = pipe([tiny.picture()], points=[POINTS], mask_format="polygon")
    with pytest.raises(
        ValueError, match="instance 0 has no 'mask'; to_detections takes the result of .* for one image"
    ):
        to_detections(found)
    with pytest.raises(ValueError, match=r"pass image_size=\(height, width\)"):
        to_detections(found[0])
    stock = [{"label": "star", "score": 0.5, "mask": np.ones((4, 4))}]
    with pytest.raises(ValueError, match="has no 'label_id'"):
        to_detections(stock)
    with pytest.raises(ValueError, match="instance 0 has no 'mask'"):
        to_detections([["mask", "score", "label", "label_id"]])


def test_without_supervision_the_error_tells_what_to_install(pipe, monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(ImportError, match=r"pip install 'pointwssis\[supervision\]'"):
        to_detections(pipe(tiny.picture(), points=POINTS))


def test_detections(pipe, supervision):
    image = tiny.picture(40, 60)
    instances = pipe(image, points=[(10, 12), (59, 39)], labels=["star", None])
    found = pointwssis.to_detections(instances)
    assert isinstance(found, supervision.Detections) and len(found) == 2
    assert found.area.tolist() == [as_array(one["mask"]).sum() for one in instances]
    assert found[0:1].data["class_name"].tolist() == ["star"]
    assert found[found.class_id == 3].data["point"].tolist()[0] == [10, 12]
    picture = supervision.MaskAnnotator().annotate(np.asarray(image).copy(), found)
    assert picture.shape == (40, 60, 3)
    both = supervision.Detections.merge([found, pointwssis.to_detections(instances[:1])])
    assert len(both) == 3 and both.data["level"].shape == (3,)


def test_no_detections(pipe, supervision):
    found = to_detections(pipe(tiny.picture(), points=[]))
    assert len(found) == 0 and found.is_empty()
