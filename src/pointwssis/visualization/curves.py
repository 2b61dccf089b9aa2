# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Curves as pictures, drawn with Pillow: losses and AP over the steps of trainings, and precision over recall."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from PIL import Image, ImageDraw, ImageFont

Series = dict[str, list[tuple[float, float]]]  # name → (step, value)

COLORS = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (213, 94, 0), (86, 180, 233))
PANEL = (640, 280)  # pixels
MARGINS = (64, 28, 16, 36)  # left, top, right, bottom: space for the tick labels
LEGEND_TOP, LEGEND_LINE = 8, 16  # upper edge of the first line of names, and distance of the lines
NUM_GRID_LINES = 4
DENSE = 30  # points of a series from which they get no dots


def curves_of(log: Sequence[Mapping[str, Any]]) -> tuple[Series, Series]:
    """Return losses and AP of a training log.

    Args:
        log: entries with `step` and any of `loss`, `loss_…`, `eval_AP`, `eval_AP50` (`training_log.json`).

    Returns:
        The series of the losses and those of the AP in percent; a series without a value is left out.

    Example:
        >>> curves_of([{"step": 1, "loss": 2.0, "learning_rate": 0.1}, {"step": 2, "eval_AP": 0.25}])
        ({'loss': [(1, 2.0)]}, {'AP (%)': [(2, 25.0)]})
    """
    losses: Series = {}
    precisions: Series = {}
    for entry in log:
        # Other fields, such as the learning rate, and values that are not finite are not drawn.
        for name, value in entry.items():
            if not isinstance(value, (int, float)) or not math.isfinite(value):
                continue
            if name == "loss" or name.startswith("loss_"):
                losses.setdefault(name, []).append((entry["step"], value))
            elif name in ("eval_AP", "eval_AP50"):
                precisions.setdefault(f"{name.removeprefix('eval_')} (%)", []).append((entry["step"], 100 * value))
    return losses, precisions


class Axes(NamedTuple):
    """Axes of one panel, both from 0."""

    series: Series
    last: float  # largest value of the horizontal axis
    highest: float  # largest value of the vertical axis
    title: str  # of the horizontal axis


def draw_curves(log: Sequence[Mapping[str, Any]]) -> Image.Image | None:
    """Draw the losses over the steps, and below them the AP if the log has any; None for an empty log.

    Args:
        log: training log, as in `curves_of`.
    """
    return _drawn_over_steps(curves_of(log))


def draw_learning_curves(logs: Mapping[str, Sequence[Mapping[str, Any]]]) -> Image.Image | None:
    """Draw the total losses of several models over their steps, and below them their AP; None without any value.

    Args:
        logs: name of the model → training log, as in `curves_of`.
    """
    losses: Series = {}
    precisions: Series = {}
    for name, log in logs.items():
        own_losses, own_precisions = curves_of(log)
        losses |= {f"loss, {name}": own_losses["loss"]} if "loss" in own_losses else {}
        precisions |= {f"AP (%), {name}": own_precisions["AP (%)"]} if "AP (%)" in own_precisions else {}
    return _drawn_over_steps((losses, precisions))


def draw_precision_recall(curves: Mapping[str, Sequence[float]]) -> Image.Image | None:
    """Draw precision over recall, both in percent; None without a curve.

    Args:
        curves: name → precisions at evenly spaced recalls from 0 to 1, see `CocoEvaluator.precision_recall`.
    """
    if not curves:
        return None
    series: Series = {}
    for name, precisions in curves.items():
        last = max(1, len(precisions) - 1)
        points = [(100 * index / last, 100 * value) for index, value in enumerate(precisions)]
        # The curve ends at the first recall that is not reached, where it falls to 0.
        ends = next((index for index, value in enumerate(precisions) if value == 0), last)
        series[name] = points[: ends + 1]
    return _panel(Axes(series, 100, 100, "precision (%) over recall (%)"))


def _drawn_over_steps(panels: Sequence[Series]) -> Image.Image | None:
    """Draw each set of series that is not empty, one below the other, over a common axis of steps."""
    panels = [series for series in panels if series]
    if not panels:
        return None
    picture = Image.new("RGB", (PANEL[0], PANEL[1] * len(panels)), (255, 255, 255))
    last_step = 1.0
    for series in panels:
        for points in series.values():
            last_step = max([last_step, *(step for step, _ in points)])
    for index, series in enumerate(panels):
        highest = _round_up(max(value for points in series.values() for _, value in points))
        picture.paste(_panel(Axes(series, last_step, highest, "steps")), (0, index * PANEL[1]))
    return picture


def _panel(axes: Axes) -> Image.Image:
    """Draw one set of axes with its series."""
    # The names of the series stand above the axes, in as many lines as they take.
    font = ImageFont.load_default(12)
    places = _legend(list(axes.series), font)
    panel = Image.new("RGB", PANEL, (255, 255, 255))
    draw = ImageDraw.Draw(panel)
    left, right, bottom = MARGINS[0], PANEL[0] - MARGINS[2], PANEL[1] - MARGINS[3]
    top = MARGINS[1] + max(y for _, y in places) - LEGEND_TOP

    def place(x: float, y: float) -> tuple[float, float]:
        # Pixel coordinates point down, values up; negative values are drawn at 0.
        return left + (right - left) * x / axes.last, bottom - (bottom - top) * max(y, 0) / axes.highest

    # Grid lines and labels of both axes.
    for line in range(NUM_GRID_LINES + 1):
        fraction = line / NUM_GRID_LINES
        y = place(0, axes.highest * fraction)[1]
        draw.line((left, y, right, y), fill=(220, 220, 220))
        draw.text((left - 6, y), f"{axes.highest * fraction:g}", fill=(80, 80, 80), font=font, anchor="rm")
        x = place(axes.last * fraction, 0)[0]
        draw.text((x, bottom + 6), f"{axes.last * fraction:.0f}", fill=(80, 80, 80), font=font, anchor="mt")
    draw.text((right, PANEL[1] - 4), axes.title, fill=(80, 80, 80), font=font, anchor="rb")

    # Each series in its color, with its name above
    for index, ((name, points), corner) in enumerate(zip(axes.series.items(), places, strict=True)):
        color = COLORS[index % len(COLORS)]
        draw.text(corner, name, fill=color, font=font)
        placed = [place(*point) for point in points]
        if len(placed) > 1:
            draw.line(placed, fill=color, width=2, joint="curve")
        # A dense series gets a dot at its end only.
        dots = placed if len(placed) < DENSE else placed[-1:]
        for center in dots:
            draw.circle(center, 3, fill=color)
    return panel


def _legend(names: Sequence[str], font: Any) -> list[tuple[int, int]]:
    """Return the upper left corner of each name, in lines of the width of a panel."""
    places, x, y = [], MARGINS[0], LEGEND_TOP
    for name in names:
        width = math.ceil(font.getlength(name))
        if x > MARGINS[0] and x + width > PANEL[0] - MARGINS[2]:
            x, y = MARGINS[0], y + LEGEND_LINE
        places.append((x, y))
        x += width + 16
    return places


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 4, 5 or 8 times a power of ten, so that grid lines fall on round numbers.

    Example:
        >>> _round_up(0.031), _round_up(3.2), _round_up(41)
        (0.04, 4.0, 50.0)
    """
    if value <= 0:
        return 1.0
    # The tolerance keeps rounding errors from pushing a round value to the next step.
    power = 10.0 ** math.floor(math.log10(value))
    return next(round(step * power, 12) for step in (1, 2, 4, 5, 8, 10) if step * power >= value * (1 - 1e-9))
