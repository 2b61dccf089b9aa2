# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A recipe for data and machine: chosen by the data, measured on the machine, every setting with its reason."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from datasets import Dataset

from ..checking.findings import Findings
from ..checking.pyramid import InputSettings, PyramidFit
from ..runs.data import RunData, load_data, split_data
from ..runs.progress import duration
from ..runs.recipe import Recipe
from .data_facts import DataFacts, facts_of
from .network import has_gpu, network_settings, value_of
from .schedule import TRAINING_SHARE, Steps, enough_steps, plan_steps, teacher_steps
from .settings import Setting, recipe_from, recipe_text
from .sizing import (
    FINEST_GRIDS,
    LEAST,
    STEP,
    WANTED,
    InputSize,
    crop_setting,
    detection_settings,
    input_settings,
    input_size,
    pyramid_settings,
    side_for,
)
from .speed import machine_name, refiner_seconds, segmenter_seconds, some_rows

MINUTES = 60.0
FIRST_SIDE = 256  # that is measured
FULL_IMAGES = 8  # that keep their masks at least, where those of others are hidden
SLOW = 5.0  # seconds of a step
LARGEST_CROP = {True: 256, False: 128}  # with a GPU, without
DATA_KEYS = (
    "data_dir", "train_annotations", "val_annotations", "image_dir", "dataset_name", "dataset_config", "label_map",
    "point_source", "include_unlabeled", "skip_bad",
)  # fmt: skip
_ROWS_LOOKED_AT = 2000  # for crowded cells

Measure = Callable[[Recipe, Dataset], float]


@dataclass(frozen=True)
class Proposal:
    """A recipe to be.

    Args:
        settings: its keys with their reasons.
        headline: what it rests on.
        seconds: that the whole run is expected to take.
    """

    settings: Sequence[Setting]
    headline: Sequence[str]
    seconds: float

    @property
    def text(self) -> str:
        """As YAML."""
        return recipe_text(self.settings, self.headline)

    @property
    def recipe(self) -> Recipe:
        return recipe_from(self.settings)


def propose(
    base: Recipe,
    loaded: RunData,
    minutes: float = MINUTES,
    deep_images: int = 0,
    measure: Measure = segmenter_seconds,
    measure_refiner: Measure = refiner_seconds,
) -> Proposal:
    """Settings for the data that a recipe names, on this machine.

    Args:
        base: of which what names the data counts, and `labeled_fraction`, `output_dir` and `seed`.
        loaded: these data, as the files have them.
        minutes: that the whole run may take.
        deep_images: how many of the images are gray with more than 8 bits.
        measure: tells the seconds of a step of a recipe's SOLOv2 on some rows.
        measure_refiner: the same of its MaskRefineNet.

    Raises:
        ValueError: nothing has a mask, or there are no minutes.
    """
    if not minutes > 0:
        raise ValueError(f"minutes is {minutes}; it takes a number above 0")
    named, data = _data_of(base, loaded)
    facts = facts_of(data)
    if not facts.masks:
        raise ValueError("no image has a mask to learn from; draw the masks of a few images first")
    network, sample = network_settings(facts.full), some_rows(data.masked)

    def seconds_at(side: int) -> float:
        size = input_size(facts, side)
        scaled = [Setting("image_size", size.image_size), Setting("pad_size", size.pad_size)]
        return measure(recipe_from([*network, *scaled]), sample)

    wanted = side_for(facts, 10, WANTED)
    batch_size = value_of(network, "training.per_device_train_batch_size")
    side, seconds, slow = affordable_side(facts, wanted, minutes, batch_size, seconds_at)
    size = input_size(facts, side)
    settings = [
        *named,
        *input_settings(facts, size, slow),
        *detection_settings(facts),
        *pyramid_settings(facts, size, crowded_shares(data.train, size)),
        *network,
        crop_setting(facts, LARGEST_CROP[has_gpu()]),
        Setting("refiner_model.point_sigma", 3.0, "pixels of the crop; the paper's are 6 of 256"),
    ]
    refining = measure_refiner(recipe_from(settings), sample)
    refiner_batch = value_of(network, "refiner.per_device_train_batch_size")
    steps = plan_steps(minutes, seconds, refining, facts, batch_size, refiner_batch)
    settings += schedule_settings(facts, steps, batch_size, minutes, seconds, refining)
    whole = steps.seconds / TRAINING_SHARE
    return Proposal(settings, _headline(facts, whole, minutes, deep_images), whole)


