# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The plan of a run: the models and labels of each stage, with images, objects and steps, and whether it is done."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset, concatenate_datasets

from ..models.factory import check_configuration, check_fields
from ..models.mask_refine_net.configuration_mask_refine_net import MaskRefineNetConfig
from ..models.mask_refine_net.named_mask_refine_net import find_refiner
from ..models.solov2.configuration_solov2 import TEACHER_NUM_GRIDS, TEACHER_SCALE_RANGES, SOLOv2Config
from ..ops.user_error import UserError
from ..ops.wording import counted
from ..training.arguments import MASK_REFINE_NET_ARGUMENTS
from .cross_fitting import fold_rows
from .data import RunData
from .data_record import DataRecord
from .given_labelers import GivenLabelers
from .held_back import MIN_MASKED_IMAGES, late_images, teacher_rows, without
from .names import FOLDS, MODELS, model_of, round_name
from .outdated import all_changes, check_folder, outdated_results
from .recipe import STAGES, Recipe, refiner_sampling
from .refiner_stage import starting_refiner
from .reuse import check_reused_models, check_starting_models
from .run_labelers import uses_refiner
from .stage_arguments import fold_settings, refiner_settings, training_arguments, with_steps
from .stage_results import is_trained

TRAIN, LABEL, GIVEN = "train", "label", "given"


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
        update: True if results of other settings in the output folder will be removed.

    Raises:
        UserError: the recipe cannot be run, or its output folder holds results of other settings.
    """

    def __init__(self, recipe: Recipe, data: RunData, given: GivenLabelers | None = None, update: bool = False):
        self.recipe, self.data, self.given = recipe, data, given or GivenLabelers()
        self.folder = Path(recipe.output_dir)
        self.data_record = DataRecord(self.folder, data)
        self.uses_refiner = uses_refiner(recipe, self.given)
        # Whatever can fail is checked here, before the first stage takes its hours.
        with recipe.places.naming():
            check_reused_models(recipe, data.class_names)
            check_starting_models(recipe)
            self._check_models()
            self._check_patience()
            self._check_given()
            self._check_folds()
        # Results that the run will remove are not there for the plan.
        self.outdated: list[Path] = []
        if update:
            changed = all_changes(recipe, self.given.names(), self.data_record)
            self.outdated = outdated_results(self.folder, changed)
        else:
            check_folder(recipe, self.given.names(), self.data_record)

    # -- checks before anything is trained

    @property
    def segmenter_fields(self) -> dict[str, Any]:
        """Fields of `SOLOv2Config` of students, control and upper bound."""
        return {"max_detections": self.recipe.max_detections, **self.recipe.model}

    @property
    def teacher_fields(self) -> dict[str, Any]:
        """Fields of `SOLOv2Config` of the teacher: finer grids and disjoint scale ranges by default."""
        fields = {"num_grids": TEACHER_NUM_GRIDS, "scale_ranges": TEACHER_SCALE_RANGES}
        return fields | self.segmenter_fields | self.recipe.teacher_model

    def _check_models(self) -> None:
        """Raise an error for an invalid model configuration, before any model is trained."""
        check_configuration(SOLOv2Config, self.segmenter_fields, "model")
        check_configuration(SOLOv2Config, self.teacher_fields, "teacher_model")
        if self.recipe.refiner_name_or_path is not None:
            find_refiner(self.recipe.refiner_name_or_path)  # raises for an unknown name
            # A saved network may compute in one crop size only.
            if self.trains_refiner and "crop_size" in self.recipe.refiner_model:
                starting_refiner(self.recipe, self.data.class_names, self.recipe.refiner_name_or_path)
        if self.recipe.backbone_name_or_path is None:
            check_configuration(MaskRefineNetConfig, self.recipe.refiner_model, "refiner_model")
        else:  # the widths of a pretrained backbone are not known here
            check_fields(MaskRefineNetConfig, self.recipe.refiner_model, "refiner_model")

    def _check_patience(self) -> None:
        """Raise an error if the teacher is to stop by the labels of held-back images, and there are none."""
        recipe, data = self.recipe, self.data
        trains = "teacher" in recipe.stages and self.given.teacher is None
        if recipe.teacher_patience and trains and not (data.validation_is_held_back or late_images(recipe, data)):
            raise UserError(
                f"teacher_patience is {recipe.teacher_patience}, but no image is held back to measure labels on; raise "
                f"held_back_fraction, give masks to at least {MIN_MASKED_IMAGES} images, or set teacher_patience to 0"
            )

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

    def _check_folds(self) -> None:
        """Raise an error if rough masks cannot be predicted by teachers of folds."""
        folds = self.recipe.rough_folds
        if folds == 1 or not self.trains_refiner:
            return
        if self.given.teacher is not None:
            raise UserError(
                f"rough_folds is {folds}, but the teacher is a callable, which cannot be trained for each fold; set it "
                "to 1"
            )
        if len(self.refiner_rows) < folds:
            raise UserError(
                f"rough_folds is {folds}, but the refiner learns from {counted(len(self.refiner_rows), 'image')} with "
                "masks; each fold needs at least one, so lower it, or set it to 1"
            )

    # -- models

    @property
    def trains_refiner(self) -> bool:
        """True if this run trains a refiner."""
        return "refiner" in self.recipe.stages and self.given.refiner is None

    @property
    def self_trains(self) -> bool:
        """True if the refiner is trained a second time, on its own labels too; they are mixed with annotated masks."""
        return refiner_sampling(self.recipe.refiner).self_training > 0 and len(self.refiner_rows) > 0

    @property
    def compares(self) -> bool:
        """True if both students are trained: ground truth to compare them is known, and there are images to label."""
        return self.data.ground_truth_is_known and len(self.data.point) + len(self.data.without_points) > 0

    @property
    def has_control(self) -> bool:
        """True if a control is trained: students are compared with each other and on validation images."""
        return self.compares and self.data.validation is not None and len(self.data.masked) > 0

    @functools.cached_property
    def refiner_rows(self) -> Dataset:
        """Images that the refiner learns from: those with masks, without held-back ones."""
        return without(self.data.masked, late_images(self.recipe, self.data))

    def student_names(self) -> list[str]:
        """Return the students to train: both if they are to be compared, else only the better one."""
        names = ["student_point", "student_refined"] if self.uses_refiner else ["student_point"]
        return names if self.compares and self.recipe.rough_student else names[-1:]

    def round_arguments(self) -> list[dict[str, Any]]:
        """Return the training arguments of a student in each round of labels, with equal shares of its steps."""
        whole = training_arguments(self.recipe, self.folder, self.recipe.training, self.recipe.student)
        rounds = min(self.recipe.label_rounds, whole.max_steps)
        if rounds == 1:
            return [self.recipe.student]
        share = whole.max_steps // rounds
        steps = [share] * (rounds - 1) + [whole.max_steps - share * (rounds - 1)]
        return [with_steps(self.recipe.student, whole, count) for count in steps]

    def trainings(self) -> dict[str, tuple[Dataset | None, tuple[dict[str, Any], ...]]]:
        """Return name → rows and training arguments of every model that the stages of the recipe train.

        The rows of students are None, because earlier stages create them.
        """
        recipe, data, wanted = self.recipe, self.data, {}
        # A callable of the caller replaces the training of its stage.
        if "teacher" in recipe.stages and self.given.teacher is None:
            wanted["teacher"] = (teacher_rows(recipe, data), (recipe.training, recipe.teacher))
        if self.trains_refiner:
            if recipe.rough_folds > 1:
                settings = (recipe.training, fold_settings(recipe, self.folder))
                wanted |= {name: (rows, settings) for name, (rows, _) in fold_rows(recipe, self.refiner_rows).items()}
            settings = (MASK_REFINE_NET_ARGUMENTS, refiner_settings(recipe))
            names = [round_name("refiner", 1), "refiner"] if self.self_trains else ["refiner"]
            wanted |= dict.fromkeys(names, (self.refiner_rows, settings))
        if "student" in recipe.stages:
            for name in self.student_names():
                # One training per round of labels; the last one leaves the student itself.
                *earlier, last = self.round_arguments()
                for number, arguments in enumerate(earlier, start=1):
                    wanted[round_name(name, number)] = (None, (recipe.training, arguments))
                wanted[name] = (None, (recipe.training, last))
        # Control and upper bound are trained like a student: on the masks alone, and on the hidden masks too.
        if "control" in recipe.stages and self.has_control:
            wanted["control"] = (data.masked, (recipe.training, recipe.student))
        if "upper_bound" in recipe.stages and data.ground_truth_is_known:
            wanted["upper_bound"] = (data.train, (recipe.training, recipe.student))
        return wanted

    def steps(self) -> dict[str, int]:
        """Return name → number of steps of each training run that is not done yet."""
        steps = {}
        for name, (rows, settings) in self.trainings().items():
            # A training without rows takes no steps: the model to start from is kept as it is.
            has_rows = rows is None or len(rows) > 0
            # What was trained on the way to a trained model is done, even if its folders were deleted.
            is_done = self._is_trained(name) or self._is_trained(model_of(name))
            if has_rows and not is_done:
                steps[name] = training_arguments(self.recipe, self.folder, *settings).max_steps
        return steps

    def stages(self) -> list[StagePlan]:
        """Return what the run will do, in order."""
        plans = []
        for stage in STAGES:
            if stage not in self.recipe.stages:
                continue
            # Labels may give two lines per stage, and models one line each; a given callable gives one.
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
                path = self.folder / stage / name
                is_done = path.is_dir() and not self._is_outdated(path)
                plans.append(StagePlan(stage, name, LABEL, len(rows), count_objects(rows), None, is_done))
        return plans

    def _training(self, stage: str) -> list[StagePlan]:
        plans, steps, trainings = [], self.steps(), self.trainings()
        # The rows of students do not exist yet, but their images and objects are known.
        labeled = concatenate_datasets([self.data.full, self.data.point, self.data.without_points])
        if stage == "refiner" and self.recipe.rough_folds > 1:
            to_do = [count for name, count in steps.items() if name.startswith(FOLDS)]
            plans.append(_training_plan(stage, FOLDS, self.refiner_rows, sum(to_do), is_done=not to_do))
        for model in MODELS:
            if model.stage == stage and model.name in trainings:
                rows, _ = trainings[model.name]
                names = [name for name in steps if model_of(name) == model.name and not name.startswith(FOLDS)]
                count = sum(steps[name] for name in names)
                is_done = self._is_trained(model.name)
                plans.append(_training_plan(stage, model.name, labeled if rows is None else rows, count, is_done))
        return plans

    def _is_trained(self, name: str) -> bool:
        """Return True if a training is complete and its result stays."""
        path = self.folder / name
        return is_trained(path) and not self._is_outdated(path)

    def _is_outdated(self, path: Path) -> bool:
        return any(path == removed or removed in path.parents for removed in self.outdated)


def _training_plan(stage: str, name: str, rows: Dataset, steps: int, is_done: bool) -> StagePlan:
    """Return the line of a plan about a training."""
    return StagePlan(stage, name, TRAIN, len(rows), count_objects(rows), steps, is_done)


def count_objects(rows: Dataset) -> int:
    """Return the number of objects in rows of the schema."""
    return sum(len(objects) for objects in rows["objects"])
