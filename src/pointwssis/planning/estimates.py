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
from ..runs.names import FOLDS
from ..runs.plan import LABEL, TRAIN, StagePlan, count_objects
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
        return StageEstimate(self._seconds_of(plan), self._disk_of(plan))

    def besides_training(self, has_ground_truth: bool) -> float | None:
        """Return the seconds that a run takes besides training steps: for rough masks, labels, and evaluation.

        Args:
            has_ground_truth: True if a control and the upper bound are trained beside a student.
        """
        # Trainings without a step, and the labels of the images with points
        stages = {"teacher": "teacher", "refiner": "refiner", "student_refined": "student"}
        if has_ground_truth:
            stages |= {"control": "control", "upper_bound": "upper_bound"}
        plans = [StagePlan(stage, name, TRAIN, 0, 0, 0, False) for name, stage in stages.items()]
        images, objects = len(self.data.point), count_objects(self.data.point)
        plans.append(StagePlan("rough", "point", LABEL, images, objects, None, False))
        plans.append(StagePlan("pseudo", "refined", LABEL, images, objects, None, False))
        seconds = [self._seconds_of(plan) for plan in plans]
        return None if None in seconds else sum(seconds)

    # -- time

    def _seconds_of(self, plan: StagePlan) -> float | None:
        if plan.steps is None:  # labeling has no steps
            return self._labeling_seconds(plan)
        return self._refiner_seconds(plan) if plan.name == "refiner" else self._segmenter_seconds(plan)

    def _segmenter_seconds(self, plan: StagePlan) -> float | None:
        """Return the time of training and evaluating a SOLOv2."""
        recipe = self._recipe_of(plan.name)
        per_step = self._segmenter_step(recipe)
        if per_step is None:
            return None
        # Validation images are segmented once, at the end of the training; teachers of folds are not evaluated.
        validation = 0 if self.data.validation is None or plan.name == FOLDS else len(self.data.validation)
        per_image = LABELING_SHARE * per_step / segmenter_batch_size(recipe) * self._inputs_per_image()
        seconds = plan.steps * passes_of(recipe, recipe.training) * per_step + validation * per_image
        if plan.stage == "student":
            # After each round but the last one, a student labels all images with points.
            labeled = (recipe.label_rounds - 1) * len(self.data.point)
            seconds += labeled * per_image * self._size_of_views()
        return seconds

    def _refiner_seconds(self, plan: StagePlan) -> float | None:
        """Return the time of training the refiner, including the rough masks that it learns from."""
        per_step, per_image = self._refiner_step(), self._seconds_per_labeled_image()
        if per_step is None or per_image is None:
            return None
        passes = passes_of(self.recipe, MASK_REFINE_NET_ARGUMENTS, refiner_settings(self.recipe))
        return plan.steps * passes * per_step + self._labelings() * len(self.data.masked) * per_image

    def _labeling_seconds(self, plan: StagePlan) -> float | None:
        """Return the time of predicting or refining rough masks."""
        if plan.stage == "rough":
            per_image = self._seconds_per_labeled_image(has_points=plan.name == "point")
            return None if per_image is None else plan.images * per_image
        # Without a refiner, pseudo labels are copies of rough masks.
        if not plan.name.endswith("refined"):
            return 0.0
        per_step = self._refiner_step()
        return None if per_step is None else plan.objects * LABELING_SHARE * per_step / refiner_batch_size(self.recipe)

    # -- disk space

    def _disk_of(self, plan: StagePlan) -> int:
        recipe = self.recipe
        if plan.steps is None:
            # Pseudo labels are stored twice, as rows and as COCO JSON.
            return plan.objects * BYTES_PER_OBJECT * (1 if plan.stage == "rough" else 2)
        if plan.name == "refiner":
            model, _ = starting_refiner(recipe, self.data.class_names, recipe.refiner_name_or_path)
            return _bytes_of(model) + self._labelings() * plan.objects * BYTES_PER_OBJECT
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
        return copies * _bytes_of(model)

    # -- parts of both

    def _labelings(self) -> int:
        """Return how often the images with masks are labeled, for the refiner to learn from."""
        # Each intermediate teacher labels all of them; those of folds label each image once.
        return 1 if self.recipe.rough_folds > 1 else len(self.recipe.rough_fractions)

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
