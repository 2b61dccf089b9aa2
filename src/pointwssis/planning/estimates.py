# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Time and disk space that the stages of a run will take, from a few measured training steps."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset

from ..models.factory import new_segmenter
from ..ops.tiles import tile_windows
from ..runs.data import RunData
from ..runs.label_stopping import MEASUREMENTS
from ..runs.plan import FOLDS, StagePlan
from ..runs.recipe import Recipe
from ..runs.refiner_stage import starting_refiner
from ..runs.run_labelers import labels_mirrored_views
from ..runs.stage_arguments import refiner_settings, training_arguments
from ..training.arguments import MASK_REFINE_NET_ARGUMENTS
from .speed import refiner_batch_size, refiner_seconds, segmenter_batch_size, segmenter_seconds, some_rows

# A forward pass with decoding takes about half the time of a training sample (forward, backward, loading and
# augmentation); measured on a CPU: 0.50 for synthetic shapes, 0.57 for images of 53 nuclei; per refined mask 0.56.
LABELING_SHARE = 0.5
BYTES_PER_WEIGHT = 4
# Of a stored row, mostly two run-length encoded masks; measured: about 560 for COCO, 160 for nuclei.
BYTES_PER_OBJECT = 600

Measure = Callable[[Recipe, Dataset], float]


@dataclass(frozen=True)
class StageEstimate:
    """Expected cost of one step of a run.

    Args:
        seconds: expected time; None if no image has masks, so that no training step can be measured.
        disk: bytes that stay in `output_dir`.
    """

    seconds: float | None
    disk: int


