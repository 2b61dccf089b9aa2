# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""COCO average precision of masks, computed image by image.

The numbers are those of pycocotools' `COCOeval(iouType="segm")`, but the work is organized differently: predictions are
matched to the ground truth as they arrive, after which an image is a few bits per detection, so that memory stays small
and processes exchange little. Known differences: there may be several limits on the detections, with the main AP at the
largest (pycocotools' `summarize` requires 100); a value without ground truth is None instead of -1; an annotation with
id 0 counts like the others (pycocotools treats it as unmatched).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import Dataset
from pycocotools import mask as coco_mask

from ..data.schema import class_names, supervision
from ..ops.coco_masks import rle_area

# Indices 0 and 5 are the thresholds of AP50 and AP75.
IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALL_THRESHOLDS = np.linspace(0.0, 1.0, 101)
AREA_RANGES = {"": (0, 1e5**2), "s": (0, 32**2), "m": (32**2, 96**2), "l": (96**2, 1e5**2)}  # pixels
COCO_CAPS = (1, 10, 100)

Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]
Contested = dict[int, list[tuple[int, float]]]


@dataclass
class ClassMatches:
    """The matches of one class in one image, for A area ranges, T IoU thresholds and D detections, best first."""

    scores: np.ndarray  # (D,)
    matched: np.ndarray  # (A, T, D) bool: matched to a ground-truth object
    ignored: np.ndarray  # (A, T, D) bool: neither right nor wrong (matched to a crowd, or outside the area range)
    positives: np.ndarray  # (A,) number of ground-truth objects to find


