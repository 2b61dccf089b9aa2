# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A run: the stages of a recipe on its data, in the order of the paper's figure 3.

teacher → rough masks → MaskRefineNet → pseudo labels → students, and the same training on all masks as upper bound.
"""

import functools
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, concatenate_datasets
from transformers import AutoConfig

from ..data import to_coco
from ..evaluation.pseudo_labels import evaluate_pseudo_labels
from ..hub.cards import write_if_changed
from ..models.factory import check_fields, is_saved_model
from ..models.mask_refine_net.configuration_mask_refine_net import MaskRefineNetConfig
from ..models.solov2.configuration_solov2 import TEACHER_NUM_GRIDS, TEACHER_SCALE_RANGES, SOLOv2Config
from ..ops.devices import best_device, choose_dtype
from ..pseudo_labeling.generate import keep_rough_masks, predict_rough_masks, propose_rough_masks, refine_rough_masks
from ..pseudo_labeling.labelers import mask_refine_net_refiner, solov2_proposer, solov2_teacher
from .cache import cached, is_first_process, stored_rows
from .data import RunData, load_data
from .facts import QUALITY_FILE, label_costs, write_cards
from .progress import EtaCallback
from .recipe import Recipe
from .stages import is_trained, train_refiner, train_segmenter, training_arguments

MODELS = ("teacher", "student_point", "student_refined", "full")  # what `results.json` has metrics of


class Run:
    """One recipe on its data, stage by stage; every method may be called again and then only reads what is there."""

    def __init__(self, recipe: Recipe, data: RunData | None = None):
        self.recipe, self.folder = recipe, Path(recipe.output_dir)
        self.data = data or load_data(recipe)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._check_models()
        self._check_settings()
        self.compares = self.data.ground_truth_is_known and len(self.data.point) + len(self.data.without_points) > 0
        self.uses_refiner = "refiner" in recipe.stages or is_saved_model(self.folder / "refiner")
        self.probe = EtaCallback(self.planned_steps())

    @property
    def dtype(self) -> torch.dtype:
        """Number format of labeling."""
        return choose_dtype(best_device(), self.recipe.bf16)

    def _check_models(self) -> None:
        """What no model can be made of is an error now, not after the trainings of the others."""
        for fields in (self.teacher_fields, self.segmenter_fields):
            check_fields(SOLOv2Config, fields)
            SOLOv2Config(**fields)
        check_fields(MaskRefineNetConfig, self.recipe.refiner_model)
        if self.recipe.backbone_name_or_path is None:  # which would bring a width of its own
            MaskRefineNetConfig(**self.recipe.refiner_model)

    def _check_settings(self) -> None:
        """An output folder belongs to one recipe: mixing stages of two would give a table of neither."""
        path, ours = self.folder / "recipe.yaml", asdict(self.recipe)
        free = {"stages", "output_dir", "skip_bad", "push_to_hub", "hub_model_id", "hub_private"}
        if path.is_file() and any((self.folder / stage).is_dir() for stage in (*MODELS, "refiner", "rough", "pseudo")):
            before = asdict(Recipe.load(path))
            changed = sorted(key for key in ours if key not in free and ours[key] != before[key])
            if changed:
                raise ValueError(
                    f"{self.folder}: holds a run with other settings of {', '.join(changed)}; choose another "
                    "output_dir or delete it"
                )
        if is_first_process():  # whole or not at all, since others read it
            self.recipe.save(path.with_suffix(".new"))
            os.replace(path.with_suffix(".new"), path)

    def planned_steps(self) -> dict[str, int]:
        """Steps of each training that this run still has before it."""
        trainings = {"teacher": (self.recipe.training, self.recipe.teacher)}
        if self.uses_refiner:
            trainings["refiner"] = (
                {"max_steps": 200_000},
                {k: v for k, v in self.recipe.refiner.items() if k != "point_jitter"},
            )
        for name in ("student_point", "student_refined", "full"):
            trainings[name] = (self.recipe.training, self.recipe.student)
        stage_of = {"student_point": "student", "student_refined": "student", "full": "upper_bound"}
        wanted = {
            name: training_arguments(self.recipe, self.folder, *settings).max_steps
            for name, settings in trainings.items()
            if stage_of.get(name, name) in self.recipe.stages and not is_trained(self.folder / name)
        }
        if not self.data.ground_truth_is_known:
            wanted.pop("full", None)
        if not len(self.data.masked):
            wanted.pop("teacher", None)
            wanted.pop("refiner", None)
        if not self.compares:
            wanted.pop("student_point" if self.uses_refiner else "student_refined", None)
        return wanted

    def run(self) -> dict[str, Any]:
        """Runs the stages of the recipe and returns what `results.json` holds, earlier stages included."""
        stages = self.recipe.stages
        if "teacher" in stages:
            self.teacher()
        if "rough" in stages:
            self.rough_point()
            if len(self.data.without_points):
                self.rough_proposed()
        if "refiner" in stages:
            self.refiner()
        if "pseudo" in stages:
            self.pseudo_labels()
        if "student" in stages:
            for name, rows in self.student_rows().items():
                self.student(name, rows)
        if "upper_bound" in stages and self.data.ground_truth_is_known:
            self.student("full", self.data.train)
        quality = self.pseudo_label_quality()
        self.write_cards()
        return {**{name: self.metrics(name) for name in MODELS}, "pseudo_labels": quality}

    def write_cards(self) -> None:
        """Writes the card of every model that is there, with what is known by now."""
        if is_first_process():
            write_cards(self.recipe, self.data, self.folder, self.label_costs)

    @functools.cached_property
    def label_costs(self) -> tuple[dict[str, int], dict[str, float]]:
        return label_costs(self.data)

    def metrics(self, name: str) -> dict[str, float | None] | None:
        """Metrics of a model of this run; None where there is no model or nothing to evaluate on."""
        path = self.folder / name / "metrics.json"
        return (json.loads(path.read_text()) or None) if path.is_file() else None

    def made(self, name: str) -> Path:
        """Folder of a model that an earlier stage has made."""
        folder = self.folder / name
        if not is_saved_model(folder):
            raise ValueError(f"{folder}: holds no model yet; run the stage {Path(name).parts[0]!r} first")
        return folder

    @property
    def segmenter_fields(self) -> dict[str, Any]:
        return {"max_detections": self.recipe.max_detections, **self.recipe.model}

    @property
    def teacher_fields(self) -> dict[str, Any]:
        fields = {"num_grids": TEACHER_NUM_GRIDS, "scale_ranges": TEACHER_SCALE_RANGES}
        return fields | self.segmenter_fields | self.recipe.teacher_model

    def teacher(self) -> dict[str, float | None]:
        """Step 1: learn from the images that have masks."""
        start = self.start(self.recipe.teacher_name_or_path, "solov2")
        if not len(self.data.masked) and start is None:
            raise ValueError(
                "no object has a mask, and a teacher needs some; raise labeled_fraction, add masks, or give a trained "
                "one as teacher_name_or_path"
            )
        metrics = train_segmenter(
            self.recipe,
            self.data.masked,
            self.data.validation,
            self.folder / "teacher",
            self.teacher_fields,
            self.recipe.teacher,
            start,
            self.rough_folders(),
            self.probe,
        )
        self.write_cards()
        return metrics

    def start(self, own: str | None, model_type: str) -> str | None:
        """The saved model that a training starts from: its own, else the recipe's if that is of the right kind."""
        common = self.recipe.model_name_or_path
        if own is None and common is not None and AutoConfig.from_pretrained(common).model_type == model_type:
            return common
        return own

    def rough_folders(self) -> dict[float, Path]:
        """Parts of the teacher's training → folder of its weights then."""
        return {
            part: self.folder / "teacher" / f"weights_at_{round(100 * part)}_percent"
            for part in self.recipe.rough_fractions
        }

    def rough_full(self) -> Dataset:
        """Rough masks of the objects with masks, by earlier weights of the teacher, decoded by points exactly as at
        labeling time.

        The official code decodes here with the true sizes ("point_with_size"), so that its refiner learns from other
        rough masks than it later refines.
        """

        def make(weights: Path) -> Dataset:
            folder = self.made(str(weights.relative_to(self.folder)))
            return predict_rough_masks(self.data.masked, solov2_teacher(folder, self.dtype))

        parts = [
            cached(self.folder / "rough" / f"full_{path.name}", lambda p=path: make(p))
            for path in self.rough_folders().values()
        ]
        return concatenate_datasets(parts)

    def rough_point(self) -> Dataset:
        """Step 2: one rough mask a point on the images with points; where they are incomplete also what else the
        teacher sees.
        """

        def make() -> Dataset:
            rows = predict_rough_masks(self.data.point, solov2_teacher(self.made("teacher"), self.dtype))
            return self._proposed(rows, self.first_free_id)

        return cached(self.folder / "rough" / "point", make)

    def rough_proposed(self) -> Dataset:
        """Step 2 for images without points: what the teacher sees there above the thresholds."""

        def make() -> Dataset:
            taken = [item["id"] for objects in self.rough_point()["objects"] for item in objects]
            return self._proposed(
                self.data.without_points, max([self.first_free_id, *(number + 1 for number in taken)])
            )

        return cached(self.folder / "rough" / "proposed", make)

    def _proposed(self, rows: Dataset, first_id: int) -> Dataset:
        thresholds = (self.recipe.unlabeled_threshold, self.recipe.image_level_threshold)
        proposer = solov2_proposer(self.made("teacher"), *thresholds, self.dtype)
        return propose_rough_masks(rows, proposer, first_id)

    @property
    def first_free_id(self) -> int:
        """Greater than the ids of all objects of the data."""
        return 1 + max((item["id"] for objects in self.data.train["objects"] for item in objects), default=0)

    def refiner(self) -> None:
        """Step 3: learn to mend the teacher's masks where the truth is known."""
        if is_trained(self.folder / "refiner"):
            return
        start, rows = self.start(self.recipe.refiner_name_or_path, "mask_refine_net"), self.data.masked
        if len(rows):
            rows = self.rough_full()
        elif start is None:
            raise ValueError(
                "no object has a mask, and a refiner needs some; give a trained one as refiner_name_or_path, or leave "
                "the stage 'refiner' out"
            )
        train_refiner(self.recipe, rows, self.folder / "refiner", start, self.probe)
        self.write_cards()

    def pseudo_labels(self) -> dict[str, Dataset]:
        """Step 4: the masks that the students learn from, also written as COCO files.

        Returns:
            "rough" and "refined" labels of the images with points, "proposed_rough" and "proposed_refined" of the
            others.
        """
        sources = {"": self.rough_point} | ({"proposed_": self.rough_proposed} if len(self.data.without_points) else {})
        labels = {}
        for prefix, rough in sources.items():
            labels[f"{prefix}rough"] = cached(
                self.folder / "pseudo" / f"{prefix}rough", lambda rough=rough: keep_rough_masks(rough())
            )
            if self.uses_refiner:
                labels[f"{prefix}refined"] = cached(
                    self.folder / "pseudo" / f"{prefix}refined",
                    lambda rough=rough: refine_rough_masks(
                        rough(), mask_refine_net_refiner(self.made("refiner"), self.dtype)
                    ),
                )
        for name, rows in labels.items():
            path = self.folder / "pseudo" / f"{name}.json"
            if not path.is_file() and is_first_process():
                path.write_text(json.dumps(to_coco(rows)), encoding="utf-8")
        return labels

    def pseudo_label_quality(self) -> dict[str, dict[str, Any] | None]:
        """The pseudo labels of this run against the hidden masks; None for labels that are not made."""
        quality: dict[str, dict[str, Any] | None] = {"rough": None, "refined": None}
        for name in ("rough", "refined", "proposed_rough", "proposed_refined"):
            folder = self.folder / "pseudo" / name
            if folder.is_dir():
                labels = stored_rows(folder)
                quality[name] = evaluate_pseudo_labels(labels, self.data.train, self.recipe.max_detections)
        if (self.folder / "pseudo").is_dir() and is_first_process():
            write_if_changed(self.folder / "pseudo" / QUALITY_FILE, json.dumps(quality, indent=1))
        return quality

    def student_rows(self) -> dict[str, Dataset]:
        """What each student learns from; without hidden masks to compare with, only the one that ships is trained.

        Images with masks come `full_repeats` times, so that true outlines keep their say among the pseudo labels.
        """
        labels = self.pseudo_labels()
        full = [self.data.full] * self.recipe.full_repeats
        rows = {}
        for student, kind in (("student_point", "rough"), ("student_refined", "refined")):
            parts = [labels[name] for name in (kind, f"proposed_{kind}") if name in labels]
            if parts:
                rows[student] = concatenate_datasets([*full, *parts])
        return rows if self.compares else dict(list(rows.items())[-1:])

    def student(self, name: str, rows: Dataset) -> dict[str, float | None]:
        """Step 5: learn from masks and pseudo labels together (or, as upper bound, from all masks)."""
        start = self.start(self.recipe.student_name_or_path, "solov2")
        start = str(self.made("teacher")) if start == "teacher" else start
        metrics = train_segmenter(
            self.recipe,
            rows,
            self.data.validation,
            self.folder / name,
            self.segmenter_fields,
            self.recipe.student,
            start,
            probe=self.probe,
        )
        self.write_cards()
        return metrics

    @property
    def shipped(self) -> Path | None:
        """The best model that this run made without hidden masks."""
        made = [self.folder / name for name in ("student_refined", "student_point", "teacher")]
        return next((path for path in made if is_saved_model(path)), None)
