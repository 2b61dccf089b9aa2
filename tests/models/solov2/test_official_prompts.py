# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from helpers.official_solov2 import TINY, as_input, labels_of, official_model
from helpers.paths import PARITY
from helpers.raw_outputs import constant_outputs, settings_of, with_settings
from helpers.resized_masks import masks_in_image
from pointwssis.models.solov2.decoding_solov2 import ImageOutputs, decode_instances
from pointwssis.models.solov2.grid_solov2 import cells_of_points
from pointwssis.models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from pointwssis.models.solov2.modeling_solov2 import SOLOv2InstanceSegmentationOutput
from pointwssis.models.solov2.official_prompts_solov2 import decode_official_prompt
from pointwssis.ops.mask_ops import centers_of_mass, masks_to_boxes

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
    """Return the outputs of the narrow official network for the golden image."""
    return official_model("solov2_tiny_r18", **TINY).encode(**as_input(GOLDEN["image_bgr"]))


# -- parity ------------------------------------------------------------------------------------------------------------


def answers(outputs, prompt: str, public_points: bool):
    """Return the masks at the original size, classes, and scores of a prompt."""
    if prompt == "none":
        (found,) = PROCESSOR.post_process_instance_segmentation(outputs, return_binary_maps=True)
        info = found["segments_info"]
        return found["segmentation"], [one["label_id"] for one in info], [one["score"] for one in info]
    points, classes = CENTERS[VISIBLE], CLASSES[VISIBLE]
    if public_points:
        (found,) = PROCESSOR.post_process_official_points(outputs, [points], [classes])
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
    """Check official boxes: inclusive xyxy, or with a prompt the (y, x, 0, 0) of a point in 1/10,000 of the sides."""
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


# -- where we differ, both behaviors ----------------------------------------------------------------------------------


def test_the_official_code_loses_points_and_ours_answers_each(outputs):
    points, classes = CENTERS[VISIBLE], CLASSES[VISIBLE]
    kept = {}
    for nms_type in ("matrix", "mask"):
        changed = with_settings(outputs, nms_type=nms_type)
        (official,) = PROCESSOR.post_process_official_points(changed, [points], [classes])
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
    # Objects 0 and 5 have one center; the official code keeps the later class alone.
    same = torch.stack([CENTERS[0], CENTERS[5], CENTERS[0] + 0.25])
    (official,) = PROCESSOR.post_process_official_points(outputs, [same[:2]], [[0, 2]])
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


def test_triplicates_under_the_linear_kernel_give_no_nan():
    """The official code divides 0 by 0 from the third copy on, and drops what is NaN."""
    outputs = constant_outputs(torch.ones(8, 8))
    settings = replace(settings_of(outputs), nms_kernel="linear", update_threshold=0.0)
    found = decode_instances(ImageOutputs.of(outputs, 0), settings)
    assert len(found.scores) == 16 and torch.isfinite(found.scores).all()
    assert found.scores[0] == pytest.approx(0.9) and not found.scores[1:].any()


@pytest.mark.parametrize(("pixels", "official"), [(4, 0), (8, 0), (9, 1)])
def test_a_small_mask_is_lost_by_the_official_decoding_only(pixels, official):
    mask = torch.zeros(16, 16)
    mask[4, 4 : 4 + pixels] = 1  # of a quarter of the resolution; level P2 asks for more than 8
    outputs = constant_outputs(mask, grids=(1, 1, 1, 1, 1))
    (lossy,) = PROCESSOR.post_process_official_points(outputs, [[[20, 17]]], [[0]])
    (found,) = PROCESSOR.post_process_point_instance_segmentation(outputs, [[[20, 17]]], [[0]])
    assert len(lossy) == official and len(found) == 1
    assert found[0]["mask"].any() and found[0]["point_in_mask"] and found[0]["level"] == 0


def test_the_official_prompt_reads_the_cell_of_the_point_alone():
    """A large neighbor whose positive cells reach over does not take it away, not even with the true boxes."""
    outputs = constant_outputs(torch.ones(16, 16), grids=(8, 1, 1, 1, 1))
    points, boxes = torch.tensor([[20.0, 20], [28, 20]]), torch.tensor([[16.0, 16, 24, 24], [0, 0, 64, 64]])
    settings = replace(settings_of(outputs), nms_type="mask", scale_ranges=[[1, 2048]] * 5, mask_threshold=0.999)
    labels = torch.tensor([0, 1])
    found = decode_official_prompt("point", ImageOutputs.of(outputs, 0), points, boxes, labels, settings)
    assert sorted(found.labels.tolist()) == [0, 1]


def test_a_point_whose_masks_are_all_empty_answers_with_an_empty_mask():
    outputs = constant_outputs(torch.zeros(8, 8))
    (official,) = PROCESSOR.post_process_official_points(outputs, [[[5, 5]]], [[0]])
    (ours,) = PROCESSOR.post_process_point_instance_segmentation(outputs, [[[5, 5]]], [[0]])
    assert official == [] and len(ours) == 1
    assert ours[0]["score"] == 0 and not ours[0]["mask"].any() and not ours[0]["point_in_mask"]
