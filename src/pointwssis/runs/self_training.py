# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Self-training of the refiner: after its first training, it labels images with points, and goes on to learn from these
labels too, where it agrees with the teacher. The paper has no such step.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datasets import Dataset

from ..data.schema import class_names, dataset_from_rows
from ..ops.processes import from_first_process, is_first_process
from ..pseudo_labeling import mask_refine_net_refiner, refine_rough_masks
from ..pseudo_labeling.gate import Gate, decide, measure_refinement, size_of
from .cache import cached
from .labeling import Labeling


def self_training_rows(labeling: Labeling, refiner: Path) -> Dataset:
    """Return the images with points with the labels that a refiner makes of their rough masks, made once.

    Only labels of points have a mask, and only where the refiner improves held-back objects of this size and score.
    `RefinementSampling.agreement` selects among these.

    Args:
        labeling: labels of the run.
        refiner: folder of the refiner after its first training; the labels are saved in it.
    """
    return cached(refiner / "labels", labeling.rough_point(), lambda rows: _labeled(labeling, refiner, rows))


def _labeled(labeling: Labeling, folder: Path, rows: Dataset) -> Dataset:
    refiner, settles = mask_refine_net_refiner(folder, labeling.labelers.dtype), labeling.recipe.settle_overlaps
    # Without held-back objects, the refiner is trusted everywhere, as when it labels for students.
    gate = None
    if len(labeling.held_back.rows):
        held_back = labeling.held_back.rough()
        gate = from_first_process(
            lambda: decide(measure_refinement(labeling.held_back.rows, refine_rough_masks(held_back, refiner, settles)))
        )
        if is_first_process():
            print(f"self-training: {gate.summary()}", flush=True)
    labels = refine_rough_masks(rows, refiner, settles)
    return dataset_from_rows(_trusted(labels, gate), class_names(labels))


def _trusted(labels: Dataset, gate: Gate | None) -> Iterator[dict[str, Any]]:
    """Yield the rows without all masks that are no labels of points, or for which the gate is closed."""
    for row in labels.with_format(None):
        for item in row["objects"]:
            # Annotated masks are in the refiner's other images already.
            rough = item["rough_segmentation"]
            is_label = rough is not None and item["score"] is not None and item["point"] is not None
            if not is_label or not (gate is None or gate.is_open(size_of(rough), item["score"])):
                item["segmentation"] = None
        yield row
