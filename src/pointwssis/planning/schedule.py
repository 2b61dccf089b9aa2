# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Number of steps of each training in the time available."""

from dataclasses import dataclass

from .data_facts import DataFacts

PLANNED_SHARE = 0.9  # fraction of the time that is planned; starting, saving, and pictures take the rest
TRAINING_SHARE = 0.65  # fraction of the time for training, as long as that of labeling and evaluation is not estimated
REFINER_SHARE = 0.15  # fraction of the training time for the refiner
STUDENT_SHARE = 1.0  # student steps per teacher step; students start from the teacher's weights
LEAST_STEPS = 10  # of every training of a SOLOv2
SUFFICIENT_STEPS = 400  # teacher steps from scratch; on 53 images of nuclei, in tiles, they gave 40.2 AP
SUFFICIENT_PRETRAINED_STEPS = 240  # the same with a pretrained backbone; estimated, not measured
SUFFICIENT_EPOCHS = 100  # epochs of the teacher that are enough, where they take fewer steps
MIN_REFINER_STEPS = 100  # with fewer, a refiner copies its rough masks
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

    With known ground truth, a control on the masks alone and the upper bound are trained for comparison.
    """
    return 3 if facts.ground_truth_is_known and facts.point else 1


def teacher_steps(minutes: float, step_seconds: float, facts: DataFacts, batch_size: int) -> int:
    """Return the number of teacher steps that fit into a run of this many minutes, before labeling is estimated."""
    seconds = minutes * 60 * TRAINING_SHARE * (1 - REFINER_SHARE)
    most = steps_of_epochs(MAX_TEACHER_EPOCHS, facts.full, batch_size)
    return int(min(shared_steps(seconds, step_seconds, facts), most))


def shared_steps(seconds: float, step_seconds: float, facts: DataFacts) -> float:
    """Return the steps of the teacher if it and those that start from it share some seconds."""
    return seconds / (step_seconds * (1 + STUDENT_SHARE * num_students(facts)))


def plan_steps(
    seconds: float,
    step_seconds: float,
    refiner_seconds: float,
    facts: DataFacts,
    batch_size: int,
    refiner_batch_size: int,
) -> Steps:
    """Return the steps of all trainings of a run: at least 10 of a SOLOv2, and `MIN_REFINER_STEPS` of the refiner.

    Args:
        seconds: time for all trainings.
        step_seconds: seconds per step of a SOLOv2.
        refiner_seconds: seconds per step of the MaskRefineNet.
        facts: statistics of the data.
        batch_size: images per step of a SOLOv2.
        refiner_batch_size: crops per step of the MaskRefineNet.
    """
    # The refiner has its own share, which grows where that would be too few steps.
    seconds = max(0.0, seconds)
    most = steps_of_epochs(MAX_TEACHER_EPOCHS, facts.masks, refiner_batch_size)
    refiner = rounded(max(MIN_REFINER_STEPS, int(min(seconds * REFINER_SHARE / refiner_seconds, most))))
    # Students share the rest with the teacher, because both take the same time per step.
    left = max(0.0, seconds - max(seconds * REFINER_SHARE, refiner * refiner_seconds))
    fitting = shared_steps(left, step_seconds, facts)
    most = steps_of_epochs(MAX_TEACHER_EPOCHS, facts.full, batch_size)
    teacher = rounded(max(LEAST_STEPS, int(min(fitting, most))))
    most = steps_of_epochs(MAX_STUDENT_EPOCHS, facts.full + facts.point, batch_size)
    student = rounded(max(LEAST_STEPS, int(min(STUDENT_SHARE * fitting, most))))
    seconds = step_seconds * (teacher + num_students(facts) * student) + refiner_seconds * refiner
    return Steps(teacher, student, refiner, seconds)


def enough_steps(facts: DataFacts, batch_size: int, pretrained: bool = False) -> int:
    """Return the teacher steps that a training needs; an input that allows fewer is made smaller instead."""
    sufficient = SUFFICIENT_PRETRAINED_STEPS if pretrained else SUFFICIENT_STEPS
    return min(sufficient, max(LEAST_STEPS, SUFFICIENT_EPOCHS * facts.full // batch_size))


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