class CocoEvaluator:
    """COCO mask AP of predictions against a dataset of the schema; images are never decoded.

    Crowds are regions in which detections are ignored. Every image of the dataset counts, also one without predictions;
    only images without complete ground truth (an object without a mask, or no label) are left out.

    Args:
        dataset: the ground truth, rows of the schema.
        max_detections: limit of detections per image and class, best scores first; several limits are reported side
            by side. 1, 10 and 100 are added below the largest.

    Example:
        >>> from pointwssis.data.schema import dataset_from_rows, make_object
        >>> from pointwssis.ops.coco_masks import encode_mask
        >>> rle = encode_mask(np.eye(8))
        >>> row = {"image": "a.png", "image_id": 5, "width": 8, "height": 8, "file_name": "a.png", "complete": True}
        >>> row |= {"image_labels": None, "objects": [make_object(1, 0, segmentation=rle)]}
        >>> evaluator = CocoEvaluator(dataset_from_rows([row], ["cat"]))
        >>> evaluator.update(5, [{"label": 0, "score": 0.9, "rle": rle}])
        >>> round(evaluator.compute()["AP"], 6), evaluator.compute()["APl"]
        (1.0, None)
    """

    def __init__(self, dataset: Dataset, max_detections: int | Sequence[int] = 100) -> None:
        # COCO's own limits below the largest one are always reported too.
        caps = [max_detections] if isinstance(max_detections, int) else list(max_detections)
        if not caps or min(caps) < 1:
            raise ValueError(f"max_detections must be one or several numbers of at least 1; got {max_detections}")
        self.caps = sorted({*caps, *(cap for cap in COCO_CAPS if cap < max(caps))})
        self.class_names = class_names(dataset)
        # Rows are found by image id, which must therefore be unique.
        self._rows = dataset.with_format(None)
        self._positions = {image_id: position for position, image_id in enumerate(self._rows["image_id"])}
        if len(self._positions) < len(self._rows):
            raise ValueError(
                "the dataset has several rows with one image_id; give each image its own id to evaluate it"
            )
        self._results: dict[int, Any] = {}

    def update(self, image_id: int, predictions: Iterable[Mapping[str, Any]]) -> None:
        """Match the predictions of one image.

        An image that was already added is skipped: distributed samplers repeat images to fill the last batch.

        Args:
            image_id: id of an image of the dataset.
            predictions: `{"label": class index, "score": float, "rle": compressed RLE of the image's size}`, in any
                order; may be empty. They are neither kept nor changed.
        """
        if image_id not in self._positions:
            raise ValueError(f"image_id {image_id} is not in the dataset of this CocoEvaluator")
        if image_id not in self._results:
            self._results[image_id] = self._kept(self._row(image_id), predictions)

    @property
    def results(self) -> dict[int, Any]:
        """Matches of all images seen so far, for `merge` in another process: image id → class index → matches."""
        return self._results

    def merge(self, results: Iterable[Mapping[int, Any]]) -> None:
        """Add the `results` of other evaluators of the same dataset; an image that several have seen counts once."""
        for other in results:
            for image_id, kept in other.items():
                self._results.setdefault(image_id, kept)

    def compute(self) -> dict[str, float | None]:
        """Return the metrics as fractions from 0 to 1; None where there is no ground truth (COCO prints -1).

        Returns:
            AP (mean over IoU 0.50…0.95 and classes), AP50, AP75 and APs, APm, APl (area up to 32², up to 96², above) at
            the largest limit; "AP@100", "AP50@100", "AP75@100" at smaller limits of at least 100; AR1, AR10, … at each
            limit; ARs, ARm, ARl.
        """
        # The main figures use all areas and the largest limit.
        tables, largest = self._tables(), self.caps[-1]
        precision, recall = tables["", largest]
        metrics = {"AP": _mean(precision), "AP50": _mean(precision[:, 0]), "AP75": _mean(precision[:, 5])}
        metrics |= {f"AP{name}": _mean(tables[name, largest][0]) for name in "sml"}
        # Below COCO's limit of 100 only recall is reported.
        for cap in self.caps[:-1]:
            if cap >= COCO_CAPS[-1]:
                precision, _ = tables["", cap]
                metrics[f"AP@{cap}"] = _mean(precision)
                metrics |= {f"AP50@{cap}": _mean(precision[:, 0]), f"AP75@{cap}": _mean(precision[:, 5])}
        metrics |= {f"AR{cap}": _mean(tables["", cap][1]) for cap in self.caps}
        metrics |= {f"AR{name}": _mean(tables[name, largest][1]) for name in "sml"}
        return metrics

    def per_class_ap(self) -> dict[str, float | None]:
        """Return the AP of every class at the largest limit; None for a class without ground truth."""
        precision, _ = self._tables()["", self.caps[-1]]
        return {name: _mean(values) for name, values in zip(self.class_names, precision, strict=True)}

    def precision_recall(self) -> dict[str, list[float]]:
        """Return the precision at recalls 0, 0.01, …, 1 at the largest limit, averaged over classes; COCO's curves.

        Returns:
            "AP50" and "AP75" (at these IoU), and "AP" (mean over IoU 0.50…0.95) → 101 precisions, whose mean is the
            metric of that name. Empty without ground truth.
        """
        precision, _ = self._tables()["", self.caps[-1]]  # (K, T, R)
        known = precision[~np.isnan(precision).all(axis=(1, 2))]
        if not len(known):
            return {}
        curves = {"AP": known.mean(axis=(0, 1)), "AP50": known[:, 0].mean(axis=0), "AP75": known[:, 5].mean(axis=0)}
        return {name: curve.tolist() for name, curve in curves.items()}

    def _row(self, image_id: int) -> Mapping[str, Any]:
        return self._rows[self._positions[image_id]]

    def _kept(self, row: Mapping[str, Any], predictions: Iterable[Mapping[str, Any]]) -> Any:
        """Return what is kept of the predictions of an image: class index → `ClassMatches`."""
        # Images whose ground truth is incomplete do not count.
        if supervision(row) != "full":
            return {}
        ground_truth: dict[int, list[Mapping[str, Any]]] = {}
        for item in row["objects"]:
            if item["segmentation"] is not None:  # only crowds may lack one here
                ground_truth.setdefault(item["category"], []).append(item)

        detections: dict[int, list[Mapping[str, Any]]] = {}
        for prediction in predictions:
            detections.setdefault(self._checked_label(prediction, row), []).append(prediction)

        # A class with objects but no predictions counts as missed, one with predictions alone as false.
        matches = {}
        for label in ground_truth.keys() | detections.keys():
            objects, found = ground_truth.get(label, []), detections.get(label, [])
            matches[label] = _match_class(objects, found, self.caps[-1])
        return matches

    def _checked_label(self, prediction: Mapping[str, Any], row: Mapping[str, Any]) -> int:
        image_id, size = row["image_id"], (row["height"], row["width"])
        label, score = int(prediction["label"]), float(prediction["score"])
        if not 0 <= label < len(self.class_names):
            raise ValueError(
                f"image {image_id}: predicted label {label}; the classes are 0 … {len(self.class_names) - 1}"
            )
        if not math.isfinite(score):
            raise ValueError(f"image {image_id}: predicted score {score}; scores must be finite")
        found = tuple(prediction["rle"]["size"])
        if found != size:
            raise ValueError(f"image {image_id}: predicted mask of (height, width) {found}; the image has {size}")
        return label

    def _tables(self) -> dict[tuple[str, int], tuple[np.ndarray, np.ndarray]]:
        """Return (area name, limit) → precision (K, T, R) and recall (K, T), NaN for a class without ground truth."""
        order = sorted(self._positions)  # equal scores rank by image id, as in pycocotools
        # Images that got no predictions count as well: all their objects are missed.
        results = [self._results[i] if i in self._results else self._kept(self._row(i), []) for i in order]
        by_class = []
        for k in range(len(self.class_names)):
            by_class.append([result[k] for result in results if k in result])

        # All limits for all areas together, only the largest one for single areas.
        wanted = [(0, "", cap) for cap in self.caps]
        wanted += [(a, name, self.caps[-1]) for a, name in enumerate(AREA_RANGES) if name]
        tables = {}
        for a, name, cap in wanted:
            curves = [_precision_recall(matches, a, cap) for matches in by_class]
            tables[name, cap] = (np.stack([curve[0] for curve in curves]), np.stack([curve[1] for curve in curves]))
        return tables


