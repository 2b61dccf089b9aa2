# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""How many steps each training gets in the time there is."""

from dataclasses import dataclass

from .data_facts import DataFacts

TRAINING_SHARE = 0.7  # of the time; labeling and evaluation take the rest
REFINER_SHARE = 0.15  # of the training time
STUDENT_SHARE = 0.4  # of the teacher's steps, since students start from its weights
ENOUGH = 400  # teacher steps from scratch; on 53 images of nuclei they gave 24.2 AP
ENOUGH_PASSES = 100  # over the images; where they are few, these are fewer steps
TEACHER_PASSES, STUDENT_PASSES = (
    300,
    100,
)  # over the images, at most; the official ones for COCO 1% and all make 135, 37


@dataclass(frozen=True)
class Steps:
    """Steps of each training, and the seconds that all of them take together."""

    teacher: int
    student: int
    refiner: int
    seconds: float


def num_students(facts: DataFacts) -> int:
    """Trainings that start from the teacher: where the truth is known also without refiner, and on all masks."""
    return 3 if facts.ground_truth_is_known and facts.point else 1


def teacher_steps(minutes: float, step_seconds: float, facts: DataFacts, batch_size: int) -> int:
    """Steps of the teacher that fit into a run of so many minutes."""
    seconds = minutes * 60 * TRAINING_SHARE * (1 - REFINER_SHARE)
    fitting = seconds / (step_seconds * (1 + STUDENT_SHARE * num_students(facts)))
    return int(min(fitting, passes(TEACHER_PASSES, facts.full, batch_size)))


def plan_steps(
    minutes: float,
    step_seconds: float,
    refiner_seconds: float,
    facts: DataFacts,
    batch_size: int,
    refiner_batch_size: int,
) -> Steps:
    """Steps of all trainings of a run of so many minutes; at least 10 each."""
    teacher = max(10, teacher_steps(minutes, step_seconds, facts, batch_size))
    fitting = minutes * 60 * TRAINING_SHARE * (1 - REFINER_SHARE) / step_seconds
    student = STUDENT_SHARE * fitting / (1 + STUDENT_SHARE * num_students(facts))
    student = max(10, int(min(student, passes(STUDENT_PASSES, facts.full + facts.point, batch_size))))
    refiner = minutes * 60 * TRAINING_SHARE * REFINER_SHARE / refiner_seconds
    refiner = max(10, int(min(refiner, passes(TEACHER_PASSES, facts.masks, refiner_batch_size))))
    teacher, student, refiner = (rounded(steps) for steps in (teacher, student, refiner))
    seconds = step_seconds * (teacher + num_students(facts) * student) + refiner_seconds * refiner
    return Steps(teacher, student, refiner, seconds)


def enough_steps(facts: DataFacts, batch_size: int) -> int:
    """Steps below which an input is better made smaller than the teacher's training shorter."""
    return min(ENOUGH, max(10, ENOUGH_PASSES * facts.full // batch_size))


def passes(count: int, samples: int, batch_size: int) -> float:
    """Steps of so many passes over the samples; at least `ENOUGH`, which a handful of samples needs too."""
    return max(ENOUGH, count * samples / batch_size)


def rounded(steps: int) -> int:
    """Down to two digits.

    Example:
        >>> rounded(437), rounded(97), rounded(10)
        (430, 97, 10)
    """
    unit = 10 ** max(0, len(str(steps)) - 2)
    return steps // unit * unit
