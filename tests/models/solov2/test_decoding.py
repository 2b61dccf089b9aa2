# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from helpers.raw_outputs import constant_outputs, random_outputs, settings_of, with_settings
from helpers.small_solov2 import drawn_batch, lively_model
from pointwssis.models.solov2 import decoding_solov2, mask_resizing_solov2
from pointwssis.models.solov2.decoding_solov2 import FEW_KERNELS, ImageOutputs, prepared_for_clicks
from pointwssis.models.solov2.grid_solov2 import cells_of_points
from pointwssis.models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from pointwssis.models.solov2.level_selection_solov2 import decode_points
from pointwssis.models.solov2.official_prompts_solov2 import decode_official_prompt
from pointwssis.ops.rle import decode_rle, encode_mask

PROCESSOR = SOLOv2ImageProcessorPil()


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
        outputs = constant_outputs(torch.ones(8, 8), confidence)
        (found,) = PROCESSOR.post_process_point_instance_segmentation(outputs, [[[5, 5]]])
        assert found[0]["background_score"] == pytest.approx(1 - confidence)
        assert found[0]["score"] == pytest.approx(confidence) and found[0]["label_id"] == 0


def test_a_sure_cell_whose_mask_ends_before_the_point_is_background():
    mask = torch.zeros(8, 8)
    mask[:, :4] = 1  # 16 of 32 pixels
    outputs = constant_outputs(mask, 0.9, grids=(1, 1, 1, 1, 1))  # one cell for the whole image
    points = [[[0, 0], [15, 31], [16, 31], [32, 32]]]
    (found,) = PROCESSOR.post_process_point_instance_segmentation(outputs, points)
    assert [one["background_score"] for one in found] == pytest.approx([0.1, 0.1, 1, 1])
    assert [one["score"] for one in found] == pytest.approx([0.9] * 4)
    (labeled,) = PROCESSOR.post_process_point_instance_segmentation(outputs, points, [[0, 1, 1, 0]])
    assert [one["background_score"] for one in labeled] == pytest.approx([0.1, 0.1, 1, 1])  # whatever the label


def test_the_background_score_takes_the_best_level():
    outputs = constant_outputs(torch.ones(8, 8), 0.3, grids=(1, 1, 1, 1, 1))
    outputs.class_logits[2][:, 1] = torch.tensor(0.8).logit()
    outputs.kernels[2][:] = -20.0  # the surest level says that its mask is elsewhere
    (found,) = PROCESSOR.post_process_point_instance_segmentation(outputs, [[[5, 5]]])
    assert found[0]["background_score"] == pytest.approx(0.7)


def test_the_level_score_is_the_official_or_the_papers():
    """Level P2 is the surer of the class, P3 of the mask."""
    outputs = constant_outputs(torch.ones(8, 8), 0.5, grids=(1, 1, 1, 1, 1))
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
    outputs = with_settings(constant_outputs(torch.ones(8, 8), 0.5), level_score=level_score)
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

    adaptive, finest, size = decode("adaptive"), decode("finest"), decode("size", boxes=boxes)
    (every, _) = PROCESSOR.post_process_every_level(lively, points, [[0, 1, 2], []])
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


def test_sizes_beyond_every_range_take_the_outermost_level(lively):
    boxes = [[[9, 9, 9, 9], [0, 0, 5000, 5000]], []]
    (found, _) = PROCESSOR.post_process_point_instance_segmentation(
        lively, [[[10.0, 12], [70, 40]], []], level_strategy="size", boxes=boxes
    )
    assert [one["level"] for one in found] == [0, 4]


def test_no_points_no_answers(lively):
    for empty in ([], torch.zeros(0, 2), np.zeros((0, 2))):
        for decode in (
            PROCESSOR.post_process_point_instance_segmentation,
            PROCESSOR.post_process_every_level,
            PROCESSOR.post_process_official_points,
        ):
            assert decode(lively, [empty, empty], [[], []]) == [[], []]


def test_bad_prompts_are_named(lively):
    image, settings = ImageOutputs.of(lively, 0), settings_of(lively)
    points, classes = torch.zeros(1, 2), torch.zeros(1, dtype=torch.long)
    with pytest.raises(ValueError, match="prompt must be .*, got 'box'"):
        decode_official_prompt("box", image, points, None, classes, settings)
    with pytest.raises(ValueError, match="'cls' needs the boxes"):
        decode_official_prompt("cls", image, points, None, classes, settings)
    with pytest.raises(ValueError, match="needs `sizes`"):
        decode_points(image, points, classes, settings, "size")


class LargestTensor(TorchDispatchMode):
    """A mode that records the largest storage that any operation allocates, in MiB."""

    def __init__(self):
        super().__init__()
        self.largest = 0.0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        results = function(*args, **(kwargs or {}))
        for result in tree_leaves(results):
            if isinstance(result, torch.Tensor):
                self.largest = max(self.largest, result.untyped_storage().nbytes() / 2**20)
        return results


def test_four_hundred_points_decode_in_bounded_memory():
    outputs = random_outputs(512, 512)
    points = torch.rand(400, 2, generator=torch.Generator().manual_seed(1)) * 512
    with LargestTensor() as memory:
        (found,) = PROCESSOR.post_process_point_instance_segmentation(outputs, [points])
    assert len(found) == 400
    assert (
        memory.largest <= 400 * 512 * 512 / 2**20
    )  # the answer itself, one byte a pixel; five levels dense took 1,250


