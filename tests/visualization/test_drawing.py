# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
from PIL import Image

from pointwssis.data import hide_masks, make_shapes_dataset
from pointwssis.visualization.drawing import (
    LEVEL_COLORS,
    PANEL_TITLES,
    contact_sheet,
    draw_instances,
    draw_level_map,
    draw_points,
    instance_colors,
    pseudo_label_panels,
)

GRAY = Image.new("L", (40, 20), 100)
MASK = np.zeros((20, 40), bool)
MASK[5:15, 10:30] = True


def test_colors_differ():
    colors = instance_colors(21)
    assert len(set(colors)) == 21 and instance_colors(0) == []
    assert all(0 <= value <= 255 and isinstance(value, int) for color in colors for value in color)
    assert len(set(instance_colors(500))) == 21  # then they come again


def test_masks_are_painted_where_they_are():
    pixels = np.asarray(draw_instances(GRAY, MASK[None], colors=[(255, 0, 0)], opacity=0.5, min_side=0))
    assert (pixels[~MASK] == 100).all()
    assert (pixels[8, 20] == [178, 50, 50]).all()
    assert (pixels[5, 10:30] == [255, 0, 0]).all()  # the outline
    large = draw_instances(GRAY, MASK[None], colors=[(255, 0, 0)], min_side=100)
    assert large.size == (200, 100)
    assert (np.asarray(large)[2::5, 2::5] == 100).all(axis=2).sum() == (~MASK).sum()


def test_small_masks_lie_on_top():
    small = np.zeros_like(MASK)
    small[8:12, 18:22] = True
    drawn = draw_instances(GRAY, [small, MASK], colors=[(0, 0, 255), (255, 0, 0)], opacity=1.0, min_side=0)
    assert drawn.getpixel((20, 10)) == (0, 0, 255) and drawn.getpixel((12, 10)) == (255, 0, 0)


def test_outlines_have_the_width_that_is_asked_for():
    widths = []
    for outline_width in (None, 1, 3):
        drawn = draw_instances(GRAY, [MASK], colors=[(255, 0, 0)], opacity=0, min_side=0, outline_width=outline_width)
        row = np.asarray(drawn)[10]
        widths.append((row == [255, 0, 0]).all(axis=1).sum() // 2)
    assert widths == [1, 1, 3]


def test_nothing_to_draw():
    for masks in ([], np.zeros((0, 20, 40), bool), [np.zeros((20, 40), bool)]):
        assert np.array_equal(draw_instances(GRAY, masks, min_side=0), GRAY.convert("RGB"))
    assert np.array_equal(draw_points(GRAY, [], min_side=0), GRAY.convert("RGB"))
    draw_instances(GRAY, [np.zeros((20, 40), bool)], labels=["gone"])


def test_a_mask_of_another_size():
    with pytest.raises(ValueError, match=r"mask 0 is 40 × 20; the image has height × width \(20, 40\)"):
        draw_instances(GRAY, [MASK.T])


@pytest.mark.parametrize("point", [(0, 0), (39, 19), (12.5, 7.25)])
def test_points_are_marked_where_they_are(point):
    drawn = np.asarray(draw_points(GRAY, [point], colors=[(0, 255, 0)], min_side=200)).astype(int)
    assert drawn.shape == (200, 400, 3)
    green = np.argwhere((drawn == [0, 255, 0]).all(axis=2))
    center = (np.array(point[::-1]) + 0.5) * 10
    assert (np.abs(green - center).max(axis=1) < 12).all() and len(green) > 15
    assert GRAY.getpixel((0, 0)) == 100  # the source stays


def test_labels_stay_inside():
    edge = np.zeros_like(MASK)
    edge[0:2, 38:40] = True
    plain = np.asarray(draw_instances(GRAY, [edge], min_side=256))
    written = np.asarray(draw_instances(GRAY, [edge], labels=["a long name"], min_side=256))
    assert written.shape == plain.shape and (written != plain).any()


def test_labels_leave_room_for_the_masks():
    for side in (600, 2000):
        plain = np.asarray(draw_instances(GRAY, [MASK], min_side=side))
        written = np.asarray(draw_instances(GRAY, [MASK], labels=["name"], min_side=side))
        rows = np.flatnonzero((written != plain).any(axis=(1, 2)))
        assert 0 < rows[-1] - rows[0] < min(plain.shape[:2]) / 30


def test_levels_have_their_colors():
    drawn = draw_level_map(Image.new("RGB", (256, 256)), [np.eye(256, dtype=bool)] * 2, [0, None])
    assert drawn.height > 256 and drawn.width == 256
    pixels = {tuple(pixel) for pixel in np.asarray(drawn).reshape(-1, 3)}
    assert set(LEVEL_COLORS) <= pixels  # the legend shows all


def test_contact_sheet():
    red, blue = Image.new("RGB", (10, 20), (255, 0, 0)), Image.new("RGB", (300, 100), (0, 0, 255))
    sheet = contact_sheet([[red, None], [blue]], ["one", "two"], ["first", "second"], cell_size=60)
    pixels = np.asarray(sheet)
    assert (pixels == [255, 0, 0]).all(axis=2).sum() == 30 * 60
    assert (pixels == [0, 0, 255]).all(axis=2).sum() == 60 * 20
    assert sheet.width == 2 * 66 + 6
    with pytest.raises(ValueError, match="at least one row with one image"):
        contact_sheet([])


def test_panels_of_pseudo_labels():
    ground_truth = make_shapes_dataset(3, (64, 64), seed=2)
    row = max(ground_truth, key=lambda row: len(row["objects"]))
    panels = pseudo_label_panels(row, row)
    assert len(panels) == len(PANEL_TITLES) and panels[2] is None
    assert all(panel.size == (256, 256) for panel in panels if panel)
    assert np.array_equal(panels[3], panels[4])  # an object has one color throughout
    points = next(r for r in hide_masks(ground_truth) if r["image_id"] == row["image_id"])
    panels = pseudo_label_panels(points, row)
    assert panels[3] is None and panels[4] is not None
    assert pseudo_label_panels(points)[4] is None
    assert contact_sheet([panels], PANEL_TITLES).size[0] > 5 * 256
