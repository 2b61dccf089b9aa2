# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The gate of a refiner: measured on held-back objects, it decides which labels take refined masks.

A refiner that was trained on few masks may copy its rough masks, or damage them. Objects whose masks neither the
refiner nor the teacher of their rough masks has seen show what it does to the masks of unlabeled images.
"""

import bisect
import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from datasets import Dataset

from ..data.schema import class_names, dataset_from_rows, masks_by_id
from ..ops.coco_masks import rle_area, rle_iou
from .generate import set_labels

ALL, SOME, NONE = "all", "some", "none"
# A gain counts if it exceeds this many standard errors of its mean: overall, and in a bin, of which there are several.
OVERALL_MARGIN, BIN_MARGIN = 1.0, 2.0
MIN_OBJECTS_PER_BIN = 10
# Numbers of objects from which sizes and scores are each divided into two and into three bins
OBJECTS_FOR_TWO_BINS, OBJECTS_FOR_THREE_BINS = 40, 180


@dataclass(frozen=True)
class MeasuredObject:
    """One held-back object.

    Args:
        size: square root of the area of the rough mask, in pixels of the image.
        score: score of the rough mask, 0 to 1.
        rough_iou: IoU of the rough and the annotated mask, 0 to 1.
        refined_iou: IoU of the refined and the annotated mask, 0 to 1.
    """

    size: float
    score: float
    rough_iou: float
    refined_iou: float


@dataclass(frozen=True)
class GateBin:
    """Held-back objects of similar size and score; the IoUs are means, 0 without objects.

    Args:
        objects: number of objects.
        rough_iou: mean IoU before the refinement.
        refined_iou: mean IoU after the refinement.
        gain_error: standard error of the mean gain; 0 with fewer than two objects.
        is_open: True if labels of this bin take refined masks.
    """

    objects: int
    rough_iou: float
    refined_iou: float
    gain_error: float
    is_open: bool

    def gains(self, margin: float) -> bool:
        """Return True if the mean gain exceeds this many standard errors."""
        return self.refined_iou - self.rough_iou > margin * self.gain_error


@dataclass(frozen=True)
class Gate:
    """The decision which labels take refined masks, and what it rests on.

    Args:
        decision: "all", "some" (those in open bins) or "none".
        overall: all held-back objects.
        size_edges: ascending borders between bins of the size (square root of the rough mask's area, in pixels).
        score_edges: ascending borders between bins of the rough mask's score.
        bins: one list per bin of the size, with one entry per bin of the score.
    """

    decision: str
    overall: GateBin
    size_edges: list[float]
    score_edges: list[float]
    bins: list[list[GateBin]]

    def bin_of(self, size: float, score: float) -> GateBin:
        """Return the bin of a rough mask; a value on a border belongs to the upper bin."""
        return self.bins[bisect.bisect(self.size_edges, size)][bisect.bisect(self.score_edges, score)]

    def is_open(self, size: float, score: float) -> bool:
        """Return True if a rough mask of this size and score is replaced by its refined form."""
        return self.bin_of(size, score).is_open

    def summary(self) -> str:
        """Return the decision and its reason in one line."""
        reason = (
            f"mean IoU {self.overall.rough_iou:.3f} → {self.overall.refined_iou:.3f} on {self.overall.objects} "
            "held-back objects"
        )
        bins = list(itertools.chain.from_iterable(self.bins))
        num_open = sum(one.is_open for one in bins)
        what = {
            ALL: "labels take the refined masks",
            SOME: f"labels take refined masks in {num_open} of {len(bins)} bins of size and score, else rough ones",
            NONE: "labels keep the rough masks",
        }
        return f"{what[self.decision]} ({reason})"

    def to_dict(self) -> dict[str, Any]:
        """Return the content of `gate.json`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Gate":
        """Return the gate of a `gate.json`."""
        bins = [[GateBin(**one) for one in row] for row in content["bins"]]
        return cls(**{**content, "overall": GateBin(**content["overall"]), "bins": bins})


# -- measuring


def measure_refinement(ground_truth: Dataset, refined: Dataset) -> list[MeasuredObject]:
    """Measure the masks of held-back objects before and after their refinement.

    Args:
        ground_truth: rows with annotated masks.
        refined: rows of the same images and object ids, whose masks were hidden, with `rough_segmentation`, `score`
            and the refined `segmentation`. An object that gets no mask has an IoU of 0.
    """
    true_masks, measured = masks_by_id(ground_truth), []
    for row in refined.with_format(None):
        for item in row["objects"]:
            # Objects that have never had a mask cannot be measured.
            true_mask, rough = true_masks.get(item["id"]), item["rough_segmentation"]
            if true_mask is None or rough is None:
                continue
            after = rle_iou(item["segmentation"], true_mask)
            measured.append(MeasuredObject(size_of(rough), item["score"], rle_iou(rough, true_mask), after))
    return measured


def size_of(rle: Mapping[str, Any]) -> float:
    """Return the square root of the area of a mask, in pixels."""
    return math.sqrt(rle_area(rle))


# -- deciding


def decide(measured: Sequence[MeasuredObject]) -> Gate:
    """Decide which labels take refined masks.

    All do if the mean gain over all held-back objects exceeds its standard error. Otherwise only those in bins of
    similar size and score do, where the gain exceeds twice its standard error, over at least ten objects.

    Args:
        measured: held-back objects, at least one.

    Raises:
        ValueError: there is no object.
    """
    if not measured:
        raise ValueError("a gate needs at least one held-back object")
    overall = _bin(measured)
    opens_all = overall.gains(OVERALL_MARGIN)
    # With one bin per axis, the overall decision is the only one.
    size_edges = _edges([one.size for one in measured])
    score_edges = _edges([one.score for one in measured])
    bins = _binned(measured, size_edges, score_edges, opens_all)
    if opens_all:
        decision = ALL
    elif any(one.is_open for one in itertools.chain.from_iterable(bins)):
        decision = SOME
    else:
        decision = NONE
    return Gate(decision, _bin(measured, opens_all), size_edges, score_edges, bins)


def _edges(values: Sequence[float]) -> list[float]:
    """Return the borders that divide values into one, two or three bins with equal numbers of objects."""
    num_bins = 1 + (len(values) >= OBJECTS_FOR_TWO_BINS) + (len(values) >= OBJECTS_FOR_THREE_BINS)
    quantiles = np.arange(1, num_bins) / num_bins
    # Equal values share a bin, so that borders may coincide.
    return sorted({float(edge) for edge in np.quantile(values, quantiles)})


def _binned(
    measured: Sequence[MeasuredObject], size_edges: list[float], score_edges: list[float], opens_all: bool
) -> list[list[GateBin]]:
    """Return the bins between the borders, in the form of `Gate.bins`."""
    cells: dict[tuple[int, int], list[MeasuredObject]] = defaultdict(list)
    for one in measured:
        cells[bisect.bisect(size_edges, one.size), bisect.bisect(score_edges, one.score)].append(one)
    bins = []
    for size_bin in range(len(size_edges) + 1):
        bins.append([_bin(cells[size_bin, score_bin], opens_all) for score_bin in range(len(score_edges) + 1)])
    return bins


def _bin(measured: Sequence[MeasuredObject], opens_all: bool = False) -> GateBin:
    """Return the means of some objects, and whether their labels take refined masks."""
    count = len(measured)
    if not count:
        return GateBin(0, 0.0, 0.0, 0.0, opens_all)
    gains = np.array([one.refined_iou - one.rough_iou for one in measured])
    error = float(gains.std(ddof=1) / math.sqrt(count)) if count > 1 else 0.0
    rough_iou = float(np.mean([one.rough_iou for one in measured]))
    found = GateBin(count, rough_iou, rough_iou + float(gains.mean()), error, opens_all)
    # Where not all bins are open, each one has to show a clear gain.
    is_clear = count >= MIN_OBJECTS_PER_BIN and found.gains(BIN_MARGIN)
    return replace(found, is_open=opens_all or is_clear)


# -- applying


def apply_gate(labels: Dataset, gate: Gate, settle_overlaps: bool = True) -> Dataset:
    """Return refined labels in which objects keep their rough masks wherever the gate is closed.

    Args:
        labels: rows with `rough_segmentation`, `score` and the refined `segmentation`. Annotated masks, which have no
            score, do not change.
        gate: decision for each size and score.
        settle_overlaps: settle overlaps between rough and refined masks of an image; see `refine_rough_masks`.
    """
    if gate.decision == ALL:
        return labels
    return dataset_from_rows(_with_gated_masks(labels, gate, settle_overlaps), class_names(labels))


def _with_gated_masks(labels: Dataset, gate: Gate, settle_overlaps: bool) -> Iterator[dict[str, Any]]:
    for row in labels.with_format(None):
        objects, masks = [], []
        for item in row["objects"]:
            rough, is_pseudo = item["rough_segmentation"], item["score"] is not None
            if is_pseudo and rough is not None:
                objects.append(item)
                masks.append(item["segmentation"] if gate.is_open(size_of(rough), item["score"]) else rough)
        set_labels(row, objects, masks, settle_overlaps)
        yield row
