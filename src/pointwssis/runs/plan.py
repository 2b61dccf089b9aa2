# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The plan of a run: which stages train what, on how much data, in how many steps, and which are done."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset, concatenate_datasets

from ..training.arguments import MASK_REFINE_NET_ARGUMENTS
from .data import RunData
from .labeling import GivenLabelers, uses_refiner
from .names import MODELS
from .recipe import STAGES, Recipe
from .stages import is_trained, refiner_settings, training_arguments

TRAIN, LABEL, GIVEN = "train", "label", "given"


@dataclass(frozen=True)
class StagePlan:
    """One line of a plan.

    Args:
        stage: of the recipe.
        name: of the model or the labels.
        action: "train", "label" or "given" (by the caller of `Run`).
        images: that are learned from or labeled.
        objects: in these images.
        steps: of a training; None for labeling.
        is_done: the result is there already.
    """

    stage: str
    name: str
    action: str
    images: int
    objects: int
    steps: int | None
    is_done: bool


class RunPlan:
    """The stages of a run before they run. Nothing is written.

    Args:
        recipe: of the run.
        data: of the run.
        given: callables in place of trained models.
    """

    def __init__(self, recipe: Recipe, data: RunData, given: GivenLabelers | None = None):
        self.recipe, self.data, self.given = recipe, data, given or GivenLabelers()
        self.folder = Path(recipe.output_dir)
        self.uses_refiner = uses_refiner(recipe, self.given)

    @property
    def compares(self) -> bool:
        """Both students are trained, to compare them: ground truth is known, and there are labels to make."""
        return self.data.ground_truth_is_known and len(self.data.point) + len(self.data.without_points) > 0

    def student_names(self) -> list[str]:
        """Return the students to train; without ground truth to compare with, only the one that ships."""
        names = ["student_point", "student_refined"] if self.uses_refiner else ["student_point"]
        return names if self.compares else names[-1:]

    def trainings(self) -> dict[str, tuple[Dataset | None, tuple[dict[str, Any], ...]]]:
        """Return name → rows and training arguments of every model that the stages of the recipe train.

        The rows of students are None: earlier stages make them.
        """
        recipe, data, wanted = self.recipe, self.data, {}
        if "teacher" in recipe.stages and self.given.teacher is None:
            wanted["teacher"] = (data.masked, (recipe.training, recipe.teacher))
        if "refiner" in recipe.stages and self.given.refiner is None:
            wanted["refiner"] = (data.masked, (MASK_REFINE_NET_ARGUMENTS, refiner_settings(recipe)))
        if "student" in recipe.stages:
            for name in self.student_names():
                wanted[name] = (None, (recipe.training, recipe.student))
        if "upper_bound" in recipe.stages and data.ground_truth_is_known:
            wanted["upper_bound"] = (data.train, (recipe.training, recipe.student))
        return wanted

    def steps(self) -> dict[str, int]:
        """Return name → steps of each training that is still to come."""
        steps = {}
        for name, (rows, settings) in self.trainings().items():
            has_rows = rows is None or len(rows) > 0
            if has_rows and not is_trained(self.folder / name):
                steps[name] = training_arguments(self.recipe, self.folder, *settings).max_steps
        return steps

    def stages(self) -> list[StagePlan]:
        """Return what the run will do, in order."""
        plans = []
        for stage in STAGES:
            if stage not in self.recipe.stages:
                continue
            if stage in ("rough", "pseudo"):
                plans += self._labeling(stage)
            elif stage in self.given.names():
                plans.append(StagePlan(stage, stage, GIVEN, 0, 0, None, True))
            else:
                plans += self._training(stage)
        return plans

    def _labeling(self, stage: str) -> list[StagePlan]:
        plans = []
        kind = "refined" if self.uses_refiner else "rough"
        folders = {"rough": ("point", "proposed"), "pseudo": (kind, f"proposed_{kind}")}[stage]
        for name, rows in zip(folders, (self.data.point, self.data.without_points), strict=True):
            if len(rows):
                is_done = (self.folder / stage / name).is_dir()
                plans.append(StagePlan(stage, name, LABEL, len(rows), count_objects(rows), None, is_done))
        return plans

    def _training(self, stage: str) -> list[StagePlan]:
        plans, steps = [], self.steps()
        labeled = concatenate_datasets([self.data.full, self.data.point, self.data.without_points])
        for model in MODELS:
            if model.stage == stage and model.name in self.trainings():
                rows = self.trainings()[model.name][0]
                rows = labeled if rows is None else rows
                size = (len(rows), count_objects(rows), steps.get(model.name, 0))
                plans.append(StagePlan(stage, model.name, TRAIN, *size, is_trained(self.folder / model.name)))
        return plans


def count_objects(rows: Dataset) -> int:
    """Return the number of objects in rows of the schema."""
    return sum(len(objects) for objects in rows["objects"])
