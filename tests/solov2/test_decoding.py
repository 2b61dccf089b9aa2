# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from conftest import PARITY
from pointwssis.masks import centers_of_mass, decode_rle, encode_mask, masks_to_boxes
from pointwssis.solov2 import decoding_solov2
from pointwssis.solov2.decoding_solov2 import (
    DecodingSettings,
    ImageOutputs,
    cells_of_points,
    decode_instances,
    decode_points,
    masks_in_image,
)
from pointwssis.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from pointwssis.solov2.modeling_solov2 import SOLOv2InstanceSegmentationOutput
from pointwssis.solov2.official_prompts_solov2 import decode_official_prompt
from solov2.official import TINY, as_input, labels_of, official_model
from solov2.small import drawn_batch, lively_model, small_config

GOLDEN = np.load(PARITY / "d_infer_tiny_r18.npz")
FACTS = json.loads((PARITY / "d_infer_tiny_r18.json").read_text())
SIZE = (307, 411)
MASKS, CLASSES, BOXES = labels_of(GOLDEN)
CENTERS = centers_of_mass(MASKS)
VISIBLE = MASKS.flatten(1).any(dim=1)  # one of the ten masks is empty
PROCESSOR = SOLOv2ImageProcessorPil()
CLOSE = {"rtol": 1e-4, "atol": 1e-4}


@pytest.fixture(scope="module")
def outputs() -> SOLOv2InstanceSegmentationOutput:
    """Of the narrow official network on the golden image."""
    return official_model("solov2_tiny_r18", **TINY).encode(**as_input(GOLDEN["image_bgr"]))


def with_settings(outputs, **changes) -> SOLOv2InstanceSegmentationOutput:
    """The same raw outputs as if the configuration had been another one."""
    return SOLOv2InstanceSegmentationOutput(**{**outputs, "decoding": {**outputs["decoding"], **changes}})


def settings_of(outputs) -> DecodingSettings:
    return DecodingSettings(**outputs["decoding"])


# -- parity ------------------------------------------------------------------------------------------------------------


def answers(outputs, prompt: str, public_points: bool):
    """Masks at the original size, classes and scores of a prompt."""
    if prompt == "none":
        (found,) = PROCESSOR.post_process_instance_segmentation(outputs, return_binary_maps=True)
        info = found["segments_info"]
        return found["segmentation"], [one["label_id"] for one in info], [one["score"] for one in info]
    points, classes = CENTERS[VISIBLE], CLASSES[VISIBLE]
    if public_points:
        (found,) = PROCESSOR.post_process_point_instance_segmentation(
            outputs, [points], [classes], official_filters=True
        )
        return torch.stack([one["mask"] for one in found]), *(
            [one[key] for one in found] for key in ("label_id", "score")
        )
    settings = settings_of(outputs)
    found = decode_official_prompt(prompt, ImageOutputs.of(outputs, 0), points, BOXES[VISIBLE], classes, settings)
    masks = masks_in_image(found.probabilities, SIZE, SIZE, settings.mask_threshold)
    return masks, found.labels.tolist(), found.scores.tolist()


@pytest.mark.parametrize("name", sorted(FACTS["runs"]))
def test_official_inference_is_reproduced(outputs, name):
    facts = FACTS["runs"][name]
    attributes = dict(facts["attr"])
    prompt, official_labels = attributes.pop("prompt"), attributes.pop("eval_pseudo_label", False)
    # Every level sees every point: that is what the public option does.
    public_points = prompt == "point" and attributes["scale_ranges"] == [[1, 100_000]] * 5
    masks, classes, scores = answers(with_settings(outputs, **attributes), prompt, public_points)
    assert len(masks) == facts["n"] and classes == GOLDEN[f"{name}/classes"].tolist() == facts["classes"]
    if official_labels:  # overwrites the scores of the very same masks with 1; ours stay what they are
        assert GOLDEN[f"{name}/scores"].tolist() == facts["scores"] == [1] * facts["n"]
        name_of_the_same_run = name.removesuffix("_evalpseudo")
        np.testing.assert_allclose(scores, GOLDEN[f"{name_of_the_same_run}/scores"], **CLOSE)
    else:
        np.testing.assert_allclose(scores, GOLDEN[f"{name}/scores"], **CLOSE)
        np.testing.assert_allclose(scores, facts["scores"], **CLOSE)
    assert list(masks.shape) == GOLDEN[f"{name}/masks_shape"].tolist() == [facts["n"], *FACTS["out_hw"]]
    expected = unpacked(GOLDEN[f"{name}/masks_packed"])
    assert (masks != expected).flatten(1).sum(dim=1).max() <= 3
    np.testing.assert_allclose(masks.flatten(1).sum(dim=1), facts["areas"], atol=3)
    check_boxes(name, masks)


