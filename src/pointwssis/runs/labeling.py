# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The labeling stages of a run: rough masks, proposals, refined masks, and their quality.

Every dataset is made once and then read from its folder. Masks are predicted by trained models of the run, or by the
callables that were passed to `Run`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, concatenate_datasets

from ..data import to_coco
from ..evaluation import evaluate_pseudo_labels
from ..hub.cards import write_if_changed
from ..models.factory import is_saved_model
from ..ops.devices import best_device, choose_dtype
from ..ops.user_error import UserError
from ..pseudo_labeling import (
    Proposer,
    Refiner,
    Teacher,
    keep_rough_masks,
    mask_refine_net_refiner,
    predict_rough_masks,
    propose_rough_masks,
    refine_rough_masks,
    solov2_proposer,
    solov2_teacher,
)
from .cache import cached, is_first_process, stored_rows
from .data import RunData
from .names import PSEUDO_LABELS
from .recipe import Recipe

QUALITY_FILE = "quality.json"


@dataclass(frozen=True)
class GivenLabelers:
    """Callables that were passed to `Run` in place of trained models; None uses the model of the run."""

    teacher: Teacher | None = None
    refiner: Refiner | None = None
    proposer: Proposer | None = None

    def names(self) -> dict[str, str]:
        """Return role → qualified name of each callable."""
        given = {role: labeler for role, labeler in vars(self).items() if labeler is not None}
        return {role: qualified_name(labeler) for role, labeler in given.items()}


def qualified_name(labeler: Callable) -> str:
    """Return the name of a callable, or that of its class, with its module."""
    named = labeler if hasattr(labeler, "__qualname__") else type(labeler)
    return f"{named.__module__}.{named.__qualname__}"


