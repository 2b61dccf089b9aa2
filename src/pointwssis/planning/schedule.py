# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Number of steps of each training in the time available."""

from dataclasses import dataclass

from .data_facts import DataFacts

TRAINING_SHARE = 0.7  # fraction of the time for training; labeling and evaluation take the rest
REFINER_SHARE = 0.15  # fraction of the training time for the refiner
STUDENT_SHARE = 0.4  # student steps per teacher step; students start from the teacher's weights
SUFFICIENT_STEPS = 400  # teacher steps from scratch; on 53 images of nuclei they gave 24.2 AP
SUFFICIENT_EPOCHS = 100  # the same in epochs; the smaller one counts
# Upper limits. The official schedules for COCO with 1% and with all masks have 135 and 37 epochs.
MAX_TEACHER_EPOCHS, MAX_STUDENT_EPOCHS = 300, 100


@dataclass(frozen=True)
class Steps:
    """Steps of each training, and the seconds that all trainings take together."""

    teacher: int
    student: int
    refiner: int
    seconds: float


def num_students(facts: DataFacts) -> int:
    """Return the number of trainings that start from the teacher.

    With known ground truth, the control, a student without refiner, and the upper bound are trained for comparison.
    """
    return 4 if facts.ground_truth_is_known and facts.point else 1


def teacher_steps(minutes: float, step_seconds: float, facts: DataFacts, batch_size: int) -> int:
    """Return the number of teacher steps that fit into a run of this many minutes."""
    seconds = minutes * 60 * TRAINING_SHARE * (1 - REFINER_SHARE)
    fitting = seconds / (step_seconds * (1 + STUDENT_SHARE * num_students(facts)))
    return int(min(fitting, steps_of_epochs(MAX_TEACHER_EPOCHS, facts.full, batch_size)))


def plan_steps(
    minutes: float,
    step_seconds: float,
    refiner_seconds: float,
    facts: DataFacts,
    batch_size: int,
    refiner_batch_size: int,
) -> Steps:
    """Return the steps of all trainings of a run, at least 10 each.

    Args:
        minutes: duration of the run.
        step_seconds: seconds per step of a SOLOv2.
        refiner_seconds: seconds per step of the MaskRefineNet.
        facts: statistics of the data.
        batch_size: images per step of a SOLOv2.
        refiner_batch_size: crops per step of the MaskRefineNet.
    """
    teacher = max(10, teacher_steps(minutes, step_seconds, facts, batch_size))
    # Students share the time of the teacher, because both take the same time per step.
    fitting = minutes * 60 * TRAINING_SHARE * (1 - REFINER_SHARE) / step_seconds
    student = STUDENT_SHARE * fitting / (1 + STUDENT_SHARE * num_students(facts))
    student = max(10, int(min(student, steps_of_epochs(MAX_STUDENT_EPOCHS, facts.full + facts.point, batch_size))))
    # The refiner has its own share.
    refiner = minutes * 60 * TRAINING_SHARE * REFINER_SHARE / refiner_seconds
    refiner = max(10, int(min(refiner, steps_of_epochs(MAX_TEACHER_EPOCHS, facts.masks, refiner_batch_size))))
    teacher, student, refiner = (rounded(steps) for steps in (teacher, student, refiner))
    seconds = step_seconds * (teacher + num_students(facts) * student) + refiner_seconds * refiner
    return Steps(teacher, student, refiner, seconds)


def enough_steps(facts: DataFacts, batch_size: int) -> int:
    """Return the teacher steps that a training needs; an input that allows fewer is made smaller instead."""
    return min(SUFFICIENT_STEPS, max(10, SUFFICIENT_EPOCHS * facts.full // batch_size))


def steps_of_epochs(epochs: int, samples: int, batch_size: int) -> float:
    """Return the number of steps of some epochs, but at least `SUFFICIENT_STEPS`, which few samples need as well."""
    return max(SUFFICIENT_STEPS, epochs * samples / batch_size)


def rounded(steps: int) -> int:
    """Round down to two significant digits.

    Example:
        >>> rounded(437), rounded(97), rounded(10)
        (430, 97, 10)
    """
    unit = 10 ** max(0, len(str(steps)) - 2)
    return steps // unit * unit