def unpacked(packed: np.ndarray) -> torch.Tensor:
    return torch.as_tensor(np.stack([np.unpackbits(row)[: SIZE[0] * SIZE[1]].reshape(SIZE) for row in packed])).bool()


def check_boxes(name: str, masks: torch.Tensor):
    """Official boxes are inclusive xyxy, or with a prompt (y, x, 0, 0) of a point in ten-thousandths of the sides."""
    official = GOLDEN[f"{name}/pred_boxes"]
    if name.startswith("none"):
        ours = masks_to_boxes(masks) - torch.tensor([0, 0, 1, 1])
        np.testing.assert_allclose(ours, official, atol=1)
    else:
        points = {(int(y / SIZE[0] * 1e4), int(x / SIZE[1] * 1e4)) for x, y in CENTERS[VISIBLE].double().tolist()}
        # (0, 0) where the chosen level is not one of the object's own: the official code keeps no point there.
        own_levels = {(0, 0)} if name.startswith("point_ownranges") else set()
        assert {(int(y), int(x)) for y, x, _, _ in official} - own_levels <= points and not official[:, 2:].any()


def test_official_level_selection_is_reproduced(outputs):
    """Ours reads the point itself, the official code its coordinates in ten-thousandths: here they agree."""
    trace = FACTS["point_trace_allranges"]
    canvas = torch.tensor([416, 320])
    points = torch.tensor([[one["cx"], one["cy"]] for one in trace]) * canvas
    # The trace is unordered: find the annotated object of each entry.
    objects = [
        min(
            (k for k in range(len(CENTERS)) if VISIBLE[k] and CLASSES[k] == one["cls"]),
            key=lambda k, point=point: (CENTERS[k] - point).norm().item(),
        )
        for one, point in zip(trace, points, strict=True)
    ]
    (found,) = PROCESSOR.post_process_point_instance_segmentation(outputs, [CENTERS[objects]], [CLASSES[objects]])
    image = ImageOutputs.of(outputs, 0)
    grids, kernels = outputs["decoding"]["num_grids"], image.kernel_table()
    offsets = np.cumsum([0] + [grid**2 for grid in grids])
    for one, point, ours in zip(trace, points, found, strict=True):
        rows, columns, masknesses, confidences, areas = map(list, zip(*one[LEVELS], strict=True))
        cells = cells_of_points(point[None], grids, image.canvas)[0].tolist()
        assert cells == [o + r * g + c for o, g, r, c in zip(offsets, grids, rows, columns, strict=False)]
        maskness, area = image.masknesses(kernels[cells], 0.5)
        np.testing.assert_allclose(maskness, masknesses, **CLOSE)
        np.testing.assert_allclose(area, areas, atol=3)
        np.testing.assert_allclose(ours["level_scores"], np.multiply(masknesses, confidences), **CLOSE)
        assert ours["level"] == one["selected"] and ours["label_id"] == one["cls"]
        np.testing.assert_allclose(ours["score"], one["score"], **CLOSE)


LEVELS = "levels[row,col,maskness,class_score,mask_area]"


# -- where we differ, both behaviours ----------------------------------------------------------------------------------