class Labeling:
    """The labels of a run.

    Args:
        recipe: recipe of the run.
        data: data of the run.
        given: callables in place of trained models.
    """

    def __init__(self, recipe: Recipe, data: RunData, given: GivenLabelers):
        self.recipe, self.data, self.given = recipe, data, given
        self.folder = Path(recipe.output_dir)

    # -- the callables

    @property
    def dtype(self) -> torch.dtype:
        """Dtype in which trained models compute."""
        return choose_dtype(best_device(), self.recipe.bf16)

    def teacher(self) -> Teacher:
        """Return the given teacher, or the trained one."""
        return self.given.teacher or solov2_teacher(trained_model(self.folder, "teacher"), self.dtype)

    def refiner(self) -> Refiner:
        """Return the given refiner, or the trained one."""
        return self.given.refiner or mask_refine_net_refiner(trained_model(self.folder, "refiner"), self.dtype)

    def proposer(self) -> Proposer:
        """Return the given proposer, or the trained teacher with the thresholds of the recipe."""
        if self.given.proposer is not None:
            return self.given.proposer
        # Images without labels and images with image-level labels have thresholds of their own.
        thresholds = (self.recipe.unlabeled_threshold, self.recipe.image_level_threshold)
        return solov2_proposer(trained_model(self.folder, "teacher"), *thresholds, self.dtype)

    # -- rough masks

    def intermediate_folders(self) -> dict[float, Path]:
        """Return fraction of the teacher's training → folder of its weights at that step."""
        folders = {}
        for fraction in self.recipe.rough_fractions:
            folders[fraction] = self.folder / "teacher" / f"weights_at_{round(100 * fraction)}_percent"
        return folders

    def rough_full(self) -> Dataset:
        """Return the images with masks, with rough masks of intermediate teachers: training data of the refiner.

        They are decoded from points, exactly as for labeling. The official code decodes them with the ground-truth
        sizes ("point_with_size"), so that its refiner is trained on other rough masks than it later refines. A teacher
        that was passed to `Run` has no intermediate weights and labels these images once.
        """
        rough = self.folder / "rough"
        # A given teacher has no training from which intermediate weights could be taken.
        if self.given.teacher is not None:
            return cached(rough / "full", lambda: predict_rough_masks(self.data.masked, self.given.teacher))
        # Each intermediate teacher labels all images once; the refiner learns from the rough masks of all of them.
        parts = []
        for weights in self.intermediate_folders().values():
            parts.append(cached(rough / f"full_{weights.name}", lambda path=weights: self._rough_full_of(path)))
        return concatenate_datasets(parts)

    def _rough_full_of(self, weights: Path) -> Dataset:
        folder = trained_model(self.folder, str(weights.relative_to(self.folder)))
        return predict_rough_masks(self.data.masked, solov2_teacher(folder, self.dtype))

    def rough_point(self) -> Dataset:
        """Return the images with points, with one rough mask per point (paper, section 3.2).

        Incomplete images also get the objects that the proposer finds.
        """

        def make() -> Dataset:
            rows = predict_rough_masks(self.data.point, self.teacher())
            # Complete images show nothing beside their points, so that they need no proposer.
            return rows if all(rows["complete"]) else propose_rough_masks(rows, self.proposer(), self.first_free_id)

        return cached(self.folder / "rough" / "point", make)

    def rough_proposed(self) -> Dataset:
        """Return the images without points, with the objects that the proposer finds (paper, table 5)."""

        def make() -> Dataset:
            # New objects are numbered after those of the data and those proposed in images with points.
            taken = [item["id"] for objects in self.rough_point()["objects"] for item in objects]
            first_id = max([self.first_free_id, *(number + 1 for number in taken)])
            return propose_rough_masks(self.data.without_points, self.proposer(), first_id)

        return cached(self.folder / "rough" / "proposed", make)

    @property
    def first_free_id(self) -> int:
        """The lowest id that is greater than those of all objects of the data."""
        return 1 + max((item["id"] for objects in self.data.train["objects"] for item in objects), default=0)

    def rough_masks(self) -> dict[str, Dataset]:
        """Return prefix of the names in `PSEUDO_LABELS` → rows with rough masks."""
        rough = {"": self.rough_point()}
        if len(self.data.without_points):
            rough["proposed_"] = self.rough_proposed()
        return rough

    # -- pseudo labels

    def pseudo_labels(self) -> dict[str, Dataset]:
        """Return name in `PSEUDO_LABELS` → rows whose masks the students learn from; also write them as COCO files."""
        folder, labels = self.folder / "pseudo", {}
        for prefix, rough in self.rough_masks().items():
            # Rough labels are always kept, beside the refined ones: both are measured.
            name = f"{prefix}rough"
            labels[name] = cached(folder / name, lambda rows=rough: keep_rough_masks(rows))
            if uses_refiner(self.recipe, self.given):
                name = f"{prefix}refined"
                labels[name] = cached(folder / name, lambda rows=rough: refine_rough_masks(rows, self.refiner()))
        # COCO files serve other programs; the first process writes each of them once.
        for name, rows in labels.items():
            path = folder / f"{name}.json"
            if not path.is_file() and is_first_process():
                path.write_text(json.dumps(to_coco(rows)), encoding="utf-8")
        return labels

    @property
    def best_folder(self) -> Path | None:
        """Folder of the labels of the images with points: the refined ones if they exist, else the rough ones."""
        folders = [self.folder / "pseudo" / name for name in ("refined", "rough")]
        return next((folder for folder in folders if folder.is_dir()), None)

    def quality(self) -> dict[str, dict[str, Any] | None]:
        """Return name in `PSEUDO_LABELS` → quality against the hidden masks; None for labels that do not exist."""
        folder = self.folder / "pseudo"
        # These two are always listed; proposals are listed only where a run has made some.
        quality: dict[str, dict[str, Any] | None] = {"rough": None, "refined": None}
        for name in PSEUDO_LABELS:
            if (folder / name).is_dir():
                labels = stored_rows(folder / name)
                quality[name] = evaluate_pseudo_labels(labels, self.data.train, self.recipe.max_detections)
        # Model cards read the quality from this file.
        if folder.is_dir() and is_first_process():
            write_if_changed(folder / QUALITY_FILE, json.dumps(quality, indent=1))
        return quality


def uses_refiner(recipe: Recipe, given: GivenLabelers) -> bool:
    """Return True if the run refines its labels: it trains a refiner, has trained one, or was given one."""
    is_trained_here = "refiner" in recipe.stages or is_saved_model(Path(recipe.output_dir) / "refiner")
    return given.refiner is not None or is_trained_here


def trained_model(run_folder: Path, name: str) -> Path:
    """Return the folder of a model that an earlier stage has trained.

    Raises:
        UserError: the folder holds no model; the message names the stage to run.
    """
    folder = run_folder / name
    if not is_saved_model(folder):
        raise UserError(f"{folder}: holds no model yet; run the stage {Path(name).parts[0]!r} first")
    return folder
