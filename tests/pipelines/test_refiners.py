# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
import torch
from PIL import Image
from transformers import pipeline

from helpers import tiny
from helpers.answers import POINTS, as_array
from pointwssis.models.mask_refine_net.named_mask_refine_net import find_refiner
from pointwssis.pipelines import refiners

LABELS = ["star", None, "ellipse"]


def inverted(image, rough_masks, points, labels):
    """Return inverted masks, a result that is easy to recognize."""
    return ~rough_masks


def test_a_callable_refines_the_masks_of_points(pipe):
    calls = []

    def refiner(image, rough_masks, points, labels):
        calls.append((image, rough_masks, points, labels))
        return ~rough_masks

    image = tiny.picture(70, 80)
    plain = pipe(image, points=POINTS, labels=LABELS)
    found = pipe(image, points=POINTS, labels=LABELS, refiner=refiner)
    ((given_image, rough_masks, points, labels),) = calls
    assert isinstance(given_image, Image.Image) and given_image.size == (80, 70)
    assert rough_masks.shape == (3, 70, 80) and rough_masks.dtype == bool
    assert points == [list(point) for point in POINTS]
    assert labels == [one["label"] for one in plain] and labels[::2] == ["star", "ellipse"]
    for refined, rough in zip(found, plain, strict=True):
        assert (as_array(refined["mask"]) == ~as_array(rough["mask"])).all()
        assert (as_array(refined["rough_mask"]) == as_array(rough["mask"])).all()
        assert refined["point_in_mask"] is not rough["point_in_mask"] and refined["score"] == rough["score"]


def test_a_callable_may_belong_to_the_pipeline_or_to_a_session(folder, pipe):
    made = pipeline("point-instance-segmentation", model=str(folder / "teacher"), device="cpu", refiner=inverted)
    wanted = pipe(tiny.picture(), points=POINTS, refiner=inverted, mask_format="rle")
    assert made(tiny.picture(), points=POINTS, mask_format="rle") == wanted
    assert pipe.encode(tiny.picture())(points=POINTS, refiner=inverted, mask_format="rle") == wanted


def test_a_callable_sees_each_image_of_a_batch(pipe):
    seen = []

    def refiner(image, rough_masks, points, labels):
        seen.append((image.size, len(points)))
        return torch.from_numpy(rough_masks)  # a tensor is as good as an array

    images = [tiny.picture(64, 64, 1), tiny.picture(40, 90, 2), tiny.picture(64, 64, 3)]
    found = pipe(images, points=[POINTS, [(80, 5)], []], refiner=refiner, batch_size=3)
    assert sorted(seen) == [((64, 64), 3), ((90, 40), 1)]  # an image without points is not refined
    assert [len(instances) for instances in found] == [3, 1, 0]


@pytest.mark.parametrize("mask_format", ["numpy", "rle"])
def test_many_masks_are_refined_in_several_calls(pipe, refine, monkeypatch, mask_format):
    calls = []

    def refiner(image, rough_masks, points, labels):
        calls.append((len(rough_masks), len(points), len(labels)))
        return refine.refine(image, rough_masks, points, labels)["masks"]

    options = {"points": POINTS, "refiner": refiner, "mask_format": mask_format}
    at_once = pipe(tiny.picture(70, 80), **options)
    # Two masks of this size fit into the budget, then less than one.
    for pixels, counts in ((2 * 70 * 80, [2, 1]), (70, [1, 1, 1])):
        calls.clear()
        monkeypatch.setattr(refiners, "PIXELS_PER_CALL", pixels)
        found = pipe(tiny.picture(70, 80), **options)
        assert calls == [(count, count, count) for count in counts]
        for one, expected in zip(found, at_once, strict=True):
            for key, value in expected.items():
                assert np.array_equal(one[key], value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda masks: masks[:2],
            r"shape \(2, 64, 64\) and dtype bool for image 1; expected .* = \(3, 64, 64\) and bool",
        ),
        (lambda masks: masks[:, :32], r"shape \(3, 32, 64\) and dtype bool for image 1"),
        (lambda masks: masks.astype(np.float32), r"shape \(3, 64, 64\) and dtype float32 for image 1"),
        (lambda masks: torch.ones(3, 64, 64, requires_grad=True), r"dtype float32 for image 1"),
        (lambda masks: list(masks[:2]) + [masks[0, :5]], "different sizes for image 1"),
        (lambda masks: None, r"shape \(\) and dtype object for image 1"),
    ],
)
def test_a_wrong_result_of_a_callable_names_the_image(pipe, change, message):
    def refiner(image, rough_masks, points, labels):
        return change(rough_masks) if len(points) == 3 else rough_masks

    with pytest.raises(ValueError, match=f"the refiner returned masks of .*{message}"):
        pipe([tiny.picture(), tiny.picture()], points=[POINTS[:1], POINTS], refiner=refiner)


def test_a_missing_refiner_says_what_to_do(pipe):
    with pytest.raises(OSError, match="pointwssis/no-refiner was not found; pointwssis has released"):
        pipe(tiny.picture(), points=POINTS, refiner="pointwssis/no-refiner")


@pytest.mark.parametrize(
    ("name", "message"), [("genral", "did you mean 'general'"), ("outputs", "use 'general', a fol")]
)
def test_a_mistyped_refiner_is_an_error_before_anything_is_loaded(pipe, name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # without a folder of this name
    with pytest.raises(ValueError, match=f"there is no refiner '{name}'.*{message}"):
        pipe(tiny.picture(), points=POINTS, refiner=name)


def test_the_general_refiner_takes_any_class_and_improves_a_crude_mask(pipe):
    pixels = np.full((90, 120, 3), 60, np.uint8)
    pixels += np.random.default_rng(0).integers(0, 30, pixels.shape, dtype=np.uint8)
    truth = np.zeros((90, 120), bool)
    truth[30:62, 40:80] = True
    pixels[truth] += 120
    # A mask that is too small on one side and too large on the other
    rough = np.roll(truth, (5, 8), axis=(0, 1))
    refine = pipeline("point-mask-refinement", model=str(find_refiner("general")))
    answer = refine.refine(Image.fromarray(pixels), rough[None], [[58.0, 45.0]], ["anything"])["masks"][0]
    before, after = (np.count_nonzero(mask & truth) / np.count_nonzero(mask | truth) for mask in (rough, answer))
    assert after > max(before, 0.8)
    assert len(pipe(tiny.picture(), points=POINTS, refiner="general")) == len(POINTS)
