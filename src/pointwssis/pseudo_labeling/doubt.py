# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The doubt about a pseudo label, from what the labels of a run tell without the true masks.

Five signals from 0 (certainly wrong) to 1 (nothing speaks against the label) are multiplied; what their product lacks
to 1 is the doubt. Agreement of the pyramid levels is not among them: labels keep the chosen level, not the scores of
the others.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from datasets import Dataset

from ..data.schema import objects_with_mask, objects_with_point
from ..ops.coco_masks import rle_area
from ..ops.points import pixel_of
from ..ops.rle import decode_pixels
from ..training.incomplete_labels import label_agreement

# Signal → what a person is told where it speaks most against a label
REASONS = {
    "score": "low score",
    "agreement": "rough and refined mask differ",
    "own_point": "click far from the center of the mask",
    "other_points": "click of another object in the mask",
    "size": "unusual size",
}
CLICK_OUTSIDE, EMPTY_MASK, NOTHING_UNUSUAL = "click outside the mask", "empty mask", "nothing unusual"


@dataclass(frozen=True)
class LabelDoubt:
    """The doubt about one pseudo label.

    Args:
        row: position of the image in the labels.
        item: object of the row.
        signals: name in `REASONS` → trust in the label, 0 to 1.
        reason: what speaks most against the label, compared with other labels.
    """

    row: int
    item: Mapping[str, Any]
    signals: Mapping[str, float]
    reason: str

    @property
    def doubt(self) -> float:
        """The doubt, 0 to 1; 1 for an empty mask, and for a mask without its click."""
        return 1 - math.prod(self.signals.values())


def label_doubts(labels: Dataset) -> list[LabelDoubt]:
    """Return the doubt about every pseudo label, in the order of the labels. Annotated masks have none.

    The signals are:

    - `score`: score of the teacher.
    - `agreement`: IoU of the rough and the refined mask; 1 without refinement.
    - `own_point`: 1 for a click at the center of mass, less by distance / √area; 0 for a click outside the mask.
    - `other_points`: 1 / (1 + n) for n clicks of other objects in the mask.
    - `size`: ratio, at most 1, of √area and its median over the labels of the same class and pyramid level.

    Args:
        labels: rows of the schema with pseudo labels, such as those of `generate_pseudo_labels`.
    """
    rows = list(labels.select_columns(["height", "width", "objects"]).with_format(None))
    typical = _median_sides(rows)
    found = []
    for place, row in enumerate(rows):
        clicks = _clicked_pixels(row)
        for item in pseudo_labels(row):
            found.append((place, item, _signals(item, clicks, typical)))
    # A reason is a signal that is low for these labels: all scores of a short training are low.
    usual = {name: median(signals[name] for _, _, signals in found) for name in REASONS} if found else {}
    return [LabelDoubt(place, item, signals, _reason(signals, usual)) for place, item, signals in found]


def worst_first(doubts: Sequence[LabelDoubt]) -> list[LabelDoubt]:
    """Return labels in descending order of their doubt; equal ones keep their order."""
    return sorted(doubts, key=lambda label: -label.doubt)


def pseudo_labels(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the objects of a row whose masks are pseudo labels: they have a score."""
    return [item for item in objects_with_mask(row) if item["score"] is not None]


def _signals(item: Mapping[str, Any], clicks: Mapping[int, int], typical: Mapping[Any, float]) -> dict[str, float]:
    mask, area = item["segmentation"], rle_area(item["segmentation"])
    if not area:
        return dict.fromkeys(REASONS, 0.0)
    pixels, height = decode_pixels(mask), mask["size"][0]
    inside, own = _ids_inside(clicks, pixels), 1.0
    if item["point"] is not None:
        # Distance between the click and the center of mass
        columns, rows = np.divmod(pixels, height)
        x, y = item["point"]
        distance = math.hypot(columns.mean() - x, rows.mean() - y)
        own = max(0.0, 1 - distance / math.sqrt(area)) if item["id"] in inside else 0.0
    ratio = math.sqrt(area) / typical[_group(item)]
    return {
        "score": min(max(item["score"], 0.0), 1.0),
        "agreement": label_agreement(item),
        "own_point": own,
        "other_points": 1 / (1 + len(inside - {item["id"]})),
        "size": min(ratio, 1 / ratio),
    }


def _clicked_pixels(row: Mapping[str, Any]) -> dict[int, int]:
    """Return object id → pixel under its click, column · height + row."""
    clicks = {}
    for item in objects_with_point(row):
        y, x = pixel_of(item["point"], row["height"], row["width"])
        clicks[item["id"]] = x * row["height"] + y
    return clicks


def _ids_inside(clicks: Mapping[int, int], pixels: np.ndarray) -> set[int]:
    """Return the ids of the objects whose clicks lie in a mask, given by its ascending pixels."""
    ids, clicked = list(clicks), np.array(list(clicks.values()), dtype=np.int64)
    places = np.searchsorted(pixels, clicked).clip(max=len(pixels) - 1)
    return {ids[index] for index in np.flatnonzero(pixels[places] == clicked)}


def _median_sides(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[Any, Any], float]:
    """Return (class, pyramid level) → median of √area of the labels."""
    sides = defaultdict(list)
    for row in rows:
        for item in pseudo_labels(row):
            area = rle_area(item["segmentation"])
            if area:
                sides[_group(item)].append(math.sqrt(area))
    return {group: median(values) for group, values in sides.items()}


def _group(item: Mapping[str, Any]) -> tuple[Any, Any]:
    return item["category"], item["level"]


def _reason(signals: Mapping[str, float], usual: Mapping[str, float]) -> str:
    if not any(signals.values()):
        return EMPTY_MASK
    ratios = {name: signals[name] / max(usual[name], 1e-9) for name in signals}
    lowest = min(ratios, key=ratios.__getitem__)
    if ratios[lowest] >= 1:
        return NOTHING_UNUSUAL
    return CLICK_OUTSIDE if lowest == "own_point" and not signals["own_point"] else REASONS[lowest]
