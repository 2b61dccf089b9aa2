# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Settings that suit data: input size, pyramid, detection cap, crops, each with its reason.

The rules are few and their numbers are stated; where they come from:

* Masks have a quarter of the input's resolution, and that is what small objects suffer from: on the nuclei, even true
  masks come back from a quarter of a 256 pixel input with an AP of 45.7. So the input is as large as nine of ten
  objects need to have `WANTED` pixels, as far as the machine can train on it in the time that it is given.
- The pyramid is that of SOLOv2, scaled: its ranges double from level to level and overlap by half, and the finest one
  takes about half of the objects, as the default ranges do with COCO.
"""

import math
from dataclasses import dataclass

import numpy as np

from .data_facts import DataFacts
from .settings import Setting

WANTED = 16  # pixels at the input that nine of ten objects should have: 4 × 4 pixels of a mask
LEAST = 8  # pixels that half of them need at the very least
STEP = 32  # inputs are multiples of the coarsest stride
SMALLEST, LARGEST = 128, 1344
ENLARGEMENT = 2  # times the images' own size: more adds pixels, but no detail
SQUARE = 1.25  # median aspect ratio up to which images share one square canvas
LARGEST_BASE = 256  # where the finest level ends at most; the coarsest one begins at four times that
FINEST_GRIDS = (24, 32, 40, 48, 64, 80)
GRID_SHAPE = (1.0, 0.9, 0.6, 0.4, 0.3)  # of the default grids 40, 36, 24, 16, 12
CROWDED = 0.02  # part of the points that may share a cell of the finest grid with another one of their class
CROWD = 10  # objects in an image of which a part is still worth learning from
CROP_SIZES = (64, 96, 128, 192, 256)


@dataclass(frozen=True)
class InputSize:
    """How images are scaled: to a shortest edge, at most to a longest one, on a square canvas or as they come."""

    shortest: int
    longest: int
    square: bool

    @property
    def image_size(self) -> dict[str, int]:
        return {"shortest_edge": self.shortest, "longest_edge": self.longest}

    @property
    def pad_size(self) -> dict[str, int] | None:
        return {"height": self.longest, "width": self.longest} if self.square else None


def input_size(facts: DataFacts, side: int) -> InputSize:
    """The input whose typical image has this longer side.

    Args:
        facts: of the data.
        side: a multiple of `STEP`.
    """
    ratios = facts.aspect_ratios
    if np.median(ratios) <= SQUARE:
        return InputSize(side, side, square=True)
    shortest = max(STEP, _rounded(side / float(np.median(ratios)), STEP))
    longest = math.ceil(shortest * float(np.percentile(ratios, 95)) / STEP) * STEP
    return InputSize(shortest, max(side, longest), square=False)


def side_for(facts: DataFacts, percentile: float, pixels: float) -> int:
    """The smallest side at which so many percent of the objects are not above these pixels; bounded."""
    most = min(LARGEST, max(SMALLEST, math.floor(ENLARGEMENT * facts.longest_side / STEP) * STEP))
    for side in range(SMALLEST, most, STEP):
        size = input_size(facts, side)
        if np.percentile(facts.sizes_at(size.shortest, size.longest), percentile) >= pixels:
            return side
    return most


def input_settings(facts: DataFacts, size: InputSize, slow: str) -> list[Setting]:
    """Input size and what depends on it.

    Args:
        facts: of the data.
        size: that was chosen.
        slow: why it is not as large as the objects ask for; empty if it is.
    """
    tenth, median = np.percentile(facts.sizes_at(size.shortest, size.longest), (10, 50))
    reason = f"half of the objects have {median:.0f} pixels and more at this input, nine of ten {tenth:.0f} and more"
    if slow:
        reason += f". {slow}"
    elif tenth < WANTED:
        reason += (
            f"; beyond {ENLARGEMENT} times the images' own size ({facts.longest_side:.0f}) nothing new is to be seen"
        )
    ratio = float(np.median(facts.aspect_ratios))
    if size.square:
        canvas = f"the images are about square (median ratio {ratio:.2f}): all go onto one canvas, as do the grids"
    else:
        canvas = f"the images are long (median ratio {ratio:.2f}): a batch of similar shapes is padded to its largest"
    smaller = max(STEP, _rounded(0.9 * size.shortest, STEP))
    return [
        Setting("image_size", size.image_size, reason),
        Setting("pad_size", size.pad_size, canvas),
        Setting("train_shortest_edges", sorted({smaller, size.shortest}), "a little variation of scale"),
        augmentation_setting(facts),
    ]


def augmentation_setting(facts: DataFacts) -> Setting:
    """Augmentation; whether pictures have an up is left to people."""
    values: dict[str, float] = {"brightness": 0.2, "contrast": 0.2}
    reason = "few images with masks: their light is varied"
    crowd = float(np.median(facts.objects_per_image))
    if crowd >= CROWD:
        values["min_crop"] = 0.6
        reason += f", and parts of them taken, since half of the images show {crowd:.0f} objects and more"
    return Setting("augmentation", values, f"{reason}. Where nothing has an up (microscopes, satellites), add "
                                           "vertical_flip: 0.5, rotate90: true")  # fmt: skip


def pyramid_settings(facts: DataFacts, size: InputSize, crowded: dict[int, float]) -> list[Setting]:
    """Grids and scale ranges.

    Args:
        facts: of the data.
        size: of the input.
        crowded: finest grid → part of the points that share a cell with another one of their class.
    """
    median = float(np.median(facts.sizes_at(size.shortest, size.longest)))
    base = min(max(8, math.ceil(1.15 * median / 8) * 8), LARGEST_BASE)
    ranges = [[1, base], [base // 2, 2 * base], [base, 4 * base], [2 * base, 8 * base], [4 * base, 2048]]
    finest = finest_grid(size, crowded)
    share = crowded[finest]
    reason = f"{share:.1%} of the points share a cell of {finest} × {finest} with another one of their class"
    if share > CROWDED:
        reason += f"; finer cells than the stride of 8 ({size.longest} / 8 = {size.longest // 8}) see nothing new"
    below = f"half of the objects are below {median:.0f} pixels at this input, the finest level takes a few more"
    return [
        Setting("model.num_grids", [max(4, round(part * finest)) for part in GRID_SHAPE], reason),
        Setting("model.scale_ranges", ranges, below),
    ]


def finest_grid(size: InputSize, crowded: dict[int, float]) -> int:
    """The coarsest of the finest grids that keeps points apart, and not finer than the features."""
    allowed = [grid for grid in FINEST_GRIDS if grid <= max(24, size.longest / 8)]
    return next((grid for grid in allowed if crowded[grid] <= CROWDED), allowed[-1])


def detection_settings(facts: DataFacts) -> list[Setting]:
    """How many instances an image may get."""
    cap = max(100, math.ceil(1.05 * facts.most_objects / 50) * 50)
    return [
        Setting("max_detections", cap, f"the fullest image holds {facts.most_objects} objects (COCO's cap is 100)"),
        Setting("model.nms_top_k", max(500, math.ceil(3.5 * cap / 500) * 500), "proposals before the suppression"),
        Setting("model.score_threshold", 0.05),
    ]


def crop_setting(facts: DataFacts, largest: int) -> Setting:
    """Side of the refiner's crops, which are twice as large as their object."""
    extents = facts.boxes.max(axis=1)
    upper = float(np.percentile(extents, 75))
    size = next((size for size in CROP_SIZES if size >= 2 * upper), CROP_SIZES[-1])
    reason = f"three of four objects are at most {upper:.0f} pixels long, and a crop is twice its object"
    if size > largest:
        reason += f"; {largest} is what this machine refines in good time"
    return Setting("refiner_model.crop_size", min(size, largest), reason)


def _rounded(value: float, step: int) -> int:
    """The nearest multiple, the upper one of two."""
    return math.floor(value / step + 0.5) * step
