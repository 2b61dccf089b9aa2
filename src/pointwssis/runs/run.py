# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A run: the stages of a recipe on its data, in the order of the paper's figure 3.

teacher → rough masks → MaskRefineNet → pseudo labels → students, and the same training on the few masks as control, and
on all masks as upper bound.
"""

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

from datasets import Dataset, concatenate_datasets

from ..ops.folder_lock import holding_folder
from ..ops.folders import make_folder, naming_lost_folder
from ..ops.full_disk import naming_full_disk
from ..ops.processes import connect_processes, is_first_process, wait_for_all
from ..ops.user_error import UserError
from ..ops.whole_files import read_json, write_json, write_text
from ..pseudo_labeling import Proposer, Refiner, Teacher
from ..training.flips import warn_about_flips
from .cross_fitting import fold_rows
from .damage import remove_damaged
from .data import RunData, load_data
from .facts import LabelCosts, label_costs, write_cards
from .given_labelers import GivenLabelers
from .held_back import save_held_back, teacher_rows, with_validation
from .labeling import Labeling
from .names import SEGMENTERS, round_name
from .notes import notes_on, warn_about_validation
from .outdated import LABELERS_FILE, RECIPE_FILE, remove_outdated
from .plan import RunPlan
from .progress import EtaCallback
from .recipe import Recipe
from .refiner_stage import train_refiner
from .results import CONTACT_SHEET, write_contact_sheet, write_results
from .reuse import GATE_FILE, is_reused, labeling_model, starting_model
from .run_labelers import LabelRound
from .run_report import write_curves, write_report
from .saved_rows import stored_rows
from .segmenter_stage import SegmenterTraining, train_segmenter
from .self_training import self_training_rows
from .shipping import save_validation_size, shipped_model
from .stage_arguments import fold_settings
from .stage_results import METRICS_FILE, is_trained, remove_checkpoints
from .unused_settings import warn_about_unused_settings

TIMEOUT = 1800  # seconds that processes wait for each other, as in transformers


class Run:
    """One recipe on its data, stage by stage. Every method may be called again: existing results are read from disk.

    Under `torchrun`, all processes call the same methods: they train together, and each labels its share of the images.

    Args:
        recipe: settings of the run.
        data: data of the run; None loads the data that the recipe names.
        teacher: callable that turns points into rough masks, in place of a trained SOLOv2; see
            `pseudo_labeling.Teacher`. The stage "teacher" is then skipped.
        refiner: callable that refines rough masks, in place of a trained MaskRefineNet; see `pseudo_labeling.Refiner`.
            The stage "refiner" is then skipped.
        proposer: callable that finds objects without points, in place of the trained teacher; see
            `pseudo_labeling.Proposer`.
        update: remove the results in the output folder that changed settings outdate, and make them again; False raises
            an error. Results of earlier stages stay.

    Raises:
        UserError: the recipe cannot be run, or its output folder holds results of other settings.
        FolderInUseError: another process writes into the output folder.

    Example:
        ```python
        Run(Recipe.load("recipe.yaml"), refiner=my_refiner).run()
        ```
    """

    def __init__(
        self,
        recipe: Recipe,
        data: RunData | None = None,
        *,
        teacher: Teacher | None = None,
        refiner: Refiner | None = None,
        proposer: Proposer | None = None,
        update: bool = False,
    ):
        connect_processes(recipe.training.get("ddp_timeout", TIMEOUT))
        self.recipe, self.folder = recipe, Path(recipe.output_dir)
        self.given = GivenLabelers(teacher, refiner, proposer)
        with holding_folder(self.folder):
            self._open(data or load_data(recipe), update)
        if is_first_process():
            warn_about_flips(recipe.augmentation, self.data.class_names)
            warn_about_unused_settings(recipe, self.data)
            warn_about_validation(self.data, self.folder)

    def _open(self, loaded: RunData, update: bool) -> None:
        """Check the recipe, its data, and the output folder; remove what is outdated or damaged, and claim it."""
        recipe = self.recipe
        self.data = with_validation(recipe, loaded)
        # The plan checks recipe and folder before the folder is claimed.
        self.plan = RunPlan(recipe, self.data, self.given, update)
        if update:
            remove_outdated(recipe, self.given.names(), self.plan.data_record)
            # Without the removed models, others may be reused, which have held back other images.
            self.data = with_validation(recipe, loaded)
            self.plan = RunPlan(recipe, self.data, self.given)
        if remove_damaged(self.folder):
            self.plan = RunPlan(recipe, self.data, self.given)
        self.labeling = Labeling(recipe, self.data, self.given)
        # Only trainings that are still to come count toward the time left.
        self.eta = EtaCallback(self.plan.steps())
        wait_for_all()  # all have looked at the folder
        self._claim_folder()

    def _claim_folder(self) -> None:
        """Write the recipe and the names of the given callables into the output folder, which now belongs to them."""
        make_folder(self.folder)
        if is_first_process():
            write_text(self.folder / RECIPE_FILE, self.recipe.to_yaml())
            self.plan.data_record.save()
            write_json(self.folder / LABELERS_FILE, self.given.names())
            save_validation_size(self.data.validation, self.folder)
        wait_for_all()

    # -- all stages

    def run(self) -> dict[str, Any]:
        """Run the stages of the recipe, and write `results.json`, `results.md`, curves, and `report.html`.

        Returns:
            The content of `results.json`: name of each SOLOv2 of the run → its metrics (fractions from 0 to 1), and
            "pseudo_labels" → name of the labels → their quality, "label_rounds" (with several) → round → the same for
            the labels of a student, "gate" → what the gate measured and decided (None without one), "shipped" → name
            of the best model, and "notes" → sentences on what has shaped or limits these results. Stages of earlier
            runs in this folder are included.

        Raises:
            DiskFullError: the disk is full. Everything complete is kept; another call goes on from there.
            FolderInUseError: another process writes into the output folder.
        """
        # Libraries write files of their own too.
        with holding_folder(self.folder), naming_full_disk(self.folder), naming_lost_folder():
            self._run_stages()
            return self.write_results()

    def _run_stages(self) -> None:
        stages = self.recipe.stages
        # The order is that of the paper: each stage reads what earlier ones have written.
        if "teacher" in stages and self.given.teacher is None:
            self.teacher()
        if "rough" in stages:
            self.labeling.rough_masks()
        if "refiner" in stages and self.given.refiner is None:
            self.refiner()
        if "pseudo" in stages:
            self.labeling.pseudo_labels()
        # The control shows what the same number of steps yields without any point.
        if "control" in stages and self.plan.has_control:
            self.student("control", self.data.masked)
        # Two students where both kinds of labels are compared, else one
        if "student" in stages:
            for name, rows in self.student_rows().items():
                self.student(name, rows)
        # An upper bound exists only where no mask is really missing.
        if "upper_bound" in stages and self.data.ground_truth_is_known:
            self.student("upper_bound", self.data.train)

    def write_results(self) -> dict[str, Any]:
        """Collect the results of all stages that were run, and write them with cards, pictures, and the report."""
        # Stages of earlier calls count too: their metrics are read from their folders.
        results = {model.name: self.metrics(model.name) for model in SEGMENTERS}
        results["pseudo_labels"] = self.labeling.quality()
        if self.recipe.label_rounds > 1:
            results["label_rounds"] = self.round_quality()
        results["gate"] = read_json(self.folder / "refiner" / GATE_FILE)
        results["shipped"] = None if self.shipped is None else self.shipped.name
        results["notes"] = notes_on(self.recipe, self.data)
        # Cards come after the quality, since they quote it.
        self.write_cards()
        if is_first_process():
            write_results(results, self.folder, self.recipe.max_detections)
            self.write_contact_sheet()
            write_curves(self.folder)
            labels = self.labeling.best_folder
            write_report(self.folder, results, None if labels is None else stored_rows(labels), self.data.train)
        wait_for_all()
        return results

    def write_contact_sheet(self) -> None:
        """Draw some images with their labels."""
        labels = self.labeling.best_folder
        if labels is not None:
            write_contact_sheet(stored_rows(labels), self.data.train, self.folder / CONTACT_SHEET)

    def write_cards(self) -> None:
        """Write the model card of every trained model, with the results so far."""
        if is_first_process():
            write_cards(self.recipe, self.data, self.folder, self.label_costs)

    @functools.cached_property
    def label_costs(self) -> LabelCosts:
        """Images and days of labeling per kind of label, computed once per run."""
        return label_costs(self.data)

    def metrics(self, name: str) -> dict[str, float | None] | None:
        """Return the metrics of a model of this run; None without the model or without validation images."""
        return read_json(self.folder / name / METRICS_FILE) or None

    @property
    def shipped(self) -> Path | None:
        """Folder of the best model that was trained without hidden masks; see `shipped_model`."""
        return shipped_model(self.folder)

    # -- the stages that train

    def teacher(self) -> dict[str, float | None]:
        """Train the teacher on the images with masks (step 1 of figure 3), and return its metrics."""
        start = starting_model(self.recipe, self.recipe.teacher_name_or_path, "solov2")
        # A saved teacher may be used without training; without that and without masks, the run cannot start.
        if not self.data.has_masks and start is None:
            raise UserError(
                "no object has a mask, and a teacher needs some; raise labeled_fraction, add masks, or give a trained "
                "SOLOv2 as teacher_name_or_path"
            )
        # The refiner learns from the rough masks of intermediate weights, so they are saved on the way.
        training = SegmenterTraining(
            "teacher",
            teacher_rows(self.recipe, self.data),
            self.plan.teacher_fields,
            self.recipe.teacher,
            start,
            self.labeling.labelers.intermediate_folders(),
        )
        # Held-back images join late, or tell when to stop.
        if self.recipe.teacher_patience:
            training = replace(training, measure_labels=self.labeling.held_back.mean_iou_of)
        else:
            training = replace(training, late_images=self.labeling.held_back.late_images)
        metrics = train_segmenter(self.recipe, training, self.data.validation, self.eta)
        # A run that reuses this teacher holds back the same images.
        if is_first_process():
            save_held_back(self.recipe, self.data, self.folder / "teacher")
        self.write_cards()
        return metrics

    def refiner(self) -> None:
        """Train MaskRefineNet on the images with masks and their rough masks (step 3 of figure 3).

        With `refiner.self_training`, it is trained a second time, on these and on its own labels of the other images.
        """
        if is_trained(self.folder / "refiner"):
            remove_checkpoints(self.folder / "refiner")  # a kill may have left them behind
            return
        start = starting_model(self.recipe, self.recipe.refiner_name_or_path, "mask_refine_net")
        rows = self.data.masked
        # The refiner learns to turn rough masks of intermediate teachers into the true ones.
        if self.data.has_masks:
            if self.recipe.rough_folds > 1 and self.given.teacher is None:
                self._fold_teachers()
            rows = self.labeling.rough_full()
        elif start is None:
            raise UserError(
                "no object has a mask, and a refiner needs some; give a trained one as refiner_name_or_path, or leave "
                "the stage 'refiner' out"
            )
        seed = self.recipe.seed
        if self.plan.self_trains:
            first = self.folder / round_name("refiner", 1)
            train_refiner(self.recipe, rows, first, start, self.eta)
            rows = concatenate_datasets([rows, self_training_rows(self.labeling, first)])
            # With another seed, the second training does not repeat the samples of the first.
            start, seed = str(first), seed + 1
        train_refiner(self.recipe, rows, self.folder / "refiner", start, self.eta, seed)
        self.labeling.held_back.gate()
        self.write_cards()

    def _fold_teachers(self) -> None:
        """Train the teachers of all folds, each on the images of the other folds."""
        # A reused teacher has seen all images, so that these do not start from it.
        own = None if is_reused(self.recipe, "teacher") else self.recipe.teacher_name_or_path
        start, settings = starting_model(self.recipe, own, "solov2"), fold_settings(self.recipe, self.folder)
        for name, (rows, _) in fold_rows(self.recipe, self.plan.refiner_rows).items():
            training = SegmenterTraining(name, rows, self.plan.teacher_fields, settings, start)
            train_segmenter(self.recipe, training, None, self.eta)

    def student_rows(self) -> dict[str, Dataset]:
        """Return name → rows of each student: images with masks, and images with pseudo labels.

        Images with masks occur `full_repeats` times, so that ground truth keeps its weight among the pseudo labels.
        """
        labels = self.labeling.pseudo_labels()
        return {name: self._with_full(labels, label_kind(name)) for name in self.plan.student_names()}

    def _with_full(self, labels: dict[str, Dataset], kind: str) -> Dataset:
        """Return the images with masks and those with one kind of pseudo labels."""
        full = [self.data.full] * self.recipe.full_repeats
        return concatenate_datasets([*full, *(labels[key] for key in (kind, f"proposed_{kind}") if key in labels)])

    def student(self, name: str, rows: Dataset) -> dict[str, float | None]:
        """Train a student, the control, or the upper bound on rows with masks (step 5 of figure 3).

        With several `label_rounds`, a student labels the other images again after each share of its steps.

        Returns:
            Its metrics.
        """
        start = starting_model(self.recipe, self.recipe.student_name_or_path, "solov2")
        # "teacher" stands for the teacher of this run, trained or reused.
        start = labeling_model(self.recipe, "teacher") if start == "teacher" else start
        training = SegmenterTraining(name, rows, self.plan.segmenter_fields, self.recipe.student, start)
        if name in self.plan.student_names() and not is_trained(self.folder / name):
            # Only students have pseudo labels, and with them weights and rounds.
            if self.recipe.weigh_pseudo_labels:
                training = replace(training, expected_iou=self.labeling.held_back.expected_iou(label_kind(name)))
            *earlier, last = self.plan.round_arguments()
            for number, arguments in enumerate(earlier, start=1):
                training = self._round(number, replace(training, arguments=arguments))
            training = replace(training, arguments=last)
        metrics = train_segmenter(self.recipe, training, self.data.validation, self.eta)
        # A run that goes on from a student holds back the same images, too.
        if name in self.plan.student_names() and is_first_process():
            save_held_back(self.recipe, self.data, self.folder / name)
        self.write_cards()
        return metrics

    def _round(self, number: int, training: SegmenterTraining) -> SegmenterTraining:
        """Train a student for one round of labels, and return the next one, on the labels that it makes."""
        name = training.name
        own = replace(training, name=round_name(name, number))
        train_segmenter(self.recipe, own, None, self.eta)
        labels = self.round_labeling(name, number).pseudo_labels()
        rows = self._with_full(labels, label_kind(name))
        return replace(training, rows=rows, start=str(self.folder / own.name))

    def round_labeling(self, name: str, number: int) -> Labeling:
        """Return the labels that a student has made after a round, the first of which is 1."""
        folder = self.folder / round_name(name, number)
        later = LabelRound(folder, folder / "labels", label_kind(name) == "refined")
        return Labeling(self.recipe, self.data, self.given, later)

    def round_quality(self) -> dict[str, dict[str, Any]]:
        """Return round (such as "student_refined_1") → quality of the labels that the student has made after it."""
        quality = {}
        for name in ("student_point", "student_refined"):
            for number in range(1, self.recipe.label_rounds):
                if (self.folder / round_name(name, number)).is_dir():
                    quality[f"{name}_{number}"] = self.round_labeling(name, number).quality()
        return quality


def label_kind(student: str) -> str:
    """Return the kind of pseudo labels that a student learns from.

    Example:
        >>> label_kind("student_point"), label_kind("student_refined")
        ('rough', 'refined')
    """
    return {"student_point": "rough", "student_refined": "refined"}[student]
