# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest

from helpers.rectangles import mask, rectangle_rows
from pointwssis.ops import encode_mask
from pointwssis.visualization.close_ups import OWN_COLOR, PANEL_TITLES, close_ups


@pytest.fixture
def row(tmp_path):
    return rectangle_rows(tmp_path).with_format(None)[0]


def colors_of(image):
    return {tuple(int(value) for value in color) for color in np.asarray(image).reshape(-1, 3)}


def test_a_close_up_shows_the_surroundings_of_one_object(row):
    item = {**row["objects"][0], "rough_segmentation": encode_mask(mask(40, 60, (2, 3, 8, 9)))}
    panels = close_ups(row, item)
    assert len(panels) == len(PANEL_TITLES) and len({panel.size for panel in panels}) == 1
    # The window is cut at the border of the image, and shows its own click, not that of the object far away.
    assert all(OWN_COLOR in colors_of(panel) for panel in panels)
    assert (10, 10, 250) not in colors_of(panels[0]) and (250, 10, 10) in colors_of(panels[0])
    # The rough mask is smaller than the label.
    outlines = [np.all(np.asarray(panel) == OWN_COLOR, axis=-1).sum() for panel in panels[1:]]
    assert 0 < outlines[0] < outlines[1]


def test_empty_masks_and_missing_ones(row):
    empty = encode_mask(np.zeros((40, 60), bool))
    by_click = close_ups(row, {**row["objects"][0], "segmentation": empty, "rough_segmentation": None})
    assert by_click[1] is None and OWN_COLOR not in colors_of(by_click[2]) and OWN_COLOR in colors_of(by_click[0])
    # Nothing tells where a proposal with an empty mask is, so the whole image is shown.
    whole = close_ups(row, {**row["objects"][0], "segmentation": empty, "rough_segmentation": empty, "point": None})
    assert whole[2].width / whole[2].height == pytest.approx(60 / 40)
