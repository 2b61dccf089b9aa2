# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The plan of a run: the models and labels of each stage, with images, objects and steps, and whether it is done."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset, concatenate_datasets

from ..models.factory import check_configuration, check_fields
from ..models.mask_refine_net.configuration_mask_refine_net import MaskRefineNetConfig
from ..models.mask_refine_net.named_mask_refine_net import find_refiner
from ..models.solov2.configuration_solov2 import TEACHER_NUM_GRIDS, TEACHER_SCALE_RANGES, SOLOv2Config
from ..ops.user_error import UserError
from ..training.arguments import MASK_REFINE_NET_ARGUMENTS
from .data import RunData
from .labeling import GivenLabelers, uses_refiner
from .names import MODELS
from .recipe import STAGES, Recipe
from .stages import is_trained, refiner_settings, training_arguments

TRAIN, LABEL, GIVEN = "train", "label", "given"
RECIPE_FILE, LABELERS_FILE = "recipe.yaml", "labelers.json"
# Keys that may differ between two runs in one output folder, because they change no result.
FREE_KEYS = {"stages", "output_dir", "skip_bad", "push_to_hub", "hub_model_id", "hub_private"}


@dataclass(frozen=True)
class StagePlan:
    """One line of a plan.

    Args:
        stage: stage of the recipe.
        name: name of the model or the labels.
        action: "train", "label" or "given" (passed to `Run`).
        images: number of images that are learned from or labeled.
        objects: number of objects in these images.
        steps: number of training steps; None for labeling.
        is_done: True if the result exists already.
    """

    stage: str
    name: str
    action: str
    images: int
    objects: int
    steps: int | None
    is_done: bool


