# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A saved SOLOv2 as a teacher: one view as the pipeline decodes it, several views averaged."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from helpers import tiny
from pointwssis.models.inference import fold_batch_norms
from pointwssis.models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from pointwssis.models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from pointwssis.ops.coco_masks import decode_rle
from pointwssis.ops.user_error import UserError
from pointwssis.pipelines import PointInstanceSegmentationPipeline
from pointwssis.pseudo_labeling import mask_refine_net_refiner, solov2_proposer, solov2_teacher

IMAGES = [tiny.picture(64, 64), tiny.picture(50, 90, 1), tiny.picture(64, 64, 2), tiny.picture(40, 40, 3)]
POINTS = [[[10.0, 12.0], [50.5, 60.0], [64.0, 64.0]], [[80.0, 5.0], [3.0, 48.0]], [], [[20.0, 20.0]]]
LABELS = [["circle", None, None], [None, "square"], [], [None]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny.saved_segmenter(tmp_path_factory.mktemp("teacher"), names=["circle", "square"])


def with_pad_size(folder, tmp_path, **fields):
    """Save the same model with other fields of its image processor."""
    SOLOv2ForInstanceSegmentation.from_pretrained(folder).save_pretrained(tmp_path)
    SOLOv2ImageProcessorPil.from_pretrained(folder, **fields).save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "fields", [{}, {"pad_size": {"height": 96, "width": 96}}, {"tile_size": 32}, {"tile_size": 60}]
)
def test_one_view_equals_the_pipeline(folder, tmp_path, fields):
    folder = with_pad_size(folder, tmp_path, **fields)
    pipe = PointInstanceSegmentationPipeline(
        model=fold_batch_norms(SOLOv2ForInstanceSegmentation.from_pretrained(folder)),
        image_processor=SOLOv2ImageProcessorPil.from_pretrained(folder),
    )
    items = [
        {"image": image, "points": points, "labels": labels}
        for image, points, labels in zip(IMAGES, POINTS, LABELS, strict=True)
    ]
    expected = pipe(items, mask_format="rle", batch_size=1)
    found = solov2_teacher(folder)(IMAGES, POINTS, LABELS)
    assert [len(instances) for instances in found] == [3, 2, 0, 1]
    for own, others in zip(found, expected, strict=True):
        for one, other in zip(own, others, strict=True):
            assert one["mask"] == other["mask"]
            assert (one["label"], one["level"]) == (other["label"], other["level"])
            # Bit for bit, except that other numbers of tiles go through the network together.
            tolerance = 1e-6 if "tile_size" in fields else 0
            assert one["score"] == pytest.approx(other["score"], abs=tolerance, rel=0)


@pytest.mark.parametrize("fields", [{"pad_size": {"height": 96, "width": 96}}, {"tile_size": 32}])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_labels_do_not_depend_on_the_images_beside_them(folder, tmp_path, fields, dtype):
    teacher = solov2_teacher(with_pad_size(folder, tmp_path, **fields), dtype, flips=True, scales=(1.0, 1.5))
    alone = [teacher(*([values] for values in image))[0] for image in zip(IMAGES, POINTS, LABELS, strict=True)]
    assert teacher(IMAGES, POINTS, LABELS) == alone


def test_with_flips_an_image_and_its_mirror_image_give_the_same_masks(folder):
    image, points = IMAGES[0], [[10.0, 12.0], [50.0, 40.0], [33.0, 31.0]]
    mirrored = [[image.width - 1 - x, y] for x, y in points]
    for flips, is_same in ((True, True), (False, False)):
        teacher = solov2_teacher(folder, flips=flips)
        (first,), (second,) = (
            teacher([image], [points], [[None] * 3]),
            teacher([ImageOps.mirror(image)], [mirrored], [[None] * 3]),
        )
        pairs = list(zip(first, second, strict=True))
        equal = [np.mean(decode_rle(a["mask"]) != decode_rle(b["mask"])[:, ::-1]) < 0.01 for a, b in pairs]
        assert all(equal) is is_same
        if flips:
            assert [a["score"] for a, _ in pairs] == pytest.approx([b["score"] for _, b in pairs], abs=1e-4)
            assert [a["level"] for a, _ in pairs] == [b["level"] for _, b in pairs]


