# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The models that label in a run: its trained ones, or the callables that were passed to `Run`."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from datasets import Dataset

from ..data.class_names import names_with_sides
from ..models.factory import is_saved_model
from ..pseudo_labeling import (
    Proposer,
    Refiner,
    Teacher,
    mask_refine_net_refiner,
    predict_rough_masks,
    refine_rough_masks,
    solov2_proposer,
    solov2_teacher,
)
from .compute import labeling_dtype
from .data_record import identity_of
from .given_labelers import GivenLabelers
from .recipe import Recipe
from .reuse import intermediate_weights, labeling_model, reused_model, trained_model


@dataclass(frozen=True)
class LabelRound:
    """A later round of labels, made by a student of the run.

    Args:
        student: folder of the student, which predicts rough masks in place of the teacher.
        folder: folder of the labels.
        refines: True if the rough masks are refined.
    """

    student: Path
    folder: Path
    refines: bool


class RunLabelers:
    """The models that label in a run.

    Args:
        recipe: recipe of the run.
        class_names: classes of the data.
        given: callables in place of trained models.
        later: the round, for labels that a student makes; None for those of the teacher.
    """

    def __init__(
        self, recipe: Recipe, class_names: Sequence[str], given: GivenLabelers, later: LabelRound | None = None
    ) -> None:
        self.recipe, self.class_names, self.given, self.later = recipe, class_names, given, later
        self.run_folder = Path(recipe.output_dir)

    @property
    def uses_refiner(self) -> bool:
        """True if rough masks are refined."""
        return uses_refiner(self.recipe, self.given) if self.later is None else self.later.refines

    @functools.cached_property
    def dtype(self) -> torch.dtype:
        """Dtype in which trained models compute."""
        return labeling_dtype(self.recipe)

    def segmenter(self) -> str:
        """Return the SOLOv2 that labels: the student of a later round, or the teacher."""
        return labeling_model(self.recipe, "teacher") if self.later is None else str(self.later.student)

    def teacher(self) -> Teacher:
        """Return the given teacher, or the trained one; in later rounds the student."""
        given = self.given.teacher if self.later is None else None
        return given or self.solov2_teacher(self.segmenter())

    def refiner(self) -> Refiner:
        """Return the given refiner, or the trained one."""
        return self.given.refiner or mask_refine_net_refiner(labeling_model(self.recipe, "refiner"), self.dtype)

    def proposer(self) -> Proposer:
        """Return the given proposer, or the SOLOv2 that labels with the thresholds of the recipe."""
        if self.given.proposer is not None:
            return self.given.proposer
        # Images without labels and images with image-level labels have thresholds of their own.
        thresholds = (self.recipe.unlabeled_threshold, self.recipe.image_level_threshold)
        return solov2_proposer(self.segmenter(), *thresholds, self.dtype)

    def solov2_teacher(self, folder: Path) -> Teacher:
        """Return a SOLOv2 as a teacher that labels as the recipe says."""
        return solov2_teacher(
            folder,
            self.dtype,
            flips=labels_mirrored_views(self.recipe, self.class_names),
            scales=self.recipe.label_scales,
        )

    def intermediate_folders(self) -> dict[float, Path]:
        """Return fraction of the teacher's training → folder of its weights at that step."""
        folders = {}
        for fraction in self.recipe.rough_fractions:
            folders[fraction] = self.run_folder / "teacher" / f"weights_at_{round(100 * fraction)}_percent"
        return folders

    def intermediate_teachers(self) -> list[Path]:
        """Return the SOLOv2s whose rough masks the refiner learns from, the earliest first.

        They are the intermediate weights of the teacher; a reused teacher without any stands for itself.
        """
        teacher = reused_model(self.recipe, "teacher")
        if teacher is None:
            folders = self.intermediate_folders()
            return [trained_model(self.run_folder, f"teacher/{folders[fraction].name}") for fraction in sorted(folders)]
        return intermediate_weights(teacher)

    # -- labels

    def rough(self, rows: Dataset, teacher: Teacher | None = None) -> Dataset:
        """Return rows with one rough mask per point, by the teacher of `teacher()` unless another one is given."""
        return predict_rough_masks(rows, teacher or self.teacher(), settle_overlaps=self.recipe.settle_overlaps)

    def refined(self, rough: Dataset) -> Dataset:
        """Return rows whose rough masks are all refined."""
        return refine_rough_masks(rough, self.refiner(), self.recipe.settle_overlaps)

    def identity(self, stage: str) -> str | list[str]:
        """Return the name of a given callable, or digests of a trained model.

        Args:
            stage: "teacher" or "refiner".
        """
        # In later rounds, the student takes the place of a given teacher, but not of a given refiner.
        if stage in self.given.names() and (stage == "refiner" or self.later is None):
            return self.given.names()[stage]
        return identity_of(self.segmenter() if stage == "teacher" else labeling_model(self.recipe, stage))


def labels_mirrored_views(recipe: Recipe, class_names: Sequence[str]) -> bool:
    """Return True if mirrored images are labeled too; in these, a left and a right hand would exchange their labels."""
    return recipe.label_flips and not names_with_sides(class_names)


def uses_refiner(recipe: Recipe, given: GivenLabelers) -> bool:
    """Return True if the run refines its labels: it trains a refiner, has trained one, or was given a trained one."""
    is_trained_here = "refiner" in recipe.stages or is_saved_model(Path(recipe.output_dir) / "refiner")
    return given.refiner is not None or is_trained_here or recipe.refiner_name_or_path is not None