def _data_of(base: Recipe, loaded: RunData) -> tuple[list[Setting], RunData]:
    """Which data, how they are split, and the split data."""
    fraction, reason = base.labeled_fraction, "null: supervision as the files have it"
    data = loaded
    if fraction is None and len(loaded.train) > FULL_IMAGES and loaded.ground_truth_is_known and not len(loaded.point):
        fraction = max(0.1, FULL_IMAGES / len(loaded.train))
        hidden = f"those of {1 - fraction:.0%} of the images are hidden"
        reason = f"every image has all its masks: to try the method, {hidden}; null learns from all of them"
        data = split_data(Recipe(labeled_fraction=fraction, seed=base.seed), loaded.train, loaded.validation)
    elif fraction is not None:
        # Prepared data may come split already; `load_data` knows.
        data = load_data(base) if base.dataset_name else split_data(base, loaded.train, loaded.validation)
        reason = f"as asked; {len(data.full):,} images keep their masks"
    values = asdict(base)
    return [
        *(Setting(key, values[key]) for key in DATA_KEYS if values[key] != getattr(Recipe(), key)),
        Setting("output_dir", base.output_dir),
        Setting("labeled_fraction", fraction, reason),
        Setting("seed", base.seed),
    ], data


def crowded_shares(rows: Dataset, size: InputSize) -> dict[int, float]:
    """Finest grid → part of the points that share their cell with another one of their class."""
    ranges = [(1, 2)] * len(FINEST_GRIDS)
    settings = InputSettings(size.image_size, size.pad_size, FINEST_GRIDS, ranges, max_detections=10**9)
    fit = PyramidFit("train", settings, Findings())
    for position in range(0, len(rows), max(1, len(rows) // _ROWS_LOOKED_AT)):
        fit.add(rows[position], position)
    return {grid: count / max(1, fit.points) for grid, count in zip(FINEST_GRIDS, fit.crowded, strict=True)}


def affordable_side(
    facts: DataFacts, wanted: int, minutes: float, batch_size: int, seconds_at: Callable[[int], float]
) -> tuple[int, float, str]:
    """The largest input, up to the wanted one, at which the teacher gets enough steps.

    Args:
        facts: of the data.
        wanted: longer side of the input that the objects ask for.
        minutes: that the whole run may take.
        batch_size: of the teacher.
        seconds_at: measures a step at a side; it is asked once or twice.

    Returns:
        The side, the seconds of a step there, and why it is smaller than wanted (empty if it is not).
    """
    least, enough = min(wanted, side_for(facts, 50, LEAST)), enough_steps(facts, batch_size)
    first = min(max(least, FIRST_SIDE), wanted)
    measured = seconds_at(first)

    def expected(side: int) -> float:  # most of a step goes into convolutions, which take time by the pixel
        return measured * (side / first) ** 2

    def holds_enough(side: int) -> bool:
        return teacher_steps(minutes, expected(side), facts, batch_size) >= enough

    side = next((side for side in range(wanted, least, -STEP) if holds_enough(side)), least)
    # Where steps are slow the minute that measuring may take is over.
    seconds = seconds_at(side) if side != first and measured < SLOW else expected(side)
    if side == wanted:
        return side, seconds, ""
    slow = f"with about {expected(wanted):.1f} s a step on this machine {minutes:g} minutes do not hold {enough} steps"
    return side, seconds, f"{wanted} would be better for the small ones, but {slow} of the teacher"


def schedule_settings(
    facts: DataFacts, steps: Steps, batch_size: int, minutes: float, seconds: float, refining: float
) -> list[Setting]:
    """Steps of the trainings, and what depends on them."""
    passes = steps.teacher * batch_size / facts.full
    teacher = f"{seconds:.2f} s each; {passes:.0f} passes over {facts.full:,} images"
    if steps.teacher < (enough := enough_steps(facts, batch_size)):
        teacher += f". That is little: {enough} steps would take --minutes {minutes * enough / steps.teacher:.0f}"
    repeats = max(1, min(20, round(facts.point / facts.full)))
    return [
        Setting("student_name_or_path", "teacher", "for want of a pretrained backbone students start from the teacher"),
        Setting("full_repeats", repeats, "about as many images with masks as with points in a batch"),
        Setting("training.warmup_steps", max(5, steps.teacher // 20)),
        Setting("teacher.max_steps", steps.teacher, teacher),
        Setting("student.max_steps", steps.student, "fewer than the teacher's, whose weights they start from"),
        Setting("student.learning_rate", 0.0003),
        Setting("student.milestones", [0.6, 0.9]),
        Setting("refiner.max_steps", steps.refiner, f"{refining:.2f} s each"),
        Setting("refiner.warmup_steps", max(5, steps.refiner // 10)),
    ]


def _headline(facts: DataFacts, seconds: float, minutes: float, deep_images: int) -> list[str]:
    where = f"{facts.full:,} images with masks and {facts.point:,} with points, on a {machine_name()}"
    depth = "The bit depth of the images asks for no setting: "
    if deep_images:
        depth += f"{deep_images:,} gray ones have more than 8 bits, each is scaled from its own range when it is read."
    else:
        depth += "none is gray with more than 8 bits."
    verdict = f"about {duration(seconds)}"
    if seconds > 60 * minutes:
        verdict += f", which is more than the {minutes:g} minutes that were asked for: there is no smaller training"
    return [
        f"{where}: {verdict}.",
        "Proposed by `pointwssis check`: speeds were measured, what the models will be worth was not.",
        depth,
    ]
