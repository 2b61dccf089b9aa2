# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The gate and the expected IoU of labels, both measured on held-back images."""

import functools
from pathlib import Path

import numpy as np
from datasets import Dataset

from ..data import hide_masks
from ..ops.processes import from_first_process, is_first_process
from ..ops.whole_files import read_json, write_json
from ..pseudo_labeling import Teacher, keep_rough_masks
from ..pseudo_labeling.gate import Gate, apply_gate, decide, measure_refinement
from ..training.expected_iou import ExpectedIou
from .cache import cached
from .data import RunData
from .held_back import late_images
from .recipe import Recipe
from .reuse import GATE_FILE, gate_of_reused_refiner, reused_model
from .run_labelers import RunLabelers
from .shards import label_in_shards


class HeldBackLabels:
    """The labels of the images that are held back.

    Args:
        recipe: recipe of the run.
        data: data of the run.
        labelers: models of the run that label.
    """

    def __init__(self, recipe: Recipe, data: RunData, labelers: RunLabelers):
        self.recipe, self.data, self.labelers = recipe, data, labelers
        self.run_folder = Path(recipe.output_dir)

    @functools.cached_property
    def late_images(self) -> list[int]:
        """Positions in `data.masked` of the images that are held back for the gate; see `held_back.late_images`."""
        return late_images(self.recipe, self.data)

    @functools.cached_property
    def rows(self) -> Dataset:
        """Images with masks that measure the refiner for the gate, and the teacher's labels for its patience."""
        if self.data.validation_is_held_back:
            return self.data.validation
        return self.data.masked.select(self.late_images)

    def gate(self) -> Gate | None:
        """Return the decision which labels take refined masks; None without a gate or without held-back images.

        Rough masks of held-back images come from weights that have not learned from these images: the teacher itself if
        it never learns from them, else its first intermediate weights. With a reused teacher, which may be a student
        that has learned from these images, a reused refiner brings the gate of its own run.
        """
        if not self.recipe.gate or not len(self.rows):
            return None
        path = self.run_folder / "refiner" / GATE_FILE
        decided = from_first_process(lambda: read_json(path))
        if decided is not None:
            return Gate.from_dict(decided)
        is_given = self.labelers.given.refiner is not None
        brought = from_first_process(lambda: None if is_given else gate_of_reused_refiner(self.recipe))
        if brought is not None:
            gate = Gate.from_dict(brought)
        else:
            refined = self._refined()
            gate = from_first_process(lambda: decide(measure_refinement(self.rows, refined)))
        if is_first_process():
            path.parent.mkdir(exist_ok=True)
            write_json(path, gate.to_dict())
            print(f"gate: {gate.summary()}", flush=True)
        return gate

    def expected_iou(self, kind: str) -> ExpectedIou | None:
        """Return the estimate of how well labels fit their objects, fitted to held-back objects; None without a gate.

        Args:
            kind: "rough" or "refined", the kind of the labels.
        """
        if not self.recipe.gate or not len(self.rows):
            return None
        gate = self.gate() if kind == "refined" else None
        if gate is None:
            labels = keep_rough_masks(self.rough(), self.recipe.settle_overlaps)
        else:
            labels = apply_gate(self._refined(), gate, self.recipe.settle_overlaps)
        return ExpectedIou.fit(labels, self.rows)

    def rough(self) -> Dataset:
        """Return the held-back images with rough masks; their own masks are hidden."""
        hidden = hide_masks(self.rows)
        folder = self.run_folder / "rough" / "held_back"
        return cached(folder, hidden, lambda rows: self.labelers.rough(rows, self._unbiased_teacher()))

    def _refined(self) -> Dataset:
        """Return the held-back images with refined masks."""
        return cached(self.run_folder / "rough" / "held_back_refined", self.rough(), self.labelers.refined)

    def _unbiased_teacher(self) -> Teacher:
        """Return the teacher that has not learned from the held-back images."""
        # A reused teacher may have been trained without patience.
        never_learned = self.recipe.teacher_patience > 0 and reused_model(self.recipe, "teacher") is None
        if self.labelers.given.teacher is not None or self.data.validation_is_held_back or never_learned:
            return self.labelers.teacher()
        return self.labelers.solov2_teacher(self.labelers.intermediate_teachers()[0])

    def mean_iou_of(self, weights: Path) -> float:
        """Return the mean IoU of the rough labels that saved weights make of the held-back objects."""
        teacher, settles = self.labelers.solov2_teacher(weights), self.recipe.settle_overlaps

        def label(rows: Dataset) -> Dataset:
            return keep_rough_masks(self.labelers.rough(rows, teacher), settles)

        labels = label_in_shards(weights / "labels", hide_masks(self.rows), label)
        return from_first_process(
            lambda: float(np.mean([one.rough_iou for one in measure_refinement(self.rows, labels)]))
        )
