# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The experiments of one seed and one fraction of masks. Models are shared between tables, results are kept on disk."""

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from pointwssis.data import annotation_cost, jitter_points, points_from_masks
from pointwssis.evaluation import evaluate_pseudo_labels
from pointwssis.ops.whole_files import read_json, write_json
from pointwssis.pseudo_labeling import (
    mask_refine_net_refiner,
    predict_rough_masks,
    refine_rough_masks,
    solov2_teacher,
)
from pointwssis.runs.compute import SPEED_FILE
from pointwssis.runs.recipe import Recipe
from pointwssis.runs.refiner_stage import train_refiner
from pointwssis.runs.run import Run

from .levels import Metrics, measure_levels
from .settings import Settings, folder_of

RANDOM_DRAWS = 5
JITTER = 0.1  # standard deviation of a click, as a fraction of the width and height of its object
# Title of the inputs of a refiner → fields of its configuration (table 3)
REFINER_INPUTS = {
    "image": {"use_rough_mask": False, "use_point": False},
    "image and rough mask": {"use_point": False},
    "image and point": {"use_rough_mask": False},
    "all": {},
}
STRONG_AUGMENTATION = {"copy_paste": 0.5, "scale_jitter": 1.4}
# Settings of a stage that a run lacks would have no effect.
NO_REFINER = {"refiner": {}, "refiner_model": {}}
MEASURED_FILE = "measured.json"


