# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import numpy as np

from pointwssis.visualization.curves import (
    COLORS,
    MARGINS,
    PANEL,
    curves_of,
    draw_curves,
    draw_learning_curves,
    draw_precision_recall,
)

LOG = [
    {"step": step, "loss": 4.0 / step, "loss_mask": 2.0 / step, "learning_rate": 0.1, "epoch": 1} for step in (1, 5, 10)
]


def columns_of(picture, color) -> np.ndarray:
    """Return the columns that contain a color, below the names of the curves."""
    return np.flatnonzero((np.asarray(picture)[MARGINS[1] - 6 :] == color).all(axis=2).any(axis=0))


def test_losses_and_precisions_come_apart():
    losses, precisions = curves_of([*LOG, {"step": 10, "eval_AP": 0.5, "eval_AP50": 0.75, "eval_runtime": 3.0}])
    assert losses == {"loss": [(1, 4.0), (5, 0.8), (10, 0.4)], "loss_mask": [(1, 2.0), (5, 0.4), (10, 0.2)]}
    assert precisions == {"AP (%)": [(10, 50.0)], "AP50 (%)": [(10, 75.0)]}


def test_numbers_that_are_none_are_left_out():
    assert curves_of([{"step": 1, "loss": float("nan")}, {"step": 2, "loss": float("inf"), "eval_AP": None}]) == (
        {},
        {},
    )
    assert draw_curves([]) is None and draw_curves([{"step": 1, "loss": float("nan")}]) is None


def test_one_panel_a_kind():
    assert draw_curves(LOG).size == PANEL
    assert draw_curves([*LOG, {"step": 10, "eval_AP": 0.5}]).size == (PANEL[0], 2 * PANEL[1])


def test_a_curve_spans_its_steps_and_falls():
    picture = draw_curves(LOG)
    columns = columns_of(picture, COLORS[0])
    width = PANEL[0] - MARGINS[0] - MARGINS[2]
    assert abs(columns.min() - (MARGINS[0] + width / 10)) < 6 and abs(columns.max() - (PANEL[0] - MARGINS[2])) < 6
    rows = [np.flatnonzero((np.asarray(picture)[:, column] == COLORS[0]).all(axis=1)) for column in (120, 600)]
    assert rows[0].max() < rows[1].min()  # further up is more
    assert len(columns_of(picture, COLORS[1]))


def test_one_entry_zero_and_negative_values_are_drawn():
    for value in (0.0, -1.0, 1e-9, 1e9):
        assert len(columns_of(draw_curves([{"step": 0, "loss": value}]), COLORS[0]))


def test_several_models_share_the_axes():
    logs = {"teacher": [*LOG, {"step": 10, "eval_AP": 0.5}], "student": LOG, "upper": []}
    picture = draw_learning_curves(logs)
    assert picture.size == (PANEL[0], 2 * PANEL[1])
    assert len(columns_of(picture, COLORS[1]))
    assert draw_learning_curves({"teacher": []}) is None and draw_learning_curves({}) is None
    # Names that do not fit beside each other take further lines, above the axes.
    many = draw_learning_curves({f"a model with a long name {number}": LOG for number in range(6)})
    rows = np.flatnonzero((np.asarray(many) == COLORS[5]).all(axis=2).any(axis=1))
    assert rows.min() > 20 and many.size == PANEL


def test_precision_falls_over_recall():
    picture = draw_precision_recall({"teacher": [1.0] * 51 + [0.5] * 50, "student": [1.0] * 101})
    first = np.asarray(picture)
    left, right = ((first[:, column] == COLORS[0]).all(axis=1).nonzero()[0] for column in (200, 500))
    assert len(right) and right.min() > 100 and (not len(left) or left.max() < 60)
    assert draw_precision_recall({}) is None