def test_the_official_code_loses_points_and_ours_answers_each(outputs):
    points, classes = CENTERS[VISIBLE], CLASSES[VISIBLE]
    kept = {}
    for nms_type in ("matrix", "mask"):
        official = PROCESSOR.post_process_point_instance_segmentation(
            with_settings(outputs, nms_type=nms_type), [points], [classes], official_filters=True
        )[0]
        kept[nms_type] = len(official)
        assert set(official[0]) == {"mask", "label_id", "score", "level"}
        scores = [one["score"] for one in official]
        assert scores == sorted(scores, reverse=True)
    assert kept == {"matrix": 8, "mask": 3} and len(points) == FACTS["num_gt"] - 1 == 9
    (ours,) = PROCESSOR.post_process_point_instance_segmentation(outputs, [points], [classes])
    assert [one["label_id"] for one in ours] == classes.tolist()
    assert [one["point"] for one in ours] == points.tolist()
    assert [one["point_index"] for one in ours] == list(range(9)) and all(one["mask"].any() for one in ours)


def test_points_that_share_a_cell_both_survive(outputs):
    # Objects 0 and 5 have one centre; the official code keeps the later class alone.
    same = torch.stack([CENTERS[0], CENTERS[5], CENTERS[0] + 0.25])
    (official,) = PROCESSOR.post_process_point_instance_segmentation(
        outputs, [same[:2]], [[0, 2]], official_filters=True
    )
    assert [one["label_id"] for one in official] == [2]
    (ours,) = PROCESSOR.post_process_point_instance_segmentation(outputs, [same], [[0, 2, 0]])
    assert [one["label_id"] for one in ours] == [0, 2, 0]
    alone = [
        PROCESSOR.post_process_point_instance_segmentation(outputs, [point[None]], [[label]])[0][0]
        for point, label in zip(same, (0, 2, 0), strict=True)
    ]
    for one, other in zip(ours, alone, strict=True):
        assert torch.equal(one["mask"], other["mask"]) and one["level"] == other["level"]
        assert one["score"] == pytest.approx(other["score"], rel=1e-5)


def test_the_scale_of_a_small_image_beside_a_large_one():
    """The official code enlarges the masks of a 96-pixel image twofold here instead of fourfold."""
    probabilities = torch.rand(3, 80, 80, generator=torch.Generator().manual_seed(0))
    masks = masks_in_image(probabilities, (96, 128), (96, 128), 0.5)
    enlarged = F.interpolate(probabilities[None], scale_factor=4, mode="bilinear", align_corners=False)[0]
    assert (masks != (enlarged[:, :96, :128] > 0.5)).sum() <= 3
    official = F.interpolate(probabilities[None], scale_factor=2, mode="bilinear", align_corners=False)[0]
    assert (masks != (official[:, :96, :128] > 0.5)).float().mean() > 0.2


def constant_outputs(masks: torch.Tensor, confidence: float = 0.9, num_labels: int = 2, grids=(3, 2, 1, 1, 1)):
    """Outputs of one image in which cell number k makes mask number k mod len(masks), with class 0 everywhere."""
    count = len(masks)
    kernels, start = [], 0
    for grid in grids:
        index = (torch.arange(grid**2) + start) % count
        kernels.append(F.one_hot(index, count).float().T.reshape(1, count, grid, grid) * 20)
        start += grid**2
    logit = torch.tensor(confidence).logit().item()
    class_logits = [torch.full((1, num_labels, grid, grid), -20.0) for grid in grids]
    for logits in class_logits:
        logits[:, 0] = logit
    height, width = masks.shape[1:]
    config = small_config(num_grids=grids, num_labels=num_labels)
    return SOLOv2InstanceSegmentationOutput(
        class_logits=tuple(class_logits),
        kernels=tuple(kernels),
        mask_features=(2.0 * masks - 1)[None],
        valid_sizes=torch.tensor([[4 * height, 4 * width]]),
        decoding={name: getattr(DecodingSettings.of(config), name) for name in DecodingSettings.__dataclass_fields__},
    )


def test_triplicates_under_the_linear_kernel_give_no_nan():
    """The official code divides 0 by 0 from the third copy on, and drops what is NaN."""
    outputs = constant_outputs(torch.ones(1, 8, 8))
    settings = replace(settings_of(outputs), nms_kernel="linear", update_threshold=0.0)
    found = decode_instances(ImageOutputs.of(outputs, 0), settings)
    assert len(found.scores) == 16 and torch.isfinite(found.scores).all()
    assert found.scores[0] == pytest.approx(0.9) and not found.scores[1:].any()