class RunPlan:
    """The stages of a run, checked and counted before anything is trained. Nothing is written.

    Args:
        recipe: recipe of the run.
        data: data of the run.
        given: callables in place of trained models.

    Raises:
        UserError: the recipe cannot be run, or its output folder belongs to another one.
    """

    def __init__(self, recipe: Recipe, data: RunData, given: GivenLabelers | None = None):
        self.recipe, self.data, self.given = recipe, data, given or GivenLabelers()
        self.folder = Path(recipe.output_dir)
        self.uses_refiner = uses_refiner(recipe, self.given)
        # Whatever can fail is checked here, before the first stage takes its hours.
        self._check_models()
        self._check_given()
        self._check_folder()

    # -- checks before anything is trained

    @property
    def segmenter_fields(self) -> dict[str, Any]:
        """Fields of `SOLOv2Config` of students and upper bound."""
        return {"max_detections": self.recipe.max_detections, **self.recipe.model}

    @property
    def teacher_fields(self) -> dict[str, Any]:
        """Fields of `SOLOv2Config` of the teacher: finer grids and disjoint scale ranges by default."""
        fields = {"num_grids": TEACHER_NUM_GRIDS, "scale_ranges": TEACHER_SCALE_RANGES}
        return fields | self.segmenter_fields | self.recipe.teacher_model

    def _check_models(self) -> None:
        """Raise an error for an invalid model configuration, before any model is trained."""
        check_configuration(SOLOv2Config, self.teacher_fields, "teacher_model")
        check_configuration(SOLOv2Config, self.segmenter_fields, "model")
        if self.recipe.refiner_name_or_path is not None:
            find_refiner(self.recipe.refiner_name_or_path)  # raises for an unknown name
        if self.recipe.backbone_name_or_path is None:
            check_configuration(MaskRefineNetConfig, self.recipe.refiner_model, "refiner_model")
        else:  # the widths of a pretrained backbone are not known here
            check_fields(MaskRefineNetConfig, self.recipe.refiner_model)

    def _check_given(self) -> None:
        """Raise an error if the recipe requires a trained teacher, or a proposer, that was not given."""
        if self.given.teacher is None:
            return
        # Students cannot start from weights that do not exist.
        if self.recipe.student_name_or_path == "teacher":
            raise UserError(
                "student_name_or_path is 'teacher', but the teacher is a callable without weights; set it to null or "
                "to a saved SOLOv2"
            )
        # Images without points need a proposer, and so do those whose objects are not all annotated.
        needs_proposals = len(self.data.without_points) > 0 or not all(self.data.point["complete"])
        if needs_proposals and self.given.proposer is None:
            raise UserError(
                "the teacher is a callable, and some images have objects without points; give a proposer too, or leave "
                "these images out"
            )

    def _check_folder(self) -> None:
        """Raise an error if the output folder holds stages of another recipe: mixed results would belong to neither."""
        path, labelers = self.folder / RECIPE_FILE, self.folder / LABELERS_FILE
        stages = [*(model.name for model in MODELS), "rough", "pseudo"]
        # A folder without any result may be claimed by another recipe.
        if not path.is_file() or not any((self.folder / stage).is_dir() for stage in stages):
            return
        # Keys that change no result are free; callables are compared by their qualified names.
        before, now = asdict(Recipe.load(path)), asdict(self.recipe)
        changed = sorted(key for key in now if key not in FREE_KEYS and now[key] != before[key])
        known = json.loads(labelers.read_text(encoding="utf-8")) if labelers.is_file() else {}
        given = self.given.names()
        changed += [f"the given {role}" for role in {*known, *given} if known.get(role) != given.get(role)]
        if changed:
            raise UserError(
                f"{self.folder}: holds a run with other settings of {', '.join(changed)}; choose another output_dir or "
                "delete it"
            )

    # -- models

    @property
    def compares(self) -> bool:
        """True if both students are trained: ground truth to compare them is known, and there are images to label."""
        return self.data.ground_truth_is_known and len(self.data.point) + len(self.data.without_points) > 0

    def student_names(self) -> list[str]:
        """Return the students to train: without ground truth to compare them with, only the better one."""
        names = ["student_point", "student_refined"] if self.uses_refiner else ["student_point"]
        return names if self.compares else names[-1:]

    def trainings(self) -> dict[str, tuple[Dataset | None, tuple[dict[str, Any], ...]]]:
        """Return name → rows and training arguments of every model that the stages of the recipe train.

        The rows of students are None, because earlier stages create them.
        """
        recipe, data, wanted = self.recipe, self.data, {}
        # A callable of the caller replaces the training of its stage.
        if "teacher" in recipe.stages and self.given.teacher is None:
            wanted["teacher"] = (data.masked, (recipe.training, recipe.teacher))
        if "refiner" in recipe.stages and self.given.refiner is None:
            wanted["refiner"] = (data.masked, (MASK_REFINE_NET_ARGUMENTS, refiner_settings(recipe)))
        if "student" in recipe.stages:
            for name in self.student_names():
                wanted[name] = (None, (recipe.training, recipe.student))
        # The upper bound is trained like a student, on the hidden masks too.
        if "upper_bound" in recipe.stages and data.ground_truth_is_known:
            wanted["upper_bound"] = (data.train, (recipe.training, recipe.student))
        return wanted

    def steps(self) -> dict[str, int]:
        """Return name → number of steps of each training run that is not done yet."""
        steps = {}
        for name, (rows, settings) in self.trainings().items():
            # A training without rows takes no steps: the model to start from is kept as it is.
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
            # Labels may give two lines per stage, and students one line each; a given callable gives one.
            if stage in ("rough", "pseudo"):
                plans += self._labeling(stage)
            elif stage in self.given.names():
                plans.append(StagePlan(stage, stage, GIVEN, 0, 0, None, True))
            else:
                plans += self._training(stage)
        return plans

    def _labeling(self, stage: str) -> list[StagePlan]:
        plans = []
        # A labeling stage is done when the labels that it makes last are there.
        kind = "refined" if self.uses_refiner else "rough"
        folders = {"rough": ("point", "proposed"), "pseudo": (kind, f"proposed_{kind}")}[stage]
        for name, rows in zip(folders, (self.data.point, self.data.without_points), strict=True):
            if len(rows):
                is_done = (self.folder / stage / name).is_dir()
                plans.append(StagePlan(stage, name, LABEL, len(rows), count_objects(rows), None, is_done))
        return plans

    def _training(self, stage: str) -> list[StagePlan]:
        plans, steps, trainings = [], self.steps(), self.trainings()
        # The rows of students do not exist yet, but their images and objects are known.
        labeled = concatenate_datasets([self.data.full, self.data.point, self.data.without_points])
        for model in MODELS:
            if model.stage == stage and model.name in trainings:
                rows, _ = trainings[model.name]
                rows = labeled if rows is None else rows
                size = (len(rows), count_objects(rows), steps.get(model.name, 0))
                plans.append(StagePlan(stage, model.name, TRAIN, *size, is_trained(self.folder / model.name)))
        return plans


def count_objects(rows: Dataset) -> int:
    """Return the number of objects in rows of the schema."""
    return sum(len(objects) for objects in rows["objects"])
