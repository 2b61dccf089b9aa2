# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The labeling stages of a run: rough masks, proposals, refined masks, and their quality.

Every dataset is made once and then read from its folder. Masks are predicted by trained models of the run, or by the
callables that were passed to `Run`.
"""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, concatenate_datasets

from ..data import hide_masks, to_coco
from ..data.class_names import names_with_sides
from ..evaluation import evaluate_pseudo_labels
from ..models.factory import is_saved_model
from ..ops.processes import from_first_process, is_first_process
from ..ops.whole_files import read_json, write_json, write_text
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
from ..pseudo_labeling.gate import ALL, NONE, Gate, apply_gate, decide, measure_refinement
from ..training.expected_iou import ExpectedIou
from .cache import cached, cached_by_image
from .compute import labeling_dtype
from .cross_fitting import fold_rows
from .data import RunData
from .data_record import identity_of, label_keys
from .given_labelers import GivenLabelers
from .held_back import late_images, without
from .names import PSEUDO_LABELS
from .recipe import Recipe
from .reuse import (
    GATE_FILE,
    gate_of_reused_refiner,
    intermediate_weights,
    labeling_model,
    reused_model,
    trained_model,
)
from .saved_rows import stored_rows
from .shards import label_in_shards

QUALITY_FILE = "quality.json"
SETTINGS_OF_LABELS = ("settle_overlaps", "label_flips", "label_scales")


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


class Labeling:
    """The labels of a run.

    Args:
        recipe: recipe of the run.
        data: data of the run.
        given: callables in place of trained models.
        later: the round, for labels that a student makes; None for those of the teacher.
    """

    def __init__(self, recipe: Recipe, data: RunData, given: GivenLabelers, later: LabelRound | None = None):
        self.recipe, self.data, self.given, self.later = recipe, data, given, later
        self.run_folder = Path(recipe.output_dir)
        self.folder = self.run_folder if later is None else later.folder

    @property
    def uses_refiner(self) -> bool:
        """True if rough masks are refined."""
        return uses_refiner(self.recipe, self.given) if self.later is None else self.later.refines

    # -- the callables

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
        return given or self._solov2_teacher(self.segmenter())

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

    def _solov2_teacher(self, folder: Path) -> Teacher:
        """Return a SOLOv2 as a teacher that labels as the recipe says."""
        return solov2_teacher(
            folder,
            self.dtype,
            flips=labels_mirrored_views(self.recipe, self.data.class_names),
            scales=self.recipe.label_scales,
        )

    # -- rough masks

    def _rough(self, rows: Dataset, teacher: Teacher) -> Dataset:
        return predict_rough_masks(rows, teacher, settle_overlaps=self.recipe.settle_overlaps)

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

    # -- the gate of the refiner

    @functools.cached_property
    def late_images(self) -> list[int]:
        """Positions in `data.masked` of the images that are held back for the gate; see `held_back.late_images`."""
        return late_images(self.recipe, self.data)

    @functools.cached_property
    def held_back(self) -> Dataset:
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
        if not self.recipe.gate or not len(self.held_back):
            return None
        path = self.run_folder / "refiner" / GATE_FILE
        decided = from_first_process(lambda: read_json(path))
        if decided is not None:
            return Gate.from_dict(decided)
        brought = from_first_process(lambda: None if self.given.refiner else gate_of_reused_refiner(self.recipe))
        if brought is not None:
            gate = Gate.from_dict(brought)
        else:
            refined = self._held_back_refined()
            gate = from_first_process(lambda: decide(measure_refinement(self.held_back, refined)))
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
        if not self.recipe.gate or not len(self.held_back):
            return None
        gate = self.gate() if kind == "refined" else None
        if gate is None:
            labels = keep_rough_masks(self.held_back_rough(), self.recipe.settle_overlaps)
        else:
            labels = apply_gate(self._held_back_refined(), gate, self.recipe.settle_overlaps)
        return ExpectedIou.fit(labels, self.held_back)

    def held_back_rough(self) -> Dataset:
        """Return the held-back images with rough masks; their own masks are hidden."""
        hidden = hide_masks(self.held_back)
        folder = self.run_folder / "rough" / "held_back"
        return cached(folder, hidden, lambda rows: self._rough(rows, self._unbiased_teacher()))

    def _held_back_refined(self) -> Dataset:
        """Return the held-back images with refined masks."""
        return cached(self.run_folder / "rough" / "held_back_refined", self.held_back_rough(), self._all_refined)

    def _unbiased_teacher(self) -> Teacher:
        """Return the teacher that has not learned from the held-back images."""
        # A reused teacher may have been trained without patience.
        never_learned = self.recipe.teacher_patience > 0 and reused_model(self.recipe, "teacher") is None
        if self.given.teacher is not None or self.data.validation_is_held_back or never_learned:
            return self.teacher()
        return self._solov2_teacher(self.intermediate_teachers()[0])

    def mean_iou_of(self, weights: Path) -> float:
        """Return the mean IoU of the rough labels that saved weights make of the held-back objects."""
        teacher, settles = self._solov2_teacher(weights), self.recipe.settle_overlaps

        def label(rows: Dataset) -> Dataset:
            return keep_rough_masks(self._rough(rows, teacher), settles)

        labels = label_in_shards(weights / "labels", hide_masks(self.held_back), label)
        return from_first_process(
            lambda: float(np.mean([one.rough_iou for one in measure_refinement(self.held_back, labels)]))
        )

    def _all_refined(self, rough: Dataset) -> Dataset:
        return refine_rough_masks(rough, self.refiner(), self.recipe.settle_overlaps)

    def _refined(self, rough: Dataset) -> Dataset:
        """Return refined labels; where the gate is closed, objects keep their rough masks."""
        gate, settles = self.gate(), self.recipe.settle_overlaps
        if gate is None or gate.decision == ALL:
            return self._all_refined(rough)
        if gate.decision == NONE:
            return keep_rough_masks(rough, settles)
        # Overlaps are settled after the choice: a refined mask loses nothing to one that is not taken.
        return apply_gate(refine_rough_masks(rough, self.refiner(), settle_overlaps=False), gate, settles)

    # -- rough masks for the training of the refiner

    def rough_full(self) -> Dataset:
        """Return the images with masks, with rough masks of intermediate teachers: training data of the refiner.

        They are decoded from points, exactly as for labeling. The official code decodes them with the ground-truth
        sizes ("point_with_size"), so that its refiner is trained on other rough masks than it later refines. A teacher
        that was passed to `Run` has no intermediate weights and labels these images once. With `rough_folds`, each
        image is labeled once, by the teacher that has not learned from it. Images that are held back for the gate are
        left out.
        """
        rough, rows = self.run_folder / "rough", without(self.data.masked, self.late_images)
        # A given teacher has no training from which intermediate weights could be taken.
        if self.given.teacher is not None:
            return cached(rough / "full", rows, lambda some: self._rough(some, self.given.teacher))
        # Each intermediate teacher labels all images once; with folds, each teacher those that it has not seen. The
        # refiner learns from the rough masks of all of them.
        if self.recipe.rough_folds > 1:
            labelers = {self.run_folder / name: own for name, (_, own) in fold_rows(self.recipe, rows).items()}
        else:
            labelers = dict.fromkeys(self.intermediate_teachers(), rows)
        parts = []
        for weights, images in labelers.items():

            def label(some: Dataset, path: Path = weights) -> Dataset:
                return self._rough(some, self._solov2_teacher(path))

            parts.append(cached(rough / f"full_{weights.name}", images, label))
        return concatenate_datasets(parts)

    def rough_point(self) -> Dataset:
        """Return the images with points, with one rough mask per point (paper, section 3.2).

        Incomplete images also get the objects that the proposer finds.
        """
        folder, rows = self.folder / "rough" / "point", self.data.point
        # Complete images show nothing beside their points, so that they need no proposer.
        if all(rows["complete"]):
            return cached_by_image(
                folder, rows, lambda: self._keys(rows, "teacher"), lambda some: self._rough(some, self.teacher())
            )

        def label(some: Dataset) -> Dataset:
            return propose_rough_masks(self._rough(some, self.teacher()), self.proposer(), self.first_free_id)

        return cached(folder, rows, label, lambda: self.first_free_id)

    def rough_proposed(self) -> Dataset:
        """Return the images without points, with the objects that the proposer finds (paper, table 5)."""

        @functools.cache
        def first_id() -> int:
            # New objects are numbered after those of the data and those proposed in images with points.
            taken = [item["id"] for objects in self.rough_point()["objects"] for item in objects]
            return max([self.first_free_id, *(number + 1 for number in taken)])

        def label(some: Dataset) -> Dataset:
            return propose_rough_masks(some, self.proposer(), first_id())

        return cached(self.folder / "rough" / "proposed", self.data.without_points, label, first_id)

    def _keys(self, rows: Dataset, stage: str) -> list[str]:
        """Return a key per row, which depends on all that its labels depend on: its content, the labeler, settings.

        Args:
            rows: rows to label.
            stage: "teacher" or "refiner".
        """
        # In later rounds, the student takes the place of a given teacher, but not of a given refiner.
        is_given = stage in self.given.names() and (stage == "refiner" or self.later is None)
        if is_given:
            labeler: Any = self.given.names()[stage]
        else:
            labeler = identity_of(self.segmenter() if stage == "teacher" else labeling_model(self.recipe, stage))
        gate = self.gate() if stage == "refiner" else None
        settings = {key: getattr(self.recipe, key) for key in SETTINGS_OF_LABELS}
        return label_keys(rows, [labeler, str(self.dtype), settings, gate and gate.to_dict()], self.run_folder)

    @functools.cached_property
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
            labels[name] = cached(
                folder / name, rough, lambda rows: keep_rough_masks(rows, self.recipe.settle_overlaps)
            )
            if self.uses_refiner:
                name = f"{prefix}refined"
                keys = functools.partial(self._keys, rough, "refiner")
                labels[name] = cached_by_image(folder / name, rough, keys, self._refined)
        # COCO files serve other programs; the first process writes each of them once.
        for name, rows in labels.items():
            path = folder / f"{name}.json"
            if not path.is_file() and is_first_process():
                write_text(path, json.dumps(to_coco(rows)))
        return labels

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


def labels_mirrored_views(recipe: Recipe, class_names: Sequence[str]) -> bool:
    """Return True if mirrored images are labeled too; in these, a left and a right hand would exchange their labels."""
    return recipe.label_flips and not names_with_sides(class_names)


def uses_refiner(recipe: Recipe, given: GivenLabelers) -> bool:
    """Return True if the run refines its labels: it trains a refiner, has trained one, or was given a trained one."""
    is_trained_here = "refiner" in recipe.stages or is_saved_model(Path(recipe.output_dir) / "refiner")
    return given.refiner is not None or is_trained_here or recipe.refiner_name_or_path is not None