@pytest.mark.parametrize(("pixels", "official"), [(4, 0), (8, 0), (9, 1)])
def test_a_small_mask_is_lost_by_the_official_filters_only(pixels, official):
    masks = torch.zeros(1, 16, 16)
    masks[0, 4, 4 : 4 + pixels] = 1  # of a quarter of the resolution; level P2 asks for more than 8
    outputs = constant_outputs(masks, grids=(1, 1, 1, 1, 1))
    for options, count in (({"official_filters": True}, official), ({}, 1)):
        (found,) = PROCESSOR.post_process_point_instance_segmentation(outputs, [[[20, 17]]], [[0]], **options)
        assert len(found) == count
    assert found[0]["mask"].any() and found[0]["point_in_mask"] and found[0]["level"] == 0


def test_the_official_prompt_reads_the_cell_of_the_point_alone():
    """A large neighbour whose positive cells reach over does not take it away, not even with the true boxes."""
    outputs = constant_outputs(torch.ones(1, 16, 16), grids=(8, 1, 1, 1, 1))
    points, boxes = torch.tensor([[20.0, 20], [28, 20]]), torch.tensor([[16.0, 16, 24, 24], [0, 0, 64, 64]])
    settings = replace(settings_of(outputs), nms_type="mask", scale_ranges=[[1, 2048]] * 5, mask_threshold=0.999)
    labels = torch.tensor([0, 1])
    found = decode_official_prompt("point", ImageOutputs.of(outputs, 0), points, boxes, labels, settings)
    assert sorted(found.labels.tolist()) == [0, 1]


def test_a_point_whose_masks_are_all_empty_answers_with_an_empty_mask():
    outputs = constant_outputs(torch.zeros(1, 8, 8))
    (official,) = PROCESSOR.post_process_point_instance_segmentation(outputs, [[[5, 5]]], [[0]], official_filters=True)
    (ours,) = PROCESSOR.post_process_point_instance_segmentation(outputs, [[[5, 5]]], [[0]])
    assert official == [] and len(ours) == 1
    assert ours[0]["score"] == 0 and not ours[0]["mask"].any() and not ours[0]["point_in_mask"]


# -- points ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lively():
    """A batch of two sizes through a small model."""
    batch = drawn_batch((64, 96), (75, 50))
    return lively_model().encode(batch["pixel_values"], batch["pixel_mask"])


def test_encoding_once_equals_the_one_shot_result():
    model, batch = lively_model(), drawn_batch((64, 96))
    inputs = {"pixel_values": batch["pixel_values"], "pixel_mask": batch["pixel_mask"]}
    points, classes = [[[10.0, 12], [70, 40], [0, 63]]], [[0, None, 2]]
    encoded = model.encode(**inputs)
    assert not encoded.mask_features.requires_grad
    with torch.no_grad():
        one_shot = model(**inputs)
    results = [
        PROCESSOR.post_process_point_instance_segmentation(outputs, points, classes)[0]
        for outputs in (encoded, encoded, one_shot)
    ]
    masks = [[one.pop("mask") for one in found] for found in results]
    assert results[0] == results[1] == results[2] and len(results[0]) == 3
    for triple in zip(*masks, strict=True):
        assert torch.equal(triple[0], triple[1]) and torch.equal(triple[0], triple[2])


def test_points_scale_from_the_original_image_and_stay_in_order(lively):
    sizes = [(128, 192), (75, 50)]
    points = [torch.tensor([[20.0, 24], [140, 80]]), torch.tensor([[49.0, 74], [3, 3], [25, 30]])]
    found = PROCESSOR.post_process_point_instance_segmentation(lively, points, target_sizes=sizes)
    assert [len(results) for results in found] == [2, 3]
    for results, own, size in zip(found, points, sizes, strict=True):
        assert [one["point"] for one in results] == own.tolist()
        assert all(one["mask"].shape == size and one["mask"].dtype == torch.bool for one in results)
        for one in results:
            x, y = (int(value) for value in one["point"])
            assert one["point_in_mask"] == bool(one["mask"][y, x])
    # Twice the size, twice the coordinates: the same cells.
    (half, _) = PROCESSOR.post_process_point_instance_segmentation(lively, [points[0] / 2, []])
    assert [one["level_scores"] for one in half] == [one["level_scores"] for one in found[0]]


