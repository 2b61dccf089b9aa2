# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""All checks of a dataset: its labels and their way through the pyramid in one pass, its files in another."""

from dataclasses import dataclass

from datasets import Dataset
from tqdm.auto import tqdm

from ..data import class_names
from ..data.errors import LoadReport
from ..runs.data import RunData, load_data
from ..runs.recipe import Recipe
from .findings import ERROR, NOTE, WARNING, Findings
from .image_checks import ImageScan, scan_images
from .label_checks import LabelCounts, check_classes
from .leaks import find_leaks
from .pyramid import InputSettings, PyramidFit

_FOUND_HERE = ("center of mass outside of its mask",)  # notes of loaders that `labels` tells more exactly


@dataclass
class SplitCheck:
    """What is known of one split.

    Args:
        rows: of the schema.
        labels: counts of them.
        students: the way of objects and points through the pyramid of the students.
        teacher: the same for the teacher, None where it has the students' settings.
        scan: of the image files.
    """

    rows: Dataset
    labels: LabelCounts
    students: PyramidFit
    teacher: PyramidFit | None
    scan: ImageScan


@dataclass
class Checkup:
    """A checked dataset.

    Args:
        recipe: that names the data and the settings that they were checked against.
        data: as the files have them, without what cannot be read.
        splits: "train", and "validation" where there is one.
        findings: the worst first.
    """

    recipe: Recipe
    data: RunData
    splits: dict[str, SplitCheck]
    findings: Findings

    @property
    def stops_training(self) -> bool:
        return self.findings.count(ERROR) > 0


def check_recipe(recipe: Recipe) -> Checkup:
    """Loads the data that a recipe names, with all that is wrong, and checks it."""
    findings = Findings()
    reports: list[LoadReport] = []
    data = load_data(_as_labeled(recipe), reports)
    for report in reports:
        _take_report(report, recipe.skip_bad, findings)
    return check_data(recipe, data, findings)


def check_data(recipe: Recipe, data: RunData, findings: Findings | None = None) -> Checkup:
    """Checks loaded data.

    Args:
        recipe: with the settings to check against.
        data: of which `train` and `validation` are looked at.
        findings: what loading has found.
    """
    findings = Findings() if findings is None else findings
    rows = {"train": data.train, "validation": data.validation}
    splits = {name: check_split(part, name, recipe, findings) for name, part in rows.items() if part is not None}
    validation = splits.get("validation")
    has_teacher = (recipe.teacher_name_or_path or recipe.model_name_or_path) is not None
    check_classes(splits["train"].labels, validation and validation.labels, findings, has_teacher)
    if validation is not None:
        find_leaks(splits["train"].scan, validation.scan, findings)
    return Checkup(recipe, data, splits, findings)


def check_split(rows: Dataset, name: str, recipe: Recipe, findings: Findings) -> SplitCheck:
    """Looks at every row and every image file of a split."""
    labels = LabelCounts(name, class_names(rows), findings)
    settings, of_teacher = InputSettings.of_recipe(recipe), InputSettings.of_recipe(recipe, teacher=True)
    students = PyramidFit(name, settings, findings)
    teacher = None if of_teacher == settings else PyramidFit(name, of_teacher, Findings())
    for position, row in enumerate(tqdm(rows.with_format(None), desc=f"{name} labels", unit="image")):
        labels.add(row, position)
        for fit in filter(None, (students, teacher)):
            fit.add(row, position)
    students.conclude()
    return SplitCheck(rows, labels, students, teacher, scan_images(rows, name, findings))


def _as_labeled(recipe: Recipe) -> Recipe:
    """The recipe whose data are loaded as the files have them, without what cannot be read."""
    hidden = {"labeled_fraction": None, "image_level_fraction": 0.0, "unlabeled_fraction": 0.0, "point_noise": {}}
    return Recipe(**{**vars(recipe), **hidden, "skip_bad": True})


def _take_report(report: LoadReport, skip_bad: bool, findings: Findings) -> None:
    """What a loader has skipped or noticed."""
    for message in report.messages:
        remedy = (
            "they are left out, as skip_bad says"
            if skip_bad
            else ("a run would stop at the first: mend them, or run with --skip_bad to leave them out")
        )
        findings.add(WARNING if skip_bad else ERROR, "bad records", message, remedy, keep_all=True)
    for kind, count in report.notes.items():
        if kind not in _FOUND_HERE:
            findings.add(NOTE, kind, report.examples[kind], "they are taken; have a look", count=count)
