# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Settings that suit data: each follows its rule, and stays within its bounds."""

import numpy as np
import pytest

from helpers.hand_made import facts
from pointwssis.models.solov2.configuration_solov2 import SOLOv2Config
from pointwssis.planning.schedule import (
    MIN_REFINER_STEPS,
    SUFFICIENT_PRETRAINED_STEPS,
    SUFFICIENT_STEPS,
    TRAINING_SHARE,
    Steps,
    enough_steps,
    num_students,
    plan_steps,
    teacher_steps,
)
from pointwssis.planning.settings import Setting
from pointwssis.planning.sizing import (
    FINEST_GRIDS,
    InputSize,
    augmentation_setting,
    detection_settings,
    finest_grid,
    input_settings,
    input_size,
    object_sizes,
    pyramid_settings,
    side_for,
    tiled_input,
)


def values(settings: list[Setting]) -> dict:
    return {setting.key: setting.value for setting in settings}


def test_square_images_share_a_canvas():
    size = input_size(facts(images=((256, 256), (320, 256), (256, 300))), 320)
    assert size == InputSize(320, 320, square=True)
    assert size.image_size == {"shortest_edge": 320, "longest_edge": 320}
    assert size.pad_size == {"height": 320, "width": 320}


def test_long_images_keep_their_shape():
    size = input_size(facts(images=((640, 480),) * 9 + ((480, 640),) * 9 + ((900, 300),) * 2), 800)
    assert (size.shortest, size.square, size.pad_size) == (608, False, None)
    assert size.longest >= 800 and size.longest % 32 == 0


def test_sizes_are_scaled_with_their_images():
    mixed = facts(images=((100, 100), (200, 400)), boxes=[(10, 10), (10, 40)])
    assert mixed.sizes_at(200, 400) == pytest.approx([20, 20])
    assert mixed.longest_side == 250 and mixed.aspect_ratios.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("box", "side"),
    [((20, 20), 224), ((16, 16), 256), ((10, 10), 416), ((4, 4), 512), ((200, 200), 128), ((13, 17), 288)],
)
def test_the_input_is_as_large_as_objects_need(box, side):
    data = facts(box=box)
    assert side_for(data, 10, 16) == side
    assert side == 512 or (data.sizes_at(side, side) >= 16).all()  # 512 is twice the images' own size
    assert side == 128 or (data.sizes_at(side - 32, side - 32) < 16).all()


def test_nine_of_ten_objects_count():
    boxes = [(2, 2)] + [(16, 16)] * 19
    assert side_for(facts(boxes=boxes), 10, 16) == 256


def test_reasons_say_why_it_is_not_larger():
    data, small = facts(box=(4, 4)), InputSize(512, 512, True)
    reason = input_settings(data, small, "")[0].reason
    assert "90% at least 8" in reason and "beyond 2 times the original size (256)" in reason
    slow = input_settings(data, InputSize(256, 256, True), "512 would take too long")[0].reason
    assert slow.endswith("512 would take too long")
    assert "beyond" not in input_settings(facts(), InputSize(256, 256, True), "")[0].reason


def test_input_of_square_images():
    made = values(input_settings(facts(), InputSize(320, 320, True), ""))
    assert made["image_size"] == {"shortest_edge": 320, "longest_edge": 320}
    assert made["train_shortest_edges"] == [288, 320]


def test_augmentation():
    plain = augmentation_setting(facts(), tiled=False, pretrained=False)
    assert plain.value == {"brightness": 0.2, "contrast": 0.2}
    crowd = facts(boxes=[(9, 9)] * 80)
    assert augmentation_setting(crowd, tiled=False, pretrained=False).value["min_crop"] == 0.6
    assert augmentation_setting(crowd, tiled=True, pretrained=False).value["min_crop"] == 0.8
    # A pretrained backbone overfits few masks.
    pasted = augmentation_setting(facts(), tiled=False, pretrained=True)
    assert pasted.value == plain.value | {"copy_paste": 0.5} and "pasted" in pasted.reason


def test_small_objects_are_seen_in_tiles():
    # At 512 the objects have 16 pixels; tiles of half the image's side show them as large on a canvas of 256.
    data = facts(box=(8, 8))
    tiles = tiled_input(data, side_for(data, 10, 16))
    assert tiles == InputSize(256, 256, square=True, tile=128)
    assert object_sizes(data, tiles) == pytest.approx([16] * 8)
    made = values(input_settings(data, tiles, ""))
    assert (made["tile_size"], made["pad_size"]) == (128, {"height": 256, "width": 256})
    assert "train_shortest_edges" not in made
    # Tiles would cut large objects, and whole images suffice where objects are large.
    assert tiled_input(facts(boxes=[(8, 8)] * 8 + [(60, 60)] * 2), 512) is None
    assert tiled_input(facts(box=(30, 30)), 256) is None