def _match_class(ground_truth: list[Mapping[str, Any]], detections: list[Mapping[str, Any]], cap: int) -> ClassMatches:
    """Match the detections of one class in one image to its ground truth, for all area ranges and IoU thresholds."""
    # Keep the best detections up to the largest limit; a stable sort ranks equal scores as pycocotools does.
    scores = np.array([float(detection["score"]) for detection in detections])
    best = np.argsort(-scores, kind="stable")[:cap]
    masks = [detections[index]["rle"] for index in best]
    ground_truth_masks = [item["segmentation"] for item in ground_truth]
    crowd = np.array([item["iscrowd"] for item in ground_truth], dtype=bool)
    areas = np.array([object_area(item) for item in ground_truth])
    sizes = np.array([rle_area(mask) for mask in masks])
    overlaps = np.zeros((len(masks), len(ground_truth_masks)))
    if overlaps.size:
        overlaps = np.asarray(coco_mask.iou(masks, ground_truth_masks, crowd.astype(np.uint8)))

    # An object outside the area range is ignored, and so is a detection outside of it that matches nothing.
    is_ignored = crowd | _outside(areas)  # (A, G)
    pairs, contested = _candidates(overlaps)
    matched = np.zeros((len(AREA_RANGES), len(IOU_THRESHOLDS), len(masks)), dtype=bool)
    ignored = matched.copy()
    _match_pairs(pairs, is_ignored, matched, ignored)
    # Whoever competes for an object is matched for each range, because it depends on which objects are ignored.
    if contested:
        for a in range(len(AREA_RANGES)):
            _match_greedily(contested, crowd, is_ignored[a], matched[a], ignored[a])
    ignored |= ~matched & _outside(sizes)[:, None]
    positives = np.count_nonzero(~is_ignored, axis=1)
    return ClassMatches(scores[best], matched, ignored, positives)


def object_area(item: Mapping[str, Any]) -> float:
    """Return the area of an object in pixels: as annotated, else that of its mask."""
    return rle_area(item["segmentation"]) if item["area"] is None else item["area"]


def _outside(areas: np.ndarray) -> np.ndarray:
    """Return (A, N) bool, True where an area of (N,) pixels lies outside of an area range."""
    low, high = np.array(list(AREA_RANGES.values()))[:, :, None].transpose(1, 0, 2)  # (A, 1) each
    return (areas < low) | (areas > high)


def _candidates(overlaps: np.ndarray) -> tuple[Pairs, Contested]:
    """Find the objects that each detection may be matched to: those that reach the lowest threshold.

    Args:
        overlaps: (D, G) IoU, detections by descending score.

    Returns:
        The detections and objects that are each other's only candidate, with their overlaps, (P,) each; and the other
        detections in order, each with its objects and their overlaps.
    """
    found, objects = np.nonzero(overlaps >= IOU_THRESHOLDS[0])
    # A detection or an object that occurs once competes with no other.
    alone = np.bincount(found, minlength=overlaps.shape[0])[found] == 1
    alone &= np.bincount(objects, minlength=overlaps.shape[1])[objects] == 1
    contested: Contested = {}
    for d, g in zip(found[~alone].tolist(), objects[~alone].tolist(), strict=True):
        contested.setdefault(d, []).append((g, overlaps[d, g]))
    return (found[alone], objects[alone], overlaps[found[alone], objects[alone]]), contested