def test_run_lengths_of_a_large_image_need_the_memory_of_one_mask():
    outputs, size = random_outputs(128, 256), (1500, 3000)
    points = torch.rand(20, 2, generator=torch.Generator().manual_seed(1)) * torch.tensor([3000.0, 1500])
    options = {"target_sizes": [size], "return_coco_annotation": True}
    with LargestTensor() as memory:
        (found,) = PROCESSOR.post_process_point_instance_segmentation(outputs, [points], **options)
    assert memory.largest <= 16  # MiB; 20 masks would take 86
    for one in found:
        x, y = one["point"]
        assert decode_rle(one["mask"])[min(round(y), 1499), min(round(x), 2999)] == one["point_in_mask"]


def test_three_thousand_objects_have_the_masks_of_few():
    outputs, size = random_outputs(64, 96), [(64, 96)]
    points = torch.rand(3000, 2, generator=torch.Generator().manual_seed(1)) * torch.tensor([96.0, 64])
    options = {"target_sizes": size, "return_coco_annotation": True}
    (found,) = PROCESSOR.post_process_point_instance_segmentation(outputs, [points], **options)
    assert [one["point_index"] for one in found] == list(range(3000))
    rows = list(range(0, 3000, 100))
    (few,) = PROCESSOR.post_process_point_instance_segmentation(outputs, [points[rows]], target_sizes=size)
    for row, one in zip(rows, few, strict=True):
        assert found[row]["mask"] == encode_mask(one["mask"]) and found[row]["level"] == one["level"]
        assert found[row]["score"] == pytest.approx(one["score"], rel=1e-5)
        assert found[row]["point_in_mask"] == one["point_in_mask"]


def test_cells_are_read_as_from_whole_tables():
    """With 1,203 classes, as in LVIS."""
    grids, generator = (9, 6, 4, 3, 2), torch.Generator().manual_seed(0)
    image = ImageOutputs(
        tuple(torch.randn(1203, grid, grid, generator=generator) for grid in grids),
        tuple(torch.randn(5, grid, grid, generator=generator) for grid in grids),
        torch.randn(5, 8, 12, generator=generator),
    )
    points = torch.rand(40, 2, generator=generator) * torch.tensor([48.0, 32])
    cells = cells_of_points(points, grids, image.canvas)
    kernels, logits = image.at_cells(cells)
    assert torch.equal(kernels, image.kernel_table()[cells])
    assert torch.equal(logits, torch.cat([level.flatten(1).T for level in image.class_logits])[cells])


def test_maskness_is_the_mean_of_the_foreground():
    image = ImageOutputs.of(random_outputs(60, 92), 0)
    kernels = torch.cat([image.kernel_table()[:600], torch.zeros(1, 16)])
    probabilities = image.mask_probabilities(kernels).flatten(1)
    for threshold in (0.5, 0.9):
        foreground = probabilities > threshold
        expected = (probabilities * foreground).sum(1) / foreground.sum(1).clamp(min=1)
        maskness, area = image.masknesses(kernels, threshold)
        assert torch.allclose(maskness, expected, atol=1e-6) and maskness[-1] == area[-1] == 0
        assert (area - foreground.sum(1)).abs().max() <= 1  # a probability at the threshold is rounded either way


def test_masknesses_do_not_depend_on_the_order_in_memory():
    """Few kernels and many ones, of features with the channels first and last."""
    outputs = random_outputs(60, 92)
    first, last = ImageOutputs.of(outputs, 0), ImageOutputs.of(prepared_for_clicks(outputs), 0)
    for count in (1, 5, FEW_KERNELS, FEW_KERNELS + 1, 600):
        kernels = first.kernel_table()[:count]
        kept = [torch.zeros(count, 15 * 23) for _ in range(2)]
        expected, areas = first.masknesses(kernels, 0.5, kept[0])
        maskness, own_areas = last.masknesses(kernels, 0.5, kept[1])
        assert torch.allclose(maskness, expected, atol=1e-6) and torch.allclose(*kept, atol=1e-6)
        assert (own_areas - areas).abs().max() <= 1  # a probability at the threshold is rounded either way


def test_preparing_bfloat16_outputs_once_changes_nothing():
    outputs = random_outputs(64, 96)
    for name in ("class_logits", "kernels"):
        outputs[name] = tuple(level.bfloat16() for level in outputs[name])
    outputs["mask_features"] = outputs["mask_features"].bfloat16()
    converted = prepared_for_clicks(outputs)
    assert converted.mask_features.dtype == converted.kernels[0].dtype == torch.float32
    assert converted.mask_features.is_contiguous(memory_format=torch.channels_last)
    for one, other in zip(decode_all(outputs), decode_all(converted), strict=True):
        assert torch.equal(one["mask"], other["mask"]) and one["level"] == other["level"]
        assert one["score"] == pytest.approx(other["score"], rel=1e-5)


def test_masks_do_not_depend_on_how_many_are_made_at_once(monkeypatch):
    outputs = random_outputs(64, 96, num_grids=(4, 3, 2, 1, 1))
    expected = [decode_all(outputs) for _ in range(2)]
    monkeypatch.setattr(decoding_solov2, "MASK_PIXELS_PER_CHUNK", 1)
    monkeypatch.setattr(decoding_solov2, "MASK_PIXELS_PER_BLOCK", 1)
    monkeypatch.setattr(decoding_solov2, "KERNELS_PER_BLOCK", 2)
    monkeypatch.setattr(mask_resizing_solov2, "PIXELS_PER_STRIP", 1)
    for one, other in zip(expected[0], decode_all(outputs), strict=True):
        assert torch.equal(one["mask"], other["mask"]) and one["level"] == other["level"]
        assert one["score"] == pytest.approx(other["score"], rel=1e-5)


def decode_all(outputs):
    points = [[float(x), float(y)] for x in range(0, 96, 20) for y in range(0, 64, 20)]
    return PROCESSOR.post_process_point_instance_segmentation(outputs, [points])[0]
