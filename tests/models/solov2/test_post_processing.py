# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import pytest
import torch

from helpers.raw_outputs import with_settings
from helpers.small_solov2 import drawn_batch, lively_model
from pointwssis.models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from pointwssis.ops.coco_masks import decode_rle, encode_mask

PROCESSOR = SOLOv2ImageProcessorPil()


def test_image_labels_keep_the_known_classes_only(lively):
    free = PROCESSOR.post_process_instance_segmentation(lively)
    classes = [sorted({one["label_id"] for one in result["segments_info"]}) for result in free]
    assert len(classes[0]) > 1
    for labels in ([classes[0][0]], torch.tensor([classes[0][0]])):
        found = PROCESSOR.post_process_instance_segmentation(lively, image_labels=[labels, None])
        assert {one["label_id"] for one in found[0]["segments_info"]} == {classes[0][0]}
        assert found[1]["segments_info"] == free[1]["segments_info"]
    (nothing, _) = PROCESSOR.post_process_instance_segmentation(lively, image_labels=[[], None])
    assert nothing["segments_info"] == [] and (nothing["segmentation"] == -1).all()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([[3], None], "unknown class 3 in image_labels of image 0"),
        ([None, [-1]], "unknown class -1 in image_labels of image 1"),
        ([[0]], "1 entries for 2"),
    ],
)
def test_bad_image_labels_are_named(lively, labels, message):
    with pytest.raises(ValueError, match=message):
        PROCESSOR.post_process_instance_segmentation(lively, image_labels=labels)


def test_thresholds_and_limits(lively):
    (everything, _) = PROCESSOR.post_process_instance_segmentation(lively, return_binary_maps=True)
    scores = [one["score"] for one in everything["segments_info"]]
    assert len(scores) > 4 and scores == sorted(scores, reverse=True)
    (some, _) = PROCESSOR.post_process_instance_segmentation(lively, threshold=scores[2], return_binary_maps=True)
    assert [one["score"] for one in some["segments_info"]] == scores[:3]
    (two, _) = PROCESSOR.post_process_instance_segmentation(lively, top_k=2, return_binary_maps=True)
    assert [one["score"] for one in two["segments_info"]] == scores[:2]
    assert torch.equal(two["segmentation"], everything["segmentation"][:2])


def test_nothing_above_the_threshold_gives_empty_results_of_the_right_shape(lively):
    quiet = with_settings(lively, score_threshold=1.0)
    sizes = [(30, 40), (75, 50)]
    forms = {
        form: PROCESSOR.post_process_instance_segmentation(quiet, target_sizes=sizes, **{form: True} if form else {})
        for form in ("", "return_binary_maps", "return_coco_annotation")
    }
    for index, size in enumerate(sizes):
        results = [found[index] for found in forms.values()]
        assert all(result["segments_info"] == [] for result in results)
        chart, binary, rles = (result["segmentation"] for result in results)
        assert chart.shape == size and (chart == -1).all() and binary.shape == (0, *size) and rles == []


def test_map_binary_masks_and_run_lengths_agree(lively):
    sizes = torch.tensor([[128, 150], [75, 50]])
    charts, binaries, rles = (
        PROCESSOR.post_process_instance_segmentation(lively, target_sizes=sizes, **options)
        for options in ({}, {"return_binary_maps": True}, {"return_coco_annotation": True})
    )
    for chart, binary, rle, size in zip(charts, binaries, rles, sizes.tolist(), strict=True):
        masks = binary["segmentation"]
        assert masks.shape == (len(binary["segments_info"]), *size) and len(masks) > 1
        assert rle["segmentation"] == [encode_mask(mask) for mask in masks]
        assert all(
            (decode_rle(one) == mask.numpy()).all() for one, mask in zip(rle["segmentation"], masks, strict=True)
        )
        assert binary["segments_info"] == rle["segments_info"]
        expected, shown = torch.full(size, -1, dtype=torch.int32), []
        for info, mask in zip(binary["segments_info"], masks, strict=True):
            visible = mask & (expected == -1)
            if visible.any():
                expected[visible] = len(shown)
                shown.append({**info, "id": len(shown)})
        assert torch.equal(chart["segmentation"], expected) and chart["segmentation"].dtype == torch.int32
        assert chart["segments_info"] == shown