@pytest.mark.parametrize("corner", [(0, 0), (96, 0), (0, 64), (96, 64), (95, 63), (96, 31.5)])
def test_points_on_the_border_read_the_outermost_cells(lively, corner):
    (found, nothing) = PROCESSOR.post_process_point_instance_segmentation(lively, [[corner], []])
    assert nothing == [] and found[0]["point"] == list(corner)
    x, y = min(corner[0], 95), min(corner[1], 63)
    assert found[0]["point_in_mask"] == bool(found[0]["mask"][round(y), x])
    (inside, _) = PROCESSOR.post_process_point_instance_segmentation(lively, [[(x, y)], []])
    assert inside[0]["level_scores"] == found[0]["level_scores"]


def test_on_the_edge_of_the_canvas_a_point_takes_the_last_cell():
    cells = cells_of_points(torch.tensor([[64.0, 32], [0, 0], [63.9, 31.9]]), [4, 2], (32, 64))
    assert cells.tolist() == [[15, 16 + 3], [0, 16], [15, 16 + 3]]


def test_the_class_may_be_unknown_for_some_points(lively):
    points = [[[10.0, 12], [70, 40], [30, 30], [5, 60]], []]
    known = [0, 1, 2, 1]
    (given, _) = PROCESSOR.post_process_point_instance_segmentation(lively, points, [known, []])
    for unknown in ([0, None, 2, -1], torch.tensor([0, -1, 2, -1]), np.array([0, -1, 2, -1])):
        (mixed, _) = PROCESSOR.post_process_point_instance_segmentation(lively, points, [unknown, []], top_k=2)
        for index in (0, 2):
            assert mixed[index]["label_id"] == known[index] and mixed[index]["alternatives"] == []
            assert mixed[index]["level_scores"] == given[index]["level_scores"]
        for index in (1, 3):
            best, second = mixed[index]["alternatives"]
            assert mixed[index]["label_id"] == best["label_id"] != second["label_id"]
            assert best["score"] >= second["score"] and best["score"] == pytest.approx(mixed[index]["score"])
            assert best["score"] >= given[index]["score"]
    (none, _) = PROCESSOR.post_process_point_instance_segmentation(lively, points)
    assert none[1]["label_id"] == mixed[1]["label_id"] and len(none[0]["alternatives"]) == 3


def test_the_background_score_is_what_no_class_claims():
    for confidence in (0.9, 0.2):
        outputs = constant_outputs(torch.ones(1, 8, 8), confidence)
        (found,) = PROCESSOR.post_process_point_instance_segmentation(outputs, [[[5, 5]]])
        assert found[0]["background_score"] == pytest.approx(1 - confidence)
        assert found[0]["score"] == pytest.approx(confidence) and found[0]["label_id"] == 0


def test_the_level_score_is_the_official_or_the_papers():
    """Level P2 is the surer of the class, P3 of the mask."""
    outputs = constant_outputs(torch.ones(1, 8, 8), 0.5, grids=(1, 1, 1, 1, 1))
    outputs.class_logits[0][:, 0] = torch.tensor(0.8).logit()
    outputs.kernels[0].mul_(0.02)  # the mask's probability is 0.6 instead of 1
    levels = {}
    for level_score in ("confidence_times_maskness", "confidence"):
        (found,) = PROCESSOR.post_process_point_instance_segmentation(
            with_settings(outputs, level_score=level_score), [[[5, 5]]], [[0]]
        )
        levels[level_score] = found[0]["level"]
        assert found[0]["level_scores"][0] == pytest.approx(
            0.8 if level_score == "confidence" else 0.8 * 0.5987, rel=1e-3
        )
        assert found[0]["score"] == pytest.approx(0.5 if found[0]["level"] else 0.8 * 0.5987, rel=1e-3)
    assert levels == {"confidence_times_maskness": 1, "confidence": 0}


