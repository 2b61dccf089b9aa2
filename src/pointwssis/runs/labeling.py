# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The labeling stages of a run: rough masks, proposals, refined masks, and their quality.

Every dataset is made once and then read from its folder. Masks are predicted by trained models of the run, or by the
callables that were passed to `Run`.
"""

import functools
import json
from pathlib import Path
from typing import Any

from datasets import Dataset, concatenate_datasets

from ..data import to_coco
from ..data.schema import next_object_id
from ..evaluation import evaluate_pseudo_labels
from ..ops.processes import from_first_process, is_first_process
from ..ops.whole_files import write_json, write_text
from ..pseudo_labeling import keep_rough_masks, propose_rough_masks, refine_rough_masks
from ..pseudo_labeling.gate import ALL, NONE, apply_gate
from .cache import cached, cached_by_image
from .cross_fitting import fold_rows
from .data import RunData
from .data_record import label_keys
from .given_labelers import GivenLabelers
from .held_back import without
from .held_back_labels import HeldBackLabels
from .names import PSEUDO_LABELS
from .recipe import Recipe
from .run_labelers import LabelRound, RunLabelers
from .saved_rows import stored_rows

QUALITY_FILE = "quality.json"
SETTINGS_OF_LABELS = ("settle_overlaps", "label_flips", "label_scales")


class Labeling:
    """The labels of a run.

    Args:
        recipe: recipe of the run.
        data: data of the run.
        given: callables in place of trained models.
        later: the round, for labels that a student makes; None for those of the teacher.
    """

    def __init__(self, recipe: Recipe, data: RunData, given: GivenLabelers, later: LabelRound | None = None):
        self.recipe, self.data = recipe, data
        self.labelers = RunLabelers(recipe, data.class_names, given, later)
        self.held_back = HeldBackLabels(recipe, data, self.labelers)
        self.run_folder = self.labelers.run_folder
        self.folder = self.run_folder if later is None else later.folder

    # -- rough masks for the training of the refiner

    def rough_full(self) -> Dataset:
        """Return the images with masks, with rough masks of intermediate teachers: training data of the refiner.

        They are decoded from points, exactly as for labeling. The official code decodes them with the ground-truth
        sizes ("point_with_size"), so that its refiner is trained on other rough masks than it later refines. A teacher
        that was passed to `Run` has no intermediate weights and labels these images once. With `rough_folds`, each
        image is labeled once, by the teacher that has not learned from it. Images that are held back for the gate are
        left out.
        """
        rough, rows = self.run_folder / "rough", without(self.data.masked, self.held_back.late_images)
        # A given teacher has no training from which intermediate weights could be taken.
        if self.labelers.given.teacher is not None:
            return cached(rough / "full", rows, self.labelers.rough)
        # Each intermediate teacher labels all images once; with folds, each teacher those that it has not seen. The
        # refiner learns from the rough masks of all of them.
        if self.recipe.rough_folds > 1:
            labelers = {self.run_folder / name: own for name, (_, own) in fold_rows(self.recipe, rows).items()}
        else:
            labelers = dict.fromkeys(self.labelers.intermediate_teachers(), rows)
        parts = []
        for weights, images in labelers.items():

            def label(some: Dataset, path: Path = weights) -> Dataset:
                return self.labelers.rough(some, self.labelers.solov2_teacher(path))

            parts.append(cached(rough / f"full_{weights.name}", images, label))
        return concatenate_datasets(parts)

    def rough_point(self) -> Dataset:
        """Return the images with points, with one rough mask per point (paper, section 3.2).

        Incomplete images also get the objects that the proposer finds.
        """
        folder, rows = self.folder / "rough" / "point", self.data.point
        # Complete images show nothing beside their points, so that they need no proposer.
        if all(rows["complete"]):
            return cached_by_image(folder, rows, lambda: self._keys(rows, "teacher"), self.labelers.rough)

        def label(some: Dataset) -> Dataset:
            rough = self.labelers.rough(some)
            return propose_rough_masks(rough, self.labelers.proposer(), self.first_free_id)

        return cached(folder, rows, label, lambda: self.first_free_id)

    def rough_proposed(self) -> Dataset:
        """Return the images without points, with the objects that the proposer finds (paper, table 5)."""

        @functools.cache
        def first_id() -> int:
            # New objects are numbered after those of the data and those proposed in images with points.
            return max(self.first_free_id, next_object_id(self.rough_point()))

        def label(some: Dataset) -> Dataset:
            return propose_rough_masks(some, self.labelers.proposer(), first_id())

        return cached(self.folder / "rough" / "proposed", self.data.without_points, label, first_id)

    def _keys(self, rows: Dataset, stage: str) -> list[str]:
        """Return a key per row, which depends on all that its labels depend on: its content, the labeler, settings.

        Args:
            rows: rows to label.
            stage: "teacher" or "refiner".
        """
        labeler = self.labelers.identity(stage)
        gate = self.held_back.gate() if stage == "refiner" else None
        settings = {key: getattr(self.recipe, key) for key in SETTINGS_OF_LABELS}
        return label_keys(rows, [labeler, str(self.labelers.dtype), settings, gate and gate.to_dict()], self.run_folder)

    @functools.cached_property
    def first_free_id(self) -> int:
        """The lowest id that is greater than those of all objects of the data."""
        return next_object_id(self.data.train)

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
            labels[name] = cached(
                folder / name, rough, lambda rows: keep_rough_masks(rows, self.recipe.settle_overlaps)
            )
            if self.labelers.uses_refiner:
                name = f"{prefix}refined"
                keys = functools.partial(self._keys, rough, "refiner")
                labels[name] = cached_by_image(folder / name, rough, keys, self._refined)
        # COCO files serve other programs; the first process writes each of them once.
        for name, rows in labels.items():
            path = folder / f"{name}.json"
            if not path.is_file() and is_first_process():
                write_text(path, json.dumps(to_coco(rows)))
        return labels

    def _refined(self, rough: Dataset) -> Dataset:
        """Return refined labels; where the gate is closed, objects keep their rough masks."""
        gate, settles = self.held_back.gate(), self.recipe.settle_overlaps
        if gate is None or gate.decision == ALL:
            return self.labelers.refined(rough)
        if gate.decision == NONE:
            return keep_rough_masks(rough, settles)
        # Overlaps are settled after the choice: a refined mask loses nothing to one that is not taken.
        return apply_gate(refine_rough_masks(rough, self.labelers.refiner(), settle_overlaps=False), gate, settles)

    @property
    def best_folder(self) -> Path | None:
        """Folder of the labels of the images with points: the refined ones if they exist, else the rough ones."""
        folders = [self.folder / "pseudo" / name for name in ("refined", "rough")]
        return next((folder for folder in folders if folder.is_dir()), None)

    def quality(self) -> dict[str, dict[str, Any] | None]:
        """Return name in `PSEUDO_LABELS` → quality against the hidden masks; None for labels that do not exist."""
        return from_first_process(self._quality)

    def _quality(self) -> dict[str, dict[str, Any] | None]:
        folder = self.folder / "pseudo"
        # These two are always listed; proposals are listed only where a run has made some.
        quality: dict[str, dict[str, Any] | None] = {"rough": None, "refined": None}
        for name in PSEUDO_LABELS:
            if (folder / name).is_dir():
                labels = stored_rows(folder / name)
                quality[name] = evaluate_pseudo_labels(labels, self.data.train, self.recipe.max_detections)
        # Model cards read the quality from this file.
        if folder.is_dir():
            write_json(folder / QUALITY_FILE, quality)
        return quality
