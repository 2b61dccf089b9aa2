# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""All checks of a dataset: annotations and pyramid in one pass over the rows, image files in another."""

from dataclasses import dataclass, replace

from datasets import Dataset
from tqdm.auto import tqdm

from ..data import class_names
from ..data.errors import LoadReport
from ..runs.data import RunData, load_data
from ..runs.recipe import Recipe
from ..training.flips import FLIPS_ARE_OFF, names_against_flips, shown_names
from .findings import ERROR, NOTE, WARNING, Findings
from .image_checks import ImageScan, scan_images
from .label_checks import LabelCounts, check_classes
from .leaks import find_leaks
from .pyramid import InputSettings, PyramidFit

# Notes of loaders that `label_checks` reports in more detail.
_REPORTED_HERE = ("center of mass outside of its mask", "point outside of its mask")


@dataclass
class SplitCheck:
    """Results of one split.

    Args:
        rows: rows of the schema.
        labels: counts of the annotations.
        students: fit of objects and points to the pyramid of the students.
        teacher: the same for the teacher; None if it has the students' settings.
        scan: results of the image files.
    """

    rows: Dataset
    labels: LabelCounts
    students: PyramidFit
    teacher: PyramidFit | None
    scan: ImageScan


@dataclass
class Checkup:
    """Results of a dataset.

    Args:
        recipe: names the data and the settings to check against.
        data: the data with the labels of the files, without records that cannot be read.
        splits: "train" and, if there is one, "validation".
        findings: everything worth reporting, errors first.
    """

    recipe: Recipe
    data: RunData
    splits: dict[str, SplitCheck]
    findings: Findings

    @property
    def stops_training(self) -> bool:
        """True if a run on these data would stop with an error."""
        return self.findings.count(ERROR) > 0


def check_recipe(recipe: Recipe) -> Checkup:
    """Load the data that a recipe names, collecting all problems, and check them."""
    findings = Findings()
    reports: list[LoadReport] = []
    # Loaders skip bad records instead of stopping, so that all of them can be reported.
    with recipe.places.naming():
        data = load_data(_as_labeled(recipe), reports)
    for report in reports:
        _take_report(report, recipe.skip_bad, findings)
    return check_data(recipe, data, findings)


def check_data(recipe: Recipe, data: RunData, findings: Findings | None = None) -> Checkup:
    """Check loaded data.

    Args:
        recipe: settings to check against.
        data: `train` and `validation` are checked.
        findings: findings of the loaders, to be continued.
    """
    findings = Findings() if findings is None else findings
    rows = {"train": data.train, "validation": data.validation}
    splits = {}
    for name, part in rows.items():
        if part is not None:
            splits[name] = check_split(part, name, recipe, findings)
    # Classes are compared across the splits, once both are counted.
    validation = splits.get("validation")
    # Where a saved model is the teacher, masks are not required.
    has_teacher = (recipe.teacher_name_or_path or recipe.model_name_or_path) is not None
    check_classes(splits["train"].labels, validation and validation.labels, findings, has_teacher)
    check_flips(recipe, data.class_names, findings)
    # Only thumbnails and digests are compared; the images are not opened again.
    if validation is not None:
        find_leaks(splits["train"].scan, validation.scan, findings)
    return Checkup(recipe, data, splits, findings)


def check_split(rows: Dataset, name: str, recipe: Recipe, findings: Findings) -> SplitCheck:
    """Check every row and every image file of a split."""
    labels = LabelCounts(name, class_names(rows), findings)
    settings, teacher_settings = InputSettings.of_recipe(recipe), InputSettings.of_recipe(recipe, teacher=True)
    students = PyramidFit(name, settings, findings)
    # Findings are reported for the students alone; the fit of the teacher only goes into the table.
    teacher = None if teacher_settings == settings else PyramidFit(name, teacher_settings, Findings())
    # One pass over the rows serves all counts; the image files are opened after it.
    for position, row in enumerate(tqdm(rows.with_format(None), desc=f"{name} labels", unit="image")):
        labels.add(row, position)
        for fit in filter(None, (students, teacher)):
            fit.add(row, position)
    students.conclude()
    return SplitCheck(rows, labels, students, teacher, scan_images(rows, name, findings))


def check_flips(recipe: Recipe, names: list[str], findings: Findings) -> None:
    """Report class names that say left or right, up or down, where augmentation may make them wrong."""
    for key, opposed in names_against_flips(names).items():
        # Settings of the recipe are kept; only the default flip is switched off.
        if key not in recipe.augmentation and key == "horizontal_flip" and opposed:
            findings.add(NOTE, "class names with a direction", shown_names(opposed), FLIPS_ARE_OFF, count=len(opposed))
        elif recipe.augmentation.get(key) and opposed:
            remedy = "these labels would be wrong in such training images; leave the setting out"
            what = f"class names that contradict augmentation.{key}"
            findings.add(WARNING, what, shown_names(opposed), remedy, count=len(opposed))


def _as_labeled(recipe: Recipe) -> Recipe:
    """Return a recipe that loads the data with the labels of the files, without records that cannot be read."""
    # Hidden labels and perturbed points would be checked in place of those in the files.
    hidden = {"labeled_fraction": None, "image_level_fraction": 0.0, "unlabeled_fraction": 0.0, "point_noise": {}}
    return replace(recipe, **hidden, skip_bad=True)


def _take_report(report: LoadReport, skip_bad: bool, findings: Findings) -> None:
    """Add the records that a loader has skipped, and its notes, to the findings."""
    # The same record is an error for a run that stops at it, and a warning for one that skips it.
    remedy = "a run would stop at the first one: fix them, or skip them with --skip_bad"
    if skip_bad:
        remedy = "they are skipped because of skip_bad"
    for message in report.messages:
        findings.add(WARNING if skip_bad else ERROR, "bad records", message, remedy, keep_all=True)
    # Notes are about records that were used all the same.
    for kind, count in report.notes.items():
        if kind not in _REPORTED_HERE:
            severity = WARNING if kind in report.suspects else NOTE
            findings.add(severity, kind, report.examples[kind], "they are used; please verify them", count=count)