def test_scales_are_averaged_and_each_costs_one_forward(folder, monkeypatch):
    shapes = []
    encode = SOLOv2ForInstanceSegmentation.encode

    def counted(self, pixel_values, pixel_mask=None):
        shapes.append(tuple(pixel_values.shape))
        return encode(self, pixel_values, pixel_mask)

    monkeypatch.setattr(SOLOv2ForInstanceSegmentation, "encode", counted)
    scores = {}
    for scales in ((1.0,), (1.5,), (1.0, 1.5)):
        (found,) = solov2_teacher(folder, scales=scales)(IMAGES[:1], [[[30.0, 30.0]]], [["circle"]])
        scores[scales] = found[0]["score"]
        assert decode_rle(found[0]["mask"]).shape == (64, 64)
    assert shapes == [(1, 3, 64, 64), (1, 3, 96, 96), (1, 3, 64, 64), (1, 3, 96, 96)]
    # The mean of the best level of each scale bounds the best mean.
    assert scores[1.0, 1.5] <= (scores[1.0,] + scores[1.5,]) / 2 + 1e-6
    shapes.clear()
    solov2_teacher(folder, flips=True, scales=(1.0, 1.5))(IMAGES, POINTS, LABELS)
    # Images without points need no forward.
    assert sum(shape[0] for shape in shapes) == 3 * 4


@pytest.mark.parametrize("fields", [{}, {"tile_size": 32}])
def test_proposals_are_the_instances_of_the_pipeline(folder, tmp_path, fields):
    folder = with_pad_size(folder, tmp_path, **fields)
    model = SOLOv2ForInstanceSegmentation.from_pretrained(folder)
    processor = SOLOv2ImageProcessorPil.from_pretrained(folder)
    pipe = PointInstanceSegmentationPipeline(model=fold_batch_norms(model), image_processor=processor)
    expected = pipe(IMAGES[1], threshold=0.2, top_k=model.config.nms_top_k, mask_format="rle")
    ((found,), (circles,)) = (
        solov2_proposer(folder, 0.2, 0.1)(IMAGES[1:2], [classes]) for classes in (None, ["circle"])
    )
    assert found == [{name: one[name] for name in ("mask", "score", "label")} for one in expected] and found
    # Of known classes, lower scores suffice.
    assert {one["label"] for one in circles} == {"circle"} and min(one["score"] for one in circles) < 0.2


def test_unknown_labels_are_refused(folder):
    with pytest.raises(UserError, match="unknown label 'bird' of point 0 of image 0"):
        solov2_teacher(folder)([Image.new("RGB", (64, 64))], [[[3.0, 3.0]]], [["bird"]])


def test_labels_in_bfloat16(folder):
    (found,) = solov2_teacher(folder, torch.bfloat16, flips=True)(IMAGES[:1], POINTS[:1], LABELS[:1])
    assert [one["label"] for one in found][0] == "circle" and len(found) == 3


def test_proposals_and_refined_masks_in_bfloat16(folder, tmp_path):
    refiner = tiny.saved_refiner(tmp_path / "refiner", names=["circle", "square"])
    rough = np.zeros((2, 50, 90), dtype=bool)
    rough[0, 5:30, 10:40] = rough[1, 20:45, 50:85] = True
    prompts = (IMAGES[1], rough, [[20.0, 15.0], [60.0, 30.0]], ["circle", "square"])
    best_scores, refined = [], []
    for dtype in (torch.float32, torch.bfloat16):
        proposals = solov2_proposer(folder, 0.0, 0.0, dtype)(IMAGES[:1], [None])[0]
        best_scores.append(max(proposal["score"] for proposal in proposals))
        refined.append(mask_refine_net_refiner(refiner, dtype)(*prompts))
    assert best_scores[0] == pytest.approx(best_scores[1], abs=0.02) and best_scores[0] != best_scores[1]
    assert refined[0].any() and 0 < (refined[0] != refined[1]).mean() < 0.05