def _match_pairs(pairs: Pairs, is_ignored: np.ndarray, matched: np.ndarray, ignored: np.ndarray) -> None:
    """Match detections and objects without competitors wherever they reach the threshold.

    Args:
        pairs: detections, objects and overlaps of `_candidates`.
        is_ignored: (A, G) bool: ground-truth objects that do not count, by area range.
        matched: (A, T, D) bool, filled in place.
        ignored: (A, T, D) bool, filled in place.
    """
    detections, objects, overlaps = pairs
    reached = overlaps >= IOU_THRESHOLDS[:, None]  # (T, P)
    matched[:, :, detections] = reached
    ignored[:, :, detections] = reached & is_ignored[:, None, objects]


def _match_greedily(
    contested: Contested, crowd: np.ndarray, is_ignored: np.ndarray, matched: np.ndarray, ignored: np.ndarray
) -> None:
    """Match as COCO does: the best detection picks first, and an object that counts precedes an ignored one.

    Args:
        contested: detection → its candidates and their overlaps, detections by descending score.
        crowd: (G,) bool; a crowd may match many detections.
        is_ignored: (G,) bool: ground-truth objects that do not count.
        matched: (T, D) bool, filled in place.
        ignored: (T, D) bool, filled in place.
    """
    # Objects that count come first, so that the search below can stop at the first ignored one.
    candidates = [(d, sorted(options, key=lambda option: is_ignored[option[0]])) for d, options in contested.items()]
    # At each threshold an object can be taken once; detections pick in the order of their scores.
    for t, threshold in enumerate(IOU_THRESHOLDS):
        taken: set[int] = set()
        for d, options in candidates:
            pick, pick_overlap = -1, threshold
            for g, overlap in options:
                if g in taken and not crowd[g]:
                    continue
                # With a match that counts, ignored objects are not considered.
                if pick >= 0 and is_ignored[g] and not is_ignored[pick]:
                    break
                if overlap >= pick_overlap:  # among equals the later one, as in pycocotools
                    pick, pick_overlap = g, overlap
            # A detection that is matched to an ignored object is ignored itself.
            if pick >= 0:
                taken.add(pick)
                matched[t, d], ignored[t, d] = True, is_ignored[pick]


def _precision_recall(matches: list[ClassMatches], area: int, cap: int) -> tuple[np.ndarray, np.ndarray]:
    """Return precision at each recall threshold (T, R) and final recall (T,) of one class; NaN without ground truth."""
    precision = np.zeros((len(IOU_THRESHOLDS), len(RECALL_THRESHOLDS)))
    recall = np.zeros(len(IOU_THRESHOLDS))
    # Without objects to find, precision and recall are undefined.
    positives = sum(int(match.positives[area]) for match in matches)
    if not positives:
        return precision + np.nan, recall + np.nan
    # Rank the detections of all images together, up to the limit per image.
    order = np.argsort(-np.concatenate([match.scores[:cap] for match in matches]), kind="stable")
    matched = np.concatenate([match.matched[area, :, :cap] for match in matches], axis=1)[:, order]
    counted = ~np.concatenate([match.ignored[area, :, :cap] for match in matches], axis=1)[:, order]
    # Running numbers of right and wrong detections; ignored ones are neither.
    hits, misses = np.cumsum(matched & counted, axis=1), np.cumsum(~matched & counted, axis=1)  # (T, N)
    if not hits.shape[1]:
        return precision, recall
    # The tiny term avoids a division by zero where all detections so far are ignored.
    recalls = hits / positives
    precisions = hits / (hits + misses + np.spacing(1))
    envelope = np.maximum.accumulate(precisions[:, ::-1], axis=1)[:, ::-1]  # the best precision at this recall or more
    # Read the curve at 101 recalls; the precision at recalls that are never reached stays 0.
    for t in range(len(IOU_THRESHOLDS)):
        positions = np.searchsorted(recalls[t], RECALL_THRESHOLDS, side="left")
        reached = positions < recalls.shape[1]
        precision[t, reached] = envelope[t, positions[reached]]
    return precision, recalls[:, -1]


def _mean(values: np.ndarray) -> float | None:
    """Return the mean over all values that are not NaN; None if there is none."""
    return None if np.isnan(values).all() else float(np.nanmean(values))