def test_instances_that_are_mostly_covered_leave_the_map(lively):
    (binary, _) = PROCESSOR.post_process_instance_segmentation(lively, return_binary_maps=True)
    counts = []
    for threshold in (0.0, 0.3, 0.99):
        (found, _) = PROCESSOR.post_process_instance_segmentation(lively, overlap_mask_area_threshold=threshold)
        by_score = {
            one["score"]: mask for one, mask in zip(binary["segments_info"], binary["segmentation"], strict=True)
        }
        for one in found["segments_info"]:
            visible = (found["segmentation"] == one["id"]).sum()
            assert visible > threshold * by_score[one["score"]].sum()
        assert found["segmentation"].max() == len(found["segments_info"]) - 1
        counts.append(len(found["segments_info"]))
    assert counts[0] > counts[-1] >= 1 and counts == sorted(counts, reverse=True)


def test_the_configuration_reaches_the_decoding():
    batch = drawn_batch((64, 64))
    changes = {"score_threshold": 0.3, "nms_type": "mask", "max_detections": 3, "level_score": "confidence"}
    outputs = lively_model(**changes).encode(batch["pixel_values"])
    assert {name: outputs.decoding[name] for name in changes} == changes
    (found,) = PROCESSOR.post_process_instance_segmentation(outputs)
    assert 0 < len(found["segments_info"]) <= 3


GOOD = [[[10.0, 12]], [[3, 3]]]
NAN = float("nan")


@pytest.mark.parametrize(
    ("points", "options", "message"),
    [
        ([[[10, 12], [96.5, 3]], []], {}, r"point 1 of image 0 is \(96.5, 3\).*96 × 64"),
        ([[], [[3, -0.1]]], {}, r"point 0 of image 1 is \(3, -0.1\).*50 × 75"),
        ([[[NAN, 3]], []], {}, r"point 0 of image 0 is \(nan, 3\)"),
        ([[[3, float("inf")]], []], {}, "inf"),
        ([[[200, 100]], []], {"target_sizes": [(64, 200), (75, 50)]}, r"\(200, 100\).*200 × 64"),
        ([[10, 12], []], {}, r"image 0 must .*each \(x, y\), got the shape \(2,\)"),
        ([[[10, 12, 1]], []], {}, r"got the shape \(1, 3\)"),
        (GOOD[:1], {}, "input_points has 1 entries for 2 images"),
        (GOOD, {"class_labels": [[0]]}, "class_labels has 1 entries for 2 images"),
        (GOOD, {"target_sizes": [(64, 96)]}, "target_sizes has 1 entries for 2 images"),
        (
            GOOD,
            {"class_labels": [[0, 1], [0]]},
            "class_labels of image 0 must have one entry per point, got 2 for 1 points",
        ),
        (GOOD, {"class_labels": [[0], [3]]}, "unknown class label 3 of point 0 of image 1; .*0 … 2"),
        (GOOD, {"class_labels": [[-2], [0]]}, "class label -2"),
        (GOOD, {"class_labels": [["cat"], [0]]}, "class label 'cat' of point 0 of image 0"),
        (GOOD, {"class_labels": [[1.5], [0]]}, "class label 1.5"),
        (GOOD, {"class_labels": [[NAN], [0]]}, "class label nan"),
        (GOOD, {"level_strategy": "best"}, "level_strategy must be .*, got 'best'"),
        (GOOD, {"level_strategy": "size"}, "'size' needs `boxes`"),
        (GOOD, {"level_strategy": "size", "boxes": [[[0, 0, 1, 1]] * 2, [[0, 0, 1, 1]]]}, "'size' needs"),
        (GOOD, {"level_strategy": "all"}, "got 'all'"),
    ],
)
def test_bad_points_are_named(lively, points, options, message):
    with pytest.raises(ValueError, match=message):
        PROCESSOR.post_process_point_instance_segmentation(lively, points, **options)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "image 0 lacks one"),
        ([[0], [None]], "needs the class of every point; image 1 lacks one"),
        ([[0]], "class_labels has 1 entries for 2 images"),
        ([[0], [3]], "unknown class label 3"),
    ],
)
def test_bad_official_points_are_named(lively, labels, message):
    with pytest.raises(ValueError, match=message):
        PROCESSOR.post_process_official_points(lively, GOOD, labels)