@pytest.mark.parametrize("level_score", ["confidence_times_maskness", "confidence"])
def test_a_level_with_an_empty_mask_is_not_chosen(level_score):
    outputs = with_settings(constant_outputs(torch.ones(1, 8, 8), 0.5), level_score=level_score)
    outputs.class_logits[0][:, 0] = 5.0  # P2 is sure of the class
    outputs.kernels[0].neg_()  # but has no foreground
    (found,) = PROCESSOR.post_process_point_instance_segmentation(outputs, [[[5, 5]]], [[0]])
    assert found[0]["level"] == 1 and found[0]["level_scores"][0] == 0 and found[0]["mask"].all()


def test_level_strategies(lively):
    points, boxes = [[[10.0, 12], [70, 40], [30, 30]], []], [[[0, 0, 12, 12], [40, 20, 94, 60], [2, 2, 95, 63]], []]

    def decode(strategy, **options):
        return PROCESSOR.post_process_point_instance_segmentation(
            lively, points, [[0, 1, 2], []], level_strategy=strategy, **options
        )[0]

    adaptive, finest, size, every = (decode(s, **({"boxes": boxes} if s == "size" else {})) for s in STRATEGIES)
    for one in adaptive:
        assert one["level_scores"][one["level"]] == max(one["level_scores"])
    assert [one["level"] for one in finest] == [0, 0, 0]
    ranges = lively["decoding"]["scale_ranges"]
    for one, (x0, y0, x1, y1) in zip(size, boxes[0], strict=True):
        side = ((x1 - x0) * (y1 - y0)) ** 0.5
        fitting = [level for level, (lower, upper) in enumerate(ranges) if lower <= side < upper]
        scores = one["level_scores"]
        assert one["level"] == max(fitting, key=lambda level, scores=scores: scores[level])
    assert [one["point_index"] for one in every] == [k for k in range(3) for _ in range(5)]
    assert [one["level"] for one in every] == list(range(5)) * 3
    for k, one in enumerate(adaptive):
        chosen = every[5 * k + one["level"]]
        assert torch.equal(chosen["mask"], one["mask"]) and chosen["score"] == pytest.approx(one["score"])


STRATEGIES = ("adaptive", "finest", "size", "all")


def test_sizes_beyond_every_range_take_the_outermost_level(lively):
    boxes = [[[9, 9, 9, 9], [0, 0, 5000, 5000]], []]
    (found, _) = PROCESSOR.post_process_point_instance_segmentation(
        lively, [[[10.0, 12], [70, 40]], []], level_strategy="size", boxes=boxes
    )
    assert [one["level"] for one in found] == [0, 4]


def test_no_points_no_answers(lively):
    for empty in ([], torch.zeros(0, 2), np.zeros((0, 2))):
        for options in ({}, {"official_filters": True}, {"level_strategy": "all"}):
            found = PROCESSOR.post_process_point_instance_segmentation(lively, [empty, empty], [[], []], **options)
            assert found == [[], []]


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
        ([[10, 12], []], {}, r"image 0 have shape \(2,\).*\(x, y\)"),
        ([[[10, 12, 1]], []], {}, r"shape \(1, 3\)"),
        (GOOD[:1], {}, "input_points has 1 entries for 2 images"),
        (GOOD, {"class_labels": [[0]]}, "class_labels has 1 entries for 2 images"),
        (GOOD, {"target_sizes": [(64, 96)]}, "target_sizes has 1 entries for 2 images"),
        (GOOD, {"class_labels": [[0, 1], [0]]}, "class_labels of image 0 are 2 for 1 points"),
        (GOOD, {"class_labels": [[0], [3]]}, "class label 3 of point 0 of image 1 is unknown.*0 … 2"),
        (GOOD, {"class_labels": [[-2], [0]]}, "class label -2"),
        (GOOD, {"class_labels": [["cat"], [0]]}, "class label 'cat' of point 0 of image 0"),
        (GOOD, {"class_labels": [[1.5], [0]]}, "class label 1.5"),
        (GOOD, {"class_labels": [[NAN], [0]]}, "class label nan"),
        (GOOD, {"level_strategy": "best"}, "level_strategy is 'best'"),
        (GOOD, {"level_strategy": "size"}, "'size' needs `boxes`"),
        (GOOD, {"level_strategy": "size", "boxes": [[[0, 0, 1, 1]] * 2, [[0, 0, 1, 1]]]}, "'size' needs"),
        (GOOD, {"official_filters": True}, "needs the class of every point"),
        (GOOD, {"official_filters": True, "class_labels": [[0], [None]]}, "needs the class of every point"),
        (GOOD, {"official_filters": True, "class_labels": [[0], [1]], "level_strategy": "finest"}, "leave out"),
    ],
)
def test_bad_points_are_named(lively, points, options, message):
    with pytest.raises(ValueError, match=message):
        PROCESSOR.post_process_point_instance_segmentation(lively, points, **options)


