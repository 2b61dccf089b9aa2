# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Figures 2, 4, 5, 6 and 7 as pictures."""

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from datasets import Dataset
from PIL import Image, ImageDraw, ImageFont

from pointwssis.data import objects_with_mask, read_image
from pointwssis.models.solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from pointwssis.models.solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from pointwssis.ops.coco_masks import RLE
from pointwssis.ops.devices import best_device
from pointwssis.pipelines import PointInstanceSegmentationPipeline
from pointwssis.visualization.curves import COLORS
from pointwssis.visualization.drawing import (
    LEVEL_NAMES,
    PANEL_OPACITY,
    PANEL_OUTLINE,
    PANEL_TITLES,
    contact_sheet,
    draw_instances,
    draw_level_map,
    pseudo_label_panels,
)

from .experiment import Experiment
from .levels import LevelDecoder
from .published import Row
from .report import Report

IMAGES = 6  # rows of a picture
MIN_OBJECTS = 3  # images with fewer objects show little
SHOWN_SCORE = 0.3  # lowest score of a detection in figure 7
CURVES = {
    "masks alone": "control",
    "strongest augmentation": "augmented",
    "+ unlabeled": "unlabeled_0.3",
    "+ points": "student_point",
    "+ points + MaskRefineNet": "student_refined",
}
PLOT, MARGIN, LEGEND_GAP = (720, 400), 60, 22  # pixels
GRAY, LIGHT_GRAY, FONT = (80, 80, 80), (220, 220, 220), ImageFont.load_default(13)


def draw_figure(name: str, experiment: Experiment, path: Path) -> None:
    """Draw a figure of one experiment, whose models are trained.

    Args:
        name: "figure2", "figure4", "figure5" or "figure7".
        experiment: the experiment.
        path: PNG file.
    """
    draw = {"figure2": figure_2, "figure4": figure_4, "figure5": figure_5, "figure7": figure_7}[name]
    draw(experiment).save(path)


def figure_2(experiment: Experiment) -> Image.Image:
    """Draw the pseudo labels of images without labels at two thresholds, and those of points."""
    pipe = segmenter(experiment.run.folder / "teacher")
    panels = []
    for row in busy(experiment.hidden):
        image, objects = read_image(row), objects_with_mask(row)
        points = [item["point"] for item in objects]
        labels = [item["category"] for item in objects]
        found = [pipe(image, threshold=threshold, mask_format="numpy") for threshold in (0.1, 0.5)]
        found.append(pipe(image, points=points, labels=labels, mask_format="numpy"))
        drawn = [on_gray(image, [one["mask"] for one in instances]) for instances in found]
        panels.append([image, *drawn, on_gray(image, masks_of(objects))])
    return contact_sheet(panels, ("image", "score from 0.1", "score from 0.5", "points", "ground truth"))


def figure_4(experiment: Experiment) -> Image.Image:
    """Draw the masks that each pyramid level makes of the points, and the levels that the points select."""
    decoder, panels = LevelDecoder(experiment.run.folder / "teacher"), []
    for row in busy(experiment.hidden):
        image, found = read_image(row), decoder(row)
        panel = []
        for level in range(len(LEVEL_NAMES)):
            own = [one["mask"].cpu().numpy() for one in found["every_level"] if one["level"] == level]
            panel.append(on_gray(image, own))
        chosen = found["adaptive"]
        masks = [one["mask"].cpu().numpy() for one in chosen]
        panel.append(draw_level_map(image, masks, [one["level"] for one in chosen]))
        panels.append(panel)
    return contact_sheet(panels, (*LEVEL_NAMES, "selected levels"))


def figure_5(experiment: Experiment) -> Image.Image:
    """Draw rough and refined masks beside the ground truth."""
    labels, truth = experiment.run.labeling.pseudo_labels()["refined"], experiment.run.data.train
    places = {image_id: place for place, image_id in enumerate(truth["image_id"])}
    panels = [pseudo_label_panels(row, truth[places[row["image_id"]]]) for row in busy(labels)]
    return contact_sheet(panels, PANEL_TITLES)


def figure_7(experiment: Experiment) -> Image.Image:
    """Draw the detections of control, student and upper bound in validation images."""
    folders = {"control": "control", "masks + points": "student_refined", "all masks": "upper_bound"}
    pipes = [segmenter(experiment.run.folder / folder) for folder in folders.values()]
    panels = []
    for row in busy(experiment.run.data.validation):
        image = read_image(row)
        found = [pipe(image, threshold=SHOWN_SCORE, mask_format="numpy") for pipe in pipes]
        drawn = [on_gray(image, [one["mask"] for one in instances]) for instances in found]
        panels.append([image, *drawn, on_gray(image, masks_of(objects_with_mask(row)))])
    return contact_sheet(panels, ("image", *folders, "ground truth"))