class CostModel:
    """Measured speeds and sizes of the models of a recipe. Every configuration is measured once.

    Args:
        recipe: recipe of the run.
        data: data of the run; the speed is measured on its images with masks.
        measure: returns the seconds per training step of a recipe's SOLOv2 on some rows.
        measure_refiner: the same for its MaskRefineNet.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: RunData,
        measure: Measure = segmenter_seconds,
        measure_refiner: Measure = refiner_seconds,
    ):
        self.recipe, self.data = recipe, data
        self.measure, self.measure_refiner = measure, measure_refiner
        self.sample = some_rows(data.masked) if len(data.masked) else data.masked
        self._seconds: dict[str, float | None] = {}

    def estimate(self, plan: StagePlan) -> StageEstimate:
        """Return the expected time and disk space of one step of a run; a step that is done costs nothing."""
        if plan.is_done or not (plan.steps is None or plan.steps):
            return StageEstimate(0.0, 0)
        # Labeling has no steps.
        if plan.steps is None:
            return self._labeling(plan)
        return self._refiner(plan) if plan.name == "refiner" else self._segmenter(plan)

    def _segmenter(self, plan: StagePlan) -> StageEstimate:
        """Estimate the time and disk space of training and evaluating a SOLOv2."""
        recipe = self._recipe_of(plan.name)
        per_step = self._segmenter_step(recipe)
        model, _ = new_segmenter(
            self.data.class_names, recipe.model, recipe.image_size, recipe.pad_size, recipe.backbone_name_or_path
        )
        # The teacher also keeps the weights that predict the rough masks of the refiner, and with patience, until it is
        # trained, those of every measurement; each fold has a teacher.
        copies = 1
        if plan.name == "teacher":
            copies += len(recipe.rough_fractions) + (MEASUREMENTS if recipe.teacher_patience else 0)
        elif plan.name == FOLDS:
            copies = recipe.rough_folds
        disk = copies * _bytes_of(model)
        if per_step is None:
            return StageEstimate(None, disk)
        # Validation images are segmented once, at the end of the training; teachers of folds are not evaluated.
        validation = 0 if self.data.validation is None or plan.name == FOLDS else len(self.data.validation)
        per_image = LABELING_SHARE * per_step / segmenter_batch_size(recipe) * self._inputs_per_image()
        seconds = plan.steps * passes_of(recipe, recipe.training) * per_step + validation * per_image
        if plan.stage == "student":
            # After each round but the last one, a student labels all images with points.
            labeled = (recipe.label_rounds - 1) * len(self.data.point)
            seconds += labeled * per_image * self._size_of_views()
        return StageEstimate(seconds, disk)

    def _refiner(self, plan: StagePlan) -> StageEstimate:
        """Estimate the time and disk space of training the refiner, including the rough masks that it learns from."""
        per_step, per_image = self._refiner_step(), self._seconds_per_labeled_image()
        model, _ = starting_refiner(self.recipe, self.data.class_names, self.recipe.refiner_name_or_path)
        # Each intermediate teacher labels all images with masks; those of folds label each image once.
        labelings = 1 if self.recipe.rough_folds > 1 else len(self.recipe.rough_fractions)
        disk = _bytes_of(model) + labelings * plan.objects * BYTES_PER_OBJECT
        if per_step is None or per_image is None:
            return StageEstimate(None, disk)
        passes = passes_of(self.recipe, MASK_REFINE_NET_ARGUMENTS, refiner_settings(self.recipe))
        return StageEstimate(plan.steps * passes * per_step + labelings * len(self.data.masked) * per_image, disk)

    def _labeling(self, plan: StagePlan) -> StageEstimate:
        """Estimate the time and disk space of predicting or refining rough masks."""
        disk = plan.objects * BYTES_PER_OBJECT
        if plan.stage == "rough":
            per_image = self._seconds_per_labeled_image(has_points=plan.name == "point")
            return StageEstimate(None if per_image is None else plan.images * per_image, disk)
        # Pseudo labels are stored twice, as rows and as COCO JSON; without a refiner they are copies of rough masks.
        if not plan.name.endswith("refined"):
            return StageEstimate(0.0, 2 * disk)
        per_step = self._refiner_step()
        if per_step is None:
            return StageEstimate(None, 2 * disk)
        return StageEstimate(plan.objects * LABELING_SHARE * per_step / refiner_batch_size(self.recipe), 2 * disk)

    def _recipe_of(self, name: str) -> Recipe:
        """Return the recipe whose `model` and `training` are those of the teacher, or of students and upper bound."""
        recipe = self.recipe
        is_teacher = name in ("teacher", FOLDS)
        own = recipe.teacher if is_teacher else recipe.student
        model = recipe.model | recipe.teacher_model if is_teacher else recipe.model
        return dataclasses.replace(recipe, model=model, training=recipe.training | own)

    def _segmenter_step(self, recipe: Recipe) -> float | None:
        # The speed depends on network and batch, so trainings that share both are measured once.
        settings = {"model": recipe.model, "batch_size": segmenter_batch_size(recipe)}
        return self._measured(f"segmenter {settings}", lambda: self.measure(recipe, self.sample))

    def _refiner_step(self) -> float | None:
        return self._measured("refiner", lambda: self.measure_refiner(self.recipe, self.sample))

    def _seconds_per_labeled_image(self, has_points: bool = True) -> float | None:
        """Return the seconds that a teacher takes for one image; only points are decoded from several views."""
        teacher = self._recipe_of("teacher")
        per_step = self._segmenter_step(teacher)
        if per_step is None:
            return None
        inputs = self._inputs_per_image() * (self._size_of_views() if has_points else 1)
        return LABELING_SHARE * per_step / segmenter_batch_size(teacher) * inputs

    def _inputs_per_image(self) -> float:
        """Return the mean number of tiles per image; 1 for whole images."""
        tile_size = self.recipe.tile_size
        if tile_size is None or not len(self.sample):
            return 1.0
        sizes = zip(self.sample["height"], self.sample["width"], strict=True)
        return sum(len(tile_windows(*size, tile_size)) for size in sizes) / len(self.sample)

    def _size_of_views(self) -> float:
        """Return the pixels of all views of an image, relative to those of the plain one."""
        mirrored = 2 if labels_mirrored_views(self.recipe, self.data.class_names) else 1
        return mirrored * sum(scale**2 for scale in self.recipe.label_scales)

    def _measured(self, key: str, measure: Callable[[], float]) -> float | None:
        """Return a measurement, made at its first use; None without images to measure on."""
        if key not in self._seconds:
            self._seconds[key] = measure() if len(self.sample) else None
        return self._seconds[key]


def passes_of(recipe: Recipe, *settings: dict[str, Any]) -> int:
    """Return the accumulated passes per training step, which are measured one by one."""
    return training_arguments(recipe, Path(recipe.output_dir), *settings).gradient_accumulation_steps


def total(estimates: Sequence[StageEstimate]) -> StageEstimate:
    """Return the sum of estimates; its time is None if that of one is unknown.

    Example:
        >>> total([StageEstimate(1.0, 5), StageEstimate(2.0, 7)])
        StageEstimate(seconds=3.0, disk=12)
    """
    seconds = [estimate.seconds for estimate in estimates]
    known = None if None in seconds else sum(value for value in seconds if value is not None)
    return StageEstimate(known, sum(estimate.disk for estimate in estimates))


def _bytes_of(model: Any) -> int:
    """Return the size of the weights of a model on disk."""
    return BYTES_PER_WEIGHT * sum(parameter.numel() for parameter in model.parameters())
