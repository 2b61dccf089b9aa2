# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Expected time of the jobs, from a few measured training steps of the recipe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pointwssis.planning.estimates import CostModel
from pointwssis.runs.data import load_data
from pointwssis.runs.plan import LABEL, TRAIN, StagePlan, count_objects

from .experiment import Job, job_name
from .settings import Settings


@dataclass(frozen=True)
class Work:
    """The work of a job.

    Args:
        teachers: trainings of a teacher.
        students: trainings of a student, with their evaluation.
        refiners: trainings of a refiner, with the rough masks that it learns from.
        labelings: times that the images without masks are labeled.
        refinings: times that the rough masks of these images are refined.
    """

    teachers: int = 0
    students: int = 0
    refiners: int = 0
    labelings: float = 0
    refinings: int = 0


WORK = {
    "teacher": Work(teachers=1),
    "labels": Work(refiners=1, labelings=1, refinings=1),
    "students": Work(students=2),
    "control": Work(students=1),
    "upper_bound": Work(students=1),
    "augmented": Work(students=1),
    "same_time": Work(teachers=1, students=1),
    "unlabeled": Work(students=1, labelings=1),
    "image_level": Work(students=1, labelings=1),
    "fewer_points": Work(students=1, labelings=1, refinings=1),
    "levels": Work(labelings=2),
    "positions": Work(labelings=3.5),  # seven times, without mirrored images
    "refiner_inputs": Work(refiners=4, refinings=4),
}


def seconds_of_jobs(settings: Settings, jobs: Mapping[float, Sequence[Job]]) -> dict[tuple[float, Job], float]:
    """Return fraction of masks and job → expected seconds on this machine.

    Args:
        settings: settings of the experiments.
        jobs: fraction of masks → jobs.
    """
    seconds = {}
    for fraction, own in jobs.items():
        recipe = settings.recipe(1, fraction, settings.output_dir / "estimate")
        data = load_data(recipe)
        teacher_steps, student_steps, refiner_steps = settings.preset.steps
        # Every part of the work as a stage of a run
        costs, images, objects = CostModel(recipe, data), len(data.point), count_objects(data.point)
        parts = {
            "teachers": StagePlan("teacher", "teacher", TRAIN, 0, 0, teacher_steps, False),
            "students": StagePlan("student", "student_point", TRAIN, 0, 0, student_steps, False),
            "refiners": StagePlan("refiner", "refiner", TRAIN, 0, 0, refiner_steps, False),
            "labelings": StagePlan("rough", "point", LABEL, images, objects, None, False),
            "refinings": StagePlan("pseudo", "refined", LABEL, images, objects, None, False),
        }
        estimates = {name: costs.estimate(plan).seconds or 0.0 for name, plan in parts.items()}
        for job in own:
            work = vars(WORK[job[0]])
            seconds[fraction, job] = sum(count * estimates[name] for name, count in work.items())
    return seconds


def estimate_lines(seconds: Mapping[tuple[float, Job], float]) -> list[str]:
    """Return one line per job, and the total."""
    lines = []
    for (fraction, job), value in seconds.items():
        lines.append(f"{100 * fraction:>5g}% masks  {job_name(*job):<20}{value / 60:>7.1f} min")
    return [*lines, f"{'total per seed':<33}{sum(seconds.values()) / 60:>7.1f} min"]