class Experiment:
    """The experiments of one seed and one fraction of masks.

    Each public method trains what it needs, and returns name → metrics.

    Args:
        settings: data, sizes and folder.
        seed: seed of the split, the initial weights and the augmentation.
        fraction: fraction of the images with masks.
    """

    def __init__(self, settings: Settings, seed: int, fraction: float):
        self.settings, self.seed, self.fraction = settings, seed, fraction
        self.folder = folder_of(settings.output_dir, seed, fraction)
        self.recipe = settings.recipe(seed, fraction, self.folder / "run")

    def measure(self, job: str, *arguments: float) -> None:
        """Run a job, the name of a method, unless its results are known, and write them to `measured.json`."""
        path, name = self.folder / MEASURED_FILE, job_name(job, *arguments)
        known = read_json(path) or {}
        if name in known:
            return
        print(f"\nseed {self.seed}, {100 * self.fraction:g}% masks: {name.replace('_', ' ')}", flush=True)
        known[name] = getattr(self, job)(*arguments)
        write_json(path, known)

    @functools.cached_property
    def run(self) -> Run:
        """The run of masks and points, which owns teacher, refiner, labels, students, control, and upper bound."""
        return Run(self.recipe)

    # -- models of the run

    def teacher(self) -> dict[str, Metrics]:
        """Train the teacher."""
        return {"teacher": self.run.teacher()}

    def labels(self) -> dict[str, Metrics]:
        """Label the points, train the refiner, and measure rough and refined labels."""
        self.run.labeling.rough_masks()
        self.run.refiner()
        self.run.labeling.pseudo_labels()
        quality = self.run.labeling.quality()
        return {"labels_rough": quality["rough"], "labels_refined": quality["refined"]}

    def students(self) -> dict[str, Metrics]:
        """Train the students on rough and on refined labels; also return the days of labeling."""
        found = {name: self.run.student(name, rows) for name, rows in self.run.student_rows().items()}
        masks, points = annotation_cost(self.run.data.full).days, annotation_cost(self.run.data.point).days
        found["cost_masks"], found["cost_points"] = {"days": masks}, {"days": masks + points}
        return found

    def control(self) -> dict[str, Metrics]:
        """Continue the teacher on the masks alone, for as many steps as a student."""
        return {"control": self.run.student("control", self.run.data.masked)}

    def upper_bound(self) -> dict[str, Metrics]:
        """Continue the teacher on all masks, for as many steps as a student."""
        days = annotation_cost(self.run.data.train).days
        return {"upper_bound": self.run.student("upper_bound", self.run.data.train), "cost_all": {"days": days}}

    # -- controls: the same steps, and no point

    def augmented(self) -> dict[str, Metrics]:
        """Train the control with the strongest augmentation."""
        augmentation = self.recipe.augmentation | STRONG_AUGMENTATION
        run = Run(self._reusing("augmented", stages=["control"], augmentation=augmentation))
        return {"augmented": run.student("control", run.data.masked)}

    def same_time(self) -> dict[str, Metrics]:
        """Train teacher and control on more masks: as many as the time for masks and points would buy."""
        masks, points = annotation_cost(self.run.data.full), annotation_cost(self.run.data.point)
        per_image = masks.total_seconds / len(self.run.data.full)
        count = min(len(self.run.data.train), int((masks.total_seconds + points.total_seconds) / per_image))
        fraction = count / len(self.run.data.train)
        changes = {"labeled_fraction": fraction, "stages": ["teacher", "control"], **NO_REFINER}
        run = Run(replace(self.recipe, output_dir=str(self._other_folder("same_time")), **changes))
        run.teacher()
        found = run.student("control", run.data.masked)
        return {"same_time": {**found, "images_with_masks": len(run.data.full)}}

    # -- other labels of the images without masks

    def unlabeled(self, threshold: float) -> dict[str, Metrics]:
        """Train a student on proposals in images without labels (table 5, first rows)."""
        options = {"unlabeled_fraction": 1 - self.fraction, "unlabeled_threshold": threshold}
        return self._proposals(job_name("unlabeled", threshold), **options)

    def image_level(self, threshold: float) -> dict[str, Metrics]:
        """Train a student on proposals in images with image-level labels."""
        options = {"image_level_fraction": 1 - self.fraction, "image_level_threshold": threshold}
        return self._proposals(job_name("image_level", threshold), **options)

    def _proposals(self, name: str, **options: Any) -> dict[str, Metrics]:
        changes = {"stages": ["rough", "pseudo", "student"], "refiner_name_or_path": None, **options}
        run = Run(self._reusing(name, **changes))
        rows, proposals = run.student_rows()["student_point"], run.labeling.pseudo_labels()["proposed_rough"]
        quality = evaluate_pseudo_labels(proposals, run.data.train, self.recipe.max_detections)
        return {f"labels_{name}": quality, name: run.student("student_point", rows)}

    def fewer_points(self, share: float) -> dict[str, Metrics]:
        """Train a student on the masks and the points of a share of the other images (table 6)."""
        recipe = self._reusing(job_name("fewer_points", share), stages=["rough", "pseudo", "student"])
        recipe = replace(recipe, refiner_name_or_path=str(self.run.folder / "refiner"))
        # The images are drawn once per seed, so that a smaller share is part of a larger one.
        point = self.run.data.point
        order = np.random.default_rng(self.seed).permutation(len(point))
        chosen = sorted(order[: max(1, round(share * len(point)))].tolist())
        run = Run(recipe, replace(self.run.data, point=point.select(chosen)))
        rows = run.student_rows()["student_refined"]
        return {job_name("fewer_points", share): run.student("student_refined", rows)}

    def _reusing(self, name: str, **changes: Any) -> Recipe:
        """Return the recipe of another run, which starts from the teacher of this seed and fraction."""
        folder, teacher = self._other_folder(name), str(self.run.folder / "teacher")
        changes = {"teacher": {}, **NO_REFINER, **changes}
        return replace(self.recipe, output_dir=str(folder), teacher_name_or_path=teacher, **changes)

    def _other_folder(self, name: str) -> Path:
        """Return the folder of another run, whose models compute with the settings that the first one has chosen."""
        folder, chosen = self.folder / name, read_json(self.run.folder / SPEED_FILE)
        folder.mkdir(parents=True, exist_ok=True)
        if chosen is not None and not (folder / SPEED_FILE).is_file():
            write_json(folder / SPEED_FILE, chosen)
        return folder

    # -- labels alone

    @property
    def hidden(self) -> Dataset:
        """The images with points, with their hidden masks."""
        ids = set(self.run.data.point["image_id"])
        train = self.run.data.train
        return train.select([place for place, image_id in enumerate(train["image_id"]) if image_id in ids])

    def levels(self) -> dict[str, Metrics]:
        """Measure the labels of five ways to choose the pyramid level (table 2)."""
        found = measure_levels(self.hidden, self.run.folder / "teacher", self.recipe.max_detections)
        return {f"levels_{name}": metrics for name, metrics in found.items()}

    def positions(self) -> dict[str, Metrics]:
        """Measure rough labels of points at other positions (table 4), of the image alone and with overlaps."""
        teacher, point, truth = solov2_teacher(self.run.folder / "teacher"), self.run.data.point, self.run.data.train

        def quality(rows: Dataset) -> Metrics:
            rough = predict_rough_masks(rows, teacher, settle_overlaps=False)
            return evaluate_pseudo_labels(rough, truth, self.recipe.max_detections, field="rough_segmentation")

        draws = []
        for draw in range(RANDOM_DRAWS):
            draws.append(quality(points_from_masks(point, "random", draw, ground_truth=truth)))
        names = [name for name, value in draws[0].items() if value is not None]
        return {
            "position_center": quality(points_from_masks(point, "center", ground_truth=truth)),
            "position_random": {name: float(np.mean([draw[name] for draw in draws])) for name in names},
            "position_jitter": quality(jitter_points(point, JITTER, self.seed, stay_in_mask=True, ground_truth=truth)),
        }

    def refiner_inputs(self) -> dict[str, Metrics]:
        """Measure labels of refiners that see less (table 3); all start from the backbone."""
        rough, found = self.run.labeling.rough_point(), {}
        for name, fields in REFINER_INPUTS.items():
            folder = self.run.folder / "refiner_inputs" / name.replace(" ", "_")
            model = self.recipe.refiner_model | fields
            recipe = replace(self.recipe, refiner_model=model, refiner_name_or_path=None)
            train_refiner(recipe, self.run.labeling.rough_full(), folder)
            refined = refine_rough_masks(rough, mask_refine_net_refiner(folder), self.recipe.settle_overlaps)
            limit = self.recipe.max_detections
            found[f"refiner_{name}"] = evaluate_pseudo_labels(refined, self.run.data.train, limit)
        return found


Job = tuple[str, *tuple[float, ...]]  # name of a method of `Experiment`, and its arguments


def job_name(job: str, *arguments: float) -> str:
    """Return the name of a job and its arguments.

    Example:
        >>> job_name("teacher"), job_name("unlabeled", 0.3)
        ('teacher', 'unlabeled_0.3')
    """
    return "_".join([job, *(f"{value:g}" for value in arguments)])


def measured(settings: Settings) -> dict[int, dict[float, dict[str, Metrics]]]:
    """Return seed → fraction of masks → name → metrics, of all seeds in the output folder."""
    found: dict[int, dict[float, dict[str, Metrics]]] = {}
    for path in sorted(settings.output_dir.glob(f"seed_*/masks_*/{MEASURED_FILE}")):
        seed = int(path.parts[-3].partition("_")[2])
        percent = float(path.parts[-2].partition("_")[2])
        # The names of all jobs are distinct.
        values: dict[str, Metrics] = {}
        for results in (read_json(path) or {}).values():
            values |= results
        found.setdefault(seed, {})[round(percent / 100, 6)] = values
    return found