@pytest.mark.parametrize("box", [(1, 1), (11, 11), (20, 20), (90, 90), (250, 250)])
@pytest.mark.parametrize("side", [128, 320, 1344])
def test_every_pyramid_is_valid_and_takes_every_size(box, side):
    size = InputSize(side, side, True)
    made = values(pyramid_settings(facts(box=box), size, dict.fromkeys(FINEST_GRIDS, 0.0)))
    config = SOLOv2Config(num_grids=made["model.num_grids"], scale_ranges=made["model.scale_ranges"])
    ranges = config.scale_ranges
    assert ranges[0][0] == 1 and ranges[-1][1] == 2048
    assert all(low < upper[0] < high for (low, high), upper in zip(ranges, ranges[1:], strict=False))
    median = np.median(facts(box=box).sizes_at(side, side))
    assert min(median, 256) <= ranges[0][1]
    assert config.num_grids == sorted(config.num_grids, reverse=True)


def test_the_pyramid_of_the_nuclei_recipe():
    # Half of the nuclei have 14 pixels and more at 320.
    made = values(
        pyramid_settings(facts(box=(11.4, 11.4)), InputSize(320, 320, True), dict.fromkeys(FINEST_GRIDS, 0.05))
    )
    assert made["model.scale_ranges"] == [[1, 24], [12, 48], [24, 96], [48, 192], [96, 2048]]
    assert made["model.num_grids"] == [40, 36, 24, 16, 12]


def test_the_finest_grid_keeps_points_apart():
    shares = {24: 0.3, 32: 0.1, 40: 0.03, 48: 0.019, 64: 0.01, 80: 0.0}
    assert finest_grid(InputSize(640, 640, True), shares) == 48
    assert finest_grid(InputSize(320, 320, True), shares) == 40  # its features have 40 cells
    assert finest_grid(InputSize(128, 128, True), shares) == 24
    assert finest_grid(InputSize(640, 640, True), dict.fromkeys(shares, 0.0)) == 24
    reason = pyramid_settings(facts(), InputSize(320, 320, True), shares)[0].reason
    assert "3.0% of the points share a cell of the 40 × 40 grid" in reason and "finer than the features" in reason


@pytest.mark.parametrize(
    ("most", "cap", "top_k"), [(3, 100, 500), (100, 150, 1000), (375, 400, 1500), (900, 950, 3500)]
)
def test_the_cap_is_above_the_fullest_image(most, cap, top_k):
    made = values(detection_settings(facts(most=most)))
    assert (made["max_detections"], made["model.nms_top_k"]) == (cap, top_k)


# -- schedule


@pytest.mark.parametrize("minutes", [5, 60, 600])
@pytest.mark.parametrize("seconds", [0.05, 3.0, 20.0])
@pytest.mark.parametrize("known", [True, False])
def test_trainings_fit_into_their_time(minutes, seconds, known):
    data = facts(known=known)
    time = 60 * minutes * TRAINING_SHARE
    steps = plan_steps(time, seconds, seconds / 2, data, 8, 32)
    least = seconds * 10 * (1 + num_students(data)) + MIN_REFINER_STEPS * seconds / 2
    assert steps.seconds <= max(time, least)
    assert steps.teacher >= 10 and steps.student >= 10 and steps.refiner >= MIN_REFINER_STEPS
    # Where the refiner needs no more than its share, the others get theirs.
    if steps.refiner > MIN_REFINER_STEPS:
        assert abs(steps.teacher - max(10, teacher_steps(minutes, seconds, data, 8))) <= steps.teacher / 10


def test_more_time_than_the_data_are_good_for():
    steps = plan_steps(600_000, 0.01, 0.01, facts(full=40, point=360, masks=800), 8, 32)
    assert (steps.teacher, steps.student, steps.refiner) == (1500, 5000, 7500)
    few = plan_steps(600_000, 0.01, 0.01, facts(full=2, point=0, masks=4), 2, 32)
    assert (few.teacher, few.student, few.refiner) == (SUFFICIENT_STEPS, SUFFICIENT_STEPS, SUFFICIENT_STEPS)


@pytest.mark.parametrize(("full", "batch", "steps"), [(53, 8, 400), (8, 8, 100), (2, 2, 100), (1, 8, 12), (0, 8, 10)])
def test_enough_steps(full, batch, steps):
    assert enough_steps(facts(full=full), batch) == steps
    assert enough_steps(facts(full=full), batch, pretrained=True) == min(steps, SUFFICIENT_PRETRAINED_STEPS)


def test_students():
    assert num_students(facts()) == 3 and num_students(facts(known=False)) == num_students(facts(point=0)) == 1
    assert Steps(1, 1, 1, 0.0).teacher == 1