def test_bad_prompts_are_named(lively):
    image, settings = ImageOutputs.of(lively, 0), settings_of(lively)
    points, classes = torch.zeros(1, 2), torch.zeros(1, dtype=torch.long)
    with pytest.raises(ValueError, match="prompt is 'box'"):
        decode_official_prompt("box", image, points, None, classes, settings)
    with pytest.raises(ValueError, match="'cls' needs the boxes"):
        decode_official_prompt("cls", image, points, None, classes, settings)
    with pytest.raises(ValueError, match="needs `sizes`"):
        decode_points(image, points, classes, settings, "size")


class LargestTensor(TorchDispatchMode):
    """Remembers the largest storage that any operation made, in MiB."""

    def __init__(self):
        super().__init__()
        self.largest = 0.0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        results = function(*args, **(kwargs or {}))
        for result in tree_leaves(results):
            if isinstance(result, torch.Tensor):
                self.largest = max(self.largest, result.untyped_storage().nbytes() / 2**20)
        return results


def random_outputs(height: int, width: int, num_grids=(40, 36, 24, 16, 12), channels: int = 16):
    generator = torch.Generator().manual_seed(0)
    config = small_config(num_grids=num_grids, kernel_channels=channels)
    return SOLOv2InstanceSegmentationOutput(
        class_logits=tuple(torch.randn(1, 3, grid, grid, generator=generator) for grid in num_grids),
        kernels=tuple(torch.randn(1, channels, grid, grid, generator=generator) for grid in num_grids),
        mask_features=torch.randn(1, channels, height // 4, width // 4, generator=generator),
        valid_sizes=torch.tensor([[height, width]]),
        decoding={name: getattr(config, name) for name in DecodingSettings.__dataclass_fields__},
    )


def test_four_hundred_points_decode_in_bounded_memory():
    outputs = random_outputs(512, 512)
    points = torch.rand(400, 2, generator=torch.Generator().manual_seed(1)) * 512
    with LargestTensor() as memory:
        (found,) = PROCESSOR.post_process_point_instance_segmentation(outputs, [points])
    assert len(found) == 400
    assert (
        memory.largest <= 400 * 512 * 512 / 2**20
    )  # the answer itself, one byte a pixel; five levels dense took 1,250


def test_large_images_decode_a_few_masks_at_a_time():
    with LargestTensor() as memory:
        masks = masks_in_image(torch.rand(12, 32, 64), (128, 256), (2000, 4000), 0.5)
    assert masks.shape == (12, 2000, 4000) and memory.largest <= 12 * 2000 * 4000 / 2**20


def test_masks_do_not_depend_on_how_many_are_made_at_once(monkeypatch):
    outputs = random_outputs(64, 96, num_grids=(4, 3, 2, 1, 1))
    expected = [decode_all(outputs) for _ in range(2)]
    monkeypatch.setattr(decoding_solov2, "DENSE_PIXELS", 1)
    for one, other in zip(expected[0], decode_all(outputs), strict=True):
        assert torch.equal(one["mask"], other["mask"]) and one["level"] == other["level"]
        assert one["score"] == pytest.approx(other["score"], rel=1e-5)


def decode_all(outputs):
    points = [[float(x), float(y)] for x in range(0, 96, 20) for y in range(0, 64, 20)]
    return PROCESSOR.post_process_point_instance_segmentation(outputs, [points])[0]


# -- ordinary proposals ------------------------------------------------------------------------------------------------


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
    [([[3], None], "image_labels of image 0 hold 3"), ([None, [-1]], "image 1 hold -1"), ([[0]], "1 entries for 2")],
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
