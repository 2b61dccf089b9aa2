# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Training curves as a picture, drawn with Pillow: the losses, and the AP of intermediate evaluations."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image, ImageDraw, ImageFont

Series = dict[str, list[tuple[float, float]]]  # name → (step, value)

COLORS = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (213, 94, 0), (86, 180, 233))
PANEL = (640, 280)  # pixels
MARGINS = (64, 28, 16, 36)  # left, top, right, bottom: space for the tick labels
NUM_GRID_LINES = 4


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


def draw_curves(log: Sequence[Mapping[str, Any]]) -> Image.Image | None:
    """Draw the losses over the steps, and below them the AP if the log has any; None for an empty log.

    Args:
        log: training log, as in `curves_of`.
    """
    panels = [series for series in curves_of(log) if series]
    if not panels:
        return None
    picture = Image.new("RGB", (PANEL[0], PANEL[1] * len(panels)), (255, 255, 255))

    # All panels share the axis of steps.
    last_step = 0
    for series in panels:
        for points in series.values():
            last_step = max([last_step, *(step for step, _ in points)])
    for index, series in enumerate(panels):
        picture.paste(_panel(series, last_step), (0, index * PANEL[1]))
    return picture


def _panel(series: Series, last_step: float) -> Image.Image:
    """Draw one set of axes that starts at step 0 and value 0."""
    panel = Image.new("RGB", PANEL, (255, 255, 255))
    draw, font = ImageDraw.Draw(panel), ImageFont.load_default(12)
    left, top, right, bottom = MARGINS[0], MARGINS[1], PANEL[0] - MARGINS[2], PANEL[1] - MARGINS[3]
    highest = _round_up(max(value for points in series.values() for _, value in points))
    last_step = max(last_step, 1)

    def place(step: float, value: float) -> tuple[float, float]:
        # Pixel coordinates point down, values up; negative values are drawn at 0.
        return left + (right - left) * step / last_step, bottom - (bottom - top) * max(value, 0) / highest

    # Grid lines and labels of both axes.
    for line in range(NUM_GRID_LINES + 1):
        fraction = line / NUM_GRID_LINES
        y = place(0, highest * fraction)[1]
        draw.line((left, y, right, y), fill=(220, 220, 220))
        draw.text((left - 6, y), f"{highest * fraction:g}", fill=(80, 80, 80), font=font, anchor="rm")
        x = place(last_step * fraction, 0)[0]
        draw.text((x, bottom + 6), f"{last_step * fraction:.0f}", fill=(80, 80, 80), font=font, anchor="mt")
    draw.text((right, PANEL[1] - 4), "steps", fill=(80, 80, 80), font=font, anchor="rb")

    # Each series in its color, with its name above; a dense series gets a dot at its end only.
    x = left
    for index, (name, points) in enumerate(series.items()):
        color = COLORS[index % len(COLORS)]
        draw.text((x, 8), name, fill=color, font=font)
        x += int(draw.textlength(name, font)) + 16
        placed = [place(*point) for point in points]
        if len(placed) > 1:
            draw.line(placed, fill=color, width=2, joint="curve")
        for center in placed if len(placed) < 30 else placed[-1:]:
            draw.circle(center, 3, fill=color)
    return panel


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
