# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Sizes against scale ranges, points in shared cells, and the cap on detections."""

import pytest
import torch

from helpers import tiny
from helpers.hand_made import rle, row
from pointwssis.checking.findings import Findings
from pointwssis.checking.pyramid import InputSettings, PyramidFit
from pointwssis.data import make_object
from pointwssis.models.solov2.configuration_solov2 import TEACHER_NUM_GRIDS, TEACHER_SCALE_RANGES
from pointwssis.models.solov2.grid_solov2 import assign_cells
from pointwssis.ops.user_error import UserError

RANGES = ((1, 8), (8, 16), (16, 32), (32, 64), (100, 200))
SETTINGS = InputSettings({"shortest_edge": 60, "longest_edge": 80}, None, (8, 6, 4, 2, 1), RANGES, 3)


def fitted(*rows, settings=SETTINGS) -> PyramidFit:
    fit = PyramidFit("train", settings, Findings())
    for position, item in enumerate(rows):
        fit.add(item, position)
    fit.conclude()
    return fit


def box(width, height):
    return make_object(0, 0, segmentation=rle(0, 0, width, height))


def click(category, x, y):
    return make_object(0, category, point=[x, y])


def found(fit) -> dict[str, int]:
    return {finding.what: finding.count for finding in fit.findings}


def test_sizes_are_those_at_the_input():
    # 40 × 30 pixels become 80 × 60: twice the size.
    fit = fitted(row(1, box(2, 2), box(4, 4), box(9, 4), box(16, 16), box(30, 29)))
    assert list(fit.sizes) == pytest.approx([4, 8, 12, 32, 59], abs=0.1)
    assert fit.level_objects == [1, 2, 0, 2, 0] and fit.unlearned == 0
    assert [(low, count) for low, _, count in fit.histogram() if count] == [(4, 1), (8, 2), (32, 2)]


def test_objects_that_no_level_takes():
    settings = InputSettings({"shortest_edge": 120, "longest_edge": 160}, None, (1,) * 5, RANGES, 9)
    fit = fitted(row(1, box(20, 20), box(20, 20), box(30, 30)), settings=settings)  # 80, 80, 120
    assert fit.unlearned == 2 and found(fit) == {"objects outside of all scale ranges": 2}


def test_sizes_of_boxes_and_of_nothing():
    only_box = make_object(0, 0, bbox=[1.0, 1.0, 4.0, 9.0])
    flat = make_object(0, 0, bbox=[1.0, 1.0, 0.0, 9.0])
    crowd = make_object(0, 0, segmentation=rle(0, 0, 9, 9), iscrowd=True)
    fit = fitted(row(1, only_box, flat, crowd, click(0, 3, 3)))
    assert list(fit.sizes) == pytest.approx([12.0]) and fit.points == 1
    assert fitted(row(1, click(0, 3, 3))).small_share() == 0


def test_small_objects_are_told():
    fit = fitted(row(1, box(2, 2), box(3, 3), box(20, 20)), row(2, box(20, 20)))
    assert found(fit) == {"objects smaller than 8 pixels at the input": 2}
    assert not found(fitted(row(1, box(20, 20))))


def test_points_in_shared_cells_are_of_one_class():
    # The finest cells are 10 × 7.5 pixels at the input (its canvas is 96 × 64): 6 × 4 pixels of the image.
    fit = fitted(row(1, click(0, 1, 1), click(0, 2, 2), click(1, 1, 2)), row(2, click(0, 1, 1), click(None, 1, 2)))
    assert fit.points == 5 and fit.crowded[0] == 2 and fit.crowded == [2] * 5
    apart = fitted(row(1, click(0, 1, 1), click(0, 30, 20)))
    assert apart.crowded == [0, 0, 0, 0, 2] and apart.lost == 0  # the coarsest grid is one cell


def test_points_that_the_official_code_loses():
    # Whatever its class, the last point in a cell takes it; who has no cell at any level is lost.
    fit = fitted(row(1, click(0, 1, 1), click(1, 2, 2), click(0, 1, 2), click(0, 30, 20)))
    assert fit.lost == 2
    assert found(fit)["points that share their grid cell with a later one at every level"] == 2


def test_lost_points_are_those_of_the_official_target_assignment():
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(40, 2, generator=generator) * torch.tensor([39.0, 29.0])
    settings = InputSettings({"shortest_edge": 60}, {"height": 64, "width": 96}, (5, 4, 4, 3, 2), RANGES, 99)
    fit = fitted(row(1, *[click(0, float(x), float(y)) for x, y in points]), settings=settings)
    none = torch.zeros(40, 4)
    owners = [assign_cells(points * 2, none, grid, (0, 1), (64, 96), 0).owners for grid in settings.num_grids]
    survivors = torch.cat(owners).unique()
    assert fit.lost == 40 - int((survivors >= 0).sum()) > 0


def test_images_with_more_objects_than_may_be_detected():
    many = row(2, *[box(4 + i, 20) for i in range(5)])
    fit = fitted(row(1, *[box(4 + i, 20) for i in range(3)]), many)
    assert fit.over_cap == {"images": 1, "objects": 2} and fit.most == 5
    finding = next(iter(fit.findings))
    assert finding.examples == ["2.png: 5 objects"] and finding.rows == [("train", 1)]


def test_canvas_and_size_of_an_image():
    assert SETTINGS.resized(30, 40) == (60, 80) and SETTINGS.canvas(30, 40) == (64, 96)
    fixed = InputSettings({"shortest_edge": 60}, {"height": 96, "width": 96}, (1,) * 5, RANGES, 3)
    assert fixed.resized(30, 60) == (60, 120) and fixed.canvas(30, 60) == (96, 96)


def test_settings_of_a_recipe(tmp_path):
    plain = tiny.recipe(tmp_path, model={}, teacher_model={}, max_detections=7)
    students, teacher = InputSettings.of_recipe(plain), InputSettings.of_recipe(plain, teacher=True)
    assert students.num_grids == (40, 36, 24, 16, 12) and students.scale_ranges[0] == (1, 96)
    assert teacher.num_grids == TEACHER_NUM_GRIDS and teacher.scale_ranges == TEACHER_SCALE_RANGES
    assert students.max_detections == 7 and students.image_size == tiny.IMAGE_SIZE
    given = InputSettings.of_recipe(tiny.recipe(tmp_path, teacher_model={"num_grids": [9, 8, 7, 6, 5]}), teacher=True)
    assert given.num_grids == (9, 8, 7, 6, 5) and given.scale_ranges[0] == (1, 24)
    with pytest.raises(UserError, match="(?s)model.num_grids: .*num_grids must have 5 entries"):
        InputSettings.of_recipe(tiny.recipe(tmp_path, model={"num_grids": [3]}))


def test_tiles_scale_objects_alike_and_have_cells_of_their_own():
    # Tiles of 20 pixels on a canvas of 64: objects are 3 times as large, in images of all sizes.
    settings = InputSettings({"shortest_edge": 60}, {"height": 64, "width": 64}, (8, 6, 4, 2, 1), RANGES, 99, 20)
    assert settings.resized(30, 40) == (90, 120) and settings.canvas(30, 40) == (64, 64)
    assert InputSettings({"shortest_edge": 60}, None, (1,) * 5, RANGES, 9, 20).canvas(300, 40) == (64, 64)
    objects = [box(2, 2), click(0, 1, 1), click(0, 39, 29), click(0, 38.9, 29)]
    fit = fitted(row(1, *objects), settings=settings)
    assert list(fit.sizes) == pytest.approx([6])
    # Two points share a tile, and there all cells; the third is alone in its tile.
    assert fit.crowded == [2] * 5
