# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Evaluation of clicks without a label: accuracy of the predicted class, and rejection of clicks on background.

A click without a label gets the class with the highest score at its point, and a `background_score`. Both are measured
on images whose objects all have masks: at one point per object, and at as many points outside all masks.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from datasets import Dataset
from tqdm.auto import tqdm

from ..data.schema import class_names, image_title, supervision
from ..ops.coco_masks import decode_rle
from ..ops.images import read_image
from ..ops.points import PointSource, point_from_mask

KEPT_FRACTION = 0.95  # fraction of the clicks on objects that `background_rejected_at_95` keeps

ClickSegmenter = Callable[..., list[list[Mapping[str, Any]]]]
"""Called with a list of images and `points=`, per image a list of (x, y) in its pixels. Returns per image one dict per
point with `label` (class name) and `background_score`. A `point-instance-segmentation` pipeline is one."""


def evaluate_clicks(
    dataset: Dataset,
    segmenter: ClickSegmenter,
    point_source: PointSource | None = None,
    batch_size: int = 4,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure how well clicks without a label get their class, and clicks on background are rejected.

    Args:
        dataset: rows of the schema; images without complete ground truth are left out.
        segmenter: see `ClickSegmenter`.
        point_source: where objects are clicked, see `point_from_mask`. None: at the points of the dataset, and at the
            center of mass of an object without one.
        batch_size: images per call of the segmenter.
        seed: seed of the points on background (and of random points on objects).

    Returns:
        Fractions from 0 to 1, None where there was nothing to measure:

        - `class_accuracy`, the mean over all objects; `mean_class_accuracy`, the mean over the classes; `per_class`.
        - `auroc`: probability that a click on background has a higher `background_score` than one on an object (0.5
          is chance).
        - `threshold`: the lowest score of a rejected click at the best balance, with `objects_kept` and
          `background_rejected` there. It is chosen on these clicks: choose it on other images than you use it for.
        - `background_rejected_at_95`: the same where 95% of the clicks on objects are kept.
        - `images`, `objects` and `background`: their numbers.

    Example:
        ```python
        segmenter = pipeline("point-instance-segmentation", model="outputs/demo/student_refined")
        evaluate_clicks(load_coco("val.json", "images"), segmenter)["auroc"]
        ```
    """
    # Without all masks of an image, a click beside the known masks could still hit an object.
    names, rows = class_names(dataset), dataset.with_format(None)
    usable = [i for i, row in enumerate(rows) if row["complete"] and supervision(row) == "full"]
    generator = np.random.default_rng(seed)
    right: dict[str, list[bool]] = {name: [] for name in names}
    on_objects: list[float] = []
    on_background: list[float] = []

    for start in tqdm(range(0, len(usable), batch_size), desc="Clicks", unit="batch", disable=None):
        batch = [rows[index] for index in usable[start : start + batch_size]]
        # Points on objects come first, those on background after them; the answers have the same order.
        clicks = [_clicks(row, point_source, generator) for row in batch]
        points = [[*objects.values(), *background] for objects, background in clicks]
        found = segmenter([read_image(row) for row in batch], points=points)
        for row, (objects, background), answers in zip(batch, clicks, found, strict=True):
            # Check the answers before they are counted, then divide them again.
            _check_answers(answers, len(objects) + len(background), names, row)
            scores = [answer["background_score"] for answer in answers]
            on_objects += scores[: len(objects)]
            on_background += scores[len(objects) :]
            # Objects without a class in the ground truth cannot tell whether the prediction is right.
            categories = {item["id"]: item["category"] for item in row["objects"]}
            for object_id, answer in zip(objects, answers, strict=False):
                if categories[object_id] is not None:
                    name = names[categories[object_id]]
                    right[name].append(answer["label"] == name)

    counts = {"images": len(usable), "objects": len(on_objects), "background": len(on_background)}
    return {**_accuracies(right), **rejection(on_objects, on_background), **counts}


def _clicks(
    row: Mapping[str, Any], point_source: PointSource | None, generator: np.random.Generator
) -> tuple[dict[int, tuple[float, float]], list[tuple[float, float]]]:
    """Return object id → point, and as many points (at least one) outside all annotations, crowds included."""
    # All masks, also those of crowds, reduce the background; crowds and empty masks are not clicked.
    free = np.ones((row["height"], row["width"]), dtype=bool)
    objects = {}
    for item in row["objects"]:
        if item["segmentation"] is None:
            continue
        mask = decode_rle(item["segmentation"])
        free &= ~mask
        if mask.any() and not item["iscrowd"]:
            # By default an object is clicked at its own point.
            if point_source is None and item["point"]:
                objects[item["id"]] = tuple(item["point"])
            else:
                objects[item["id"]] = point_from_mask(mask, point_source or "center", generator)

    # Draw background points among the pixels that no annotation covers.
    y, x = np.nonzero(free)
    picked = generator.integers(len(x), size=max(1, len(objects))) if len(x) else []
    return objects, [(float(x[index]), float(y[index])) for index in picked]


def _check_answers(answers: Sequence[Mapping[str, Any]], num_points: int, names: list[str], row: Any) -> None:
    """Raise a ValueError unless a segmenter returned one dict with a known class per point."""
    if len(answers) != num_points:
        raise ValueError(
            f"{image_title(row)}: the segmenter returned {len(answers)} answers for {num_points} points; expected one "
            "per point"
        )
    unknown = {answer["label"] for answer in answers} - set(names)
    if unknown:
        raise ValueError(
            f"{image_title(row)}: the segmenter returned the label {min(unknown)!r}; expected a class of the dataset: "
            f"{', '.join(names)}"
        )


def _accuracies(right: Mapping[str, list[bool]]) -> dict[str, Any]:
    # A class without objects has no accuracy and does not enter the mean over the classes.
    per_class = {name: float(np.mean(values)) if values else None for name, values in right.items()}
    known = [value for value in per_class.values() if value is not None]
    every = [value for values in right.values() for value in values]  # each object counts once
    return {
        "class_accuracy": float(np.mean(every)) if every else None,
        "mean_class_accuracy": float(np.mean(known)) if known else None,
        "per_class": per_class,
    }


def rejection(on_objects: Sequence[float], on_background: Sequence[float]) -> dict[str, float | None]:
    """Measure how well a score separates clicks on background (high) from clicks on objects (low).

    Returns:
        The metrics of `evaluate_clicks` from `auroc` on; None without objects or without background.

    Example:
        >>> rejection([0.1, 0.2, 0.6], [0.5, 0.9])["auroc"]
        0.8333333333333334
    """
    names = ("auroc", "threshold", "objects_kept", "background_rejected", "background_rejected_at_95")
    if not on_objects or not on_background:
        return dict.fromkeys(names)
    # AUROC counts the pairs in which the background has the higher score; equal scores count one half.
    objects, background = np.sort(on_objects), np.sort(on_background)
    lower, equal = (np.searchsorted(objects, background, side) for side in ("left", "right"))
    auroc = (lower + equal).mean() / 2 / len(objects)

    # A click is rejected if its score reaches the threshold, so only the scores themselves are candidates.
    thresholds = np.unique(np.concatenate([objects, background, [np.inf]]))
    kept = np.searchsorted(objects, thresholds) / len(objects)
    rejected = 1 - np.searchsorted(background, thresholds) / len(background)
    # The best balance is the greatest sum of both fractions; among equals the lowest threshold.
    best = int(np.argmax(kept + rejected))
    enough = int(np.flatnonzero(kept >= KEPT_FRACTION)[0])  # the last threshold keeps all
    values = (auroc, thresholds[best], kept[best], rejected[best], rejected[enough])
    return dict(zip(names, map(float, values), strict=True))