class Axes(NamedTuple):
    """The axes of figure 6: fractions of masks on a logarithmic scale, and AP from 0."""

    fractions: Sequence[float]  # in ascending order
    highest: float  # AP at the top

    def place(self, fraction: float, value: float) -> tuple[float, float]:
        """Return (x, y) in pixels of the picture."""
        least, most = math.log(self.fractions[0]), math.log(self.fractions[-1])
        share = (math.log(fraction) - least) / max(most - least, 1e-9)
        x = MARGIN + share * (PLOT[0] - 2 * MARGIN)
        return x, PLOT[1] - MARGIN - value / self.highest * (PLOT[1] - 2 * MARGIN)

    def draw(self, draw: ImageDraw.ImageDraw) -> None:
        """Draw one tick per fraction, and four lines of AP."""
        for fraction in self.fractions:
            x, _ = self.place(fraction, 0)
            draw.text((x, PLOT[1] - MARGIN + 8), f"{100 * fraction:g}%", GRAY, FONT, "mt")
        for value in np.linspace(0, self.highest, 5):
            y = self.draw_line(draw, float(value), LIGHT_GRAY)
            draw.text((MARGIN - 8, y), f"{value:g}", GRAY, FONT, "rm")
        draw.text((PLOT[0] - MARGIN, PLOT[1] - 8), "images with masks", GRAY, FONT, "rb")
        draw.text((MARGIN - 8, MARGIN - 18), "AP", GRAY, FONT, "rm")

    def draw_line(self, draw: ImageDraw.ImageDraw, value: float, color: tuple[int, int, int]) -> float:
        """Draw a horizontal line at an AP, and return its y."""
        _, y = self.place(self.fractions[0], value)
        draw.line((MARGIN, y, PLOT[0] - MARGIN, y), fill=color)
        return y


def draw_figure_6(report: Report, fractions: Sequence[float], path: Path) -> None:
    """Draw AP against the fraction of masks, with bars of one standard deviation, and the upper bound.

    Args:
        report: results of all seeds.
        fractions: fractions of masks, in ascending order.
        path: PNG file.
    """
    curves = {title: curve_of(report, key, fractions) for title, key in CURVES.items()}
    upper = list(report.values(Row("", "upper_bound"), "AP").values())
    everything = [*upper, *(value for curve in curves.values() for values in curve.values() for value in values)]
    highest = max(10, 10 * math.ceil(max(everything, default=0) / 10))
    # The axis ends where the measurements do.
    measured = [fraction for fraction in fractions if any(fraction in curve for curve in curves.values())]
    axes, picture = Axes(measured or fractions, highest), Image.new("RGB", PLOT, (255, 255, 255))
    draw = ImageDraw.Draw(picture)
    axes.draw(draw)
    if upper:
        y = axes.draw_line(draw, statistics.mean(upper), GRAY)
        draw.text((MARGIN + 4, y - 2), "all masks", GRAY, FONT, "lb")
    left = MARGIN
    for color, (title, curve) in zip(COLORS, curves.items(), strict=False):
        draw_curve(draw, axes, curve, color)
        draw.text((left, 16), title, color, FONT)
        left += draw.textlength(title, FONT) + LEGEND_GAP
    picture.save(path)


def curve_of(report: Report, key: str, fractions: Sequence[float]) -> dict[float, list[float]]:
    """Return fraction of masks → AP of each seed, without fractions that no seed has measured."""
    values = {fraction: list(report.values(Row("", key, fraction=fraction), "AP").values()) for fraction in fractions}
    return {fraction: own for fraction, own in values.items() if own}


def draw_curve(draw: ImageDraw.ImageDraw, axes: Axes, curve: dict[float, list[float]], color: Any) -> None:
    """Draw the mean of each fraction as a point with a bar of one standard deviation, and a line through all points."""
    points = []
    for fraction, values in curve.items():
        mean, spread = statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0
        points.append(axes.place(fraction, mean))
        draw.line([axes.place(fraction, max(mean - spread, 0)), axes.place(fraction, mean + spread)], color, 1)
        draw.circle(points[-1], 3, color)
    if len(points) > 1:
        draw.line(points, color, 2)


def segmenter(folder: Path) -> PointInstanceSegmentationPipeline:
    """Return the pipeline of a trained model."""
    model = SOLOv2ForInstanceSegmentation.from_pretrained(folder)
    processor = SOLOv2ImageProcessorPil.from_pretrained(folder)
    return PointInstanceSegmentationPipeline(model=model, image_processor=processor, device=best_device())


def busy(rows: Dataset) -> list[dict[str, Any]]:
    """Return the first images with some objects; any images if there are none."""
    counts = [len(objects) for objects in rows["objects"]]
    chosen = [place for place, count in enumerate(counts) if count >= MIN_OBJECTS] or range(len(rows))
    return [rows[place] for place in chosen[:IMAGES]]


def on_gray(image: Image.Image, masks: Sequence[np.ndarray | RLE]) -> Image.Image:
    """Draw masks on a gray image, whose own colors would hide theirs."""
    return draw_instances(image.convert("L"), masks, opacity=PANEL_OPACITY, outline_width=PANEL_OUTLINE)


def masks_of(objects: Sequence[dict[str, Any]]) -> list[RLE]:
    """Return the masks of objects."""
    return [item["segmentation"] for item in objects]
