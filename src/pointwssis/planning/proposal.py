# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A recipe proposed for data and machine, every setting with its reason."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from datasets import Dataset

from ..checking.findings import Findings
from ..checking.pyramid import InputSettings, PyramidFit
from ..models.mask_refine_net.named_mask_refine_net import GENERAL_REFINER
from ..ops.user_error import UserError
from ..ops.wording import counted
from ..runs.data import RunData, load_data, split_data
from ..runs.progress import duration
from ..runs.recipe import Recipe
from .data_facts import DataFacts, facts_of
from .estimates import CostModel
from .network import network_settings, value_of
from .schedule import PLANNED_SHARE, Steps, enough_steps, num_students, plan_steps, teacher_steps
from .settings import MINUTES, Setting, recipe_from, recipe_text
from .sizing import (
    FINEST_GRIDS,
    MIN_SIZE,
    STRIDE,
    TARGET_SIZE,
    InputSize,
    augmentation_setting,
    detection_settings,
    input_settings,
    input_size,
    pyramid_settings,
    side_for,
    tiled_input,
)
from .speed import busy_note, machine_name, refiner_seconds, segmenter_seconds, some_rows

FIRST_MEASURED_SIDE = 256
MIN_FULL_IMAGES = 8  # images that keep their masks at least, where masks are hidden to try the method
# Measured with a pretrained backbone only; with random initial weights a second round gained nothing.
LABEL_ROUNDS = 2
WHY_LABEL_ROUNDS = "halfway, the student labels the images again: 1.8 and 2.0 AP more on drawn shapes in as many steps"
SLOW_STEP = 5.0  # seconds per step from which a second measurement would take too long
DATA_KEYS = (
    "data_dir", "train_annotations", "val_annotations", "image_dir", "dataset_name", "dataset_config", "label_map",
    "point_source", "include_unlabeled", "skip_bad", "allow_outside", "corrections",
)  # fmt: skip
# Saved models to start from, which are kept as they were asked for
MODEL_KEYS = ("model_name_or_path", "teacher_name_or_path", "refiner_name_or_path")
_CROWDING_SAMPLE = 2000  # images in which shared cells are counted

Measure = Callable[[Recipe, Dataset], float]


@dataclass(frozen=True)
class Proposal:
    """A proposed recipe.

    Args:
        settings: keys with values and reasons.
        headline: paragraphs about data, machine and duration.
        seconds: expected duration of the whole run.
    """

    settings: Sequence[Setting]
    headline: Sequence[str]
    seconds: float

    @property
    def text(self) -> str:
        """The recipe as YAML with comments."""
        return recipe_text(self.settings, self.headline)

    @property
    def recipe(self) -> Recipe:
        """The recipe itself."""
        return recipe_from(self.settings)


def propose(
    base: Recipe,
    loaded: RunData,
    minutes: float = MINUTES,
    deep_images: int = 0,
    measure: Measure = segmenter_seconds,
    measure_refiner: Measure = refiner_seconds,
) -> Proposal:
    """Propose a recipe for data on this machine.

    Args:
        base: recipe that names the data; `labeled_fraction`, `output_dir`, `seed`, `backbone_name_or_path` and the
            models to start from are kept too.
        loaded: the data, with the labels as they are in the files.
        minutes: time that the whole run may take.
        deep_images: number of images with more than 8 bits.
        measure: returns the seconds per training step of a recipe's SOLOv2 on some rows.
        measure_refiner: the same for its MaskRefineNet.

    Raises:
        UserError: no object has a mask, or `minutes` is not positive.
    """
    if not minutes > 0:
        raise UserError(f"minutes is {minutes}; it must be positive")
    # Statistics are those of the data as a run will split them.
    data_settings, data = _data_of(base, loaded)
    facts = facts_of(data)
    if not facts.masks:
        raise UserError("no image has a mask to learn from; draw the masks of a few images first")
    # Steps are timed with the network that is proposed.
    backbone = base.backbone_name_or_path
    network, sample = network_settings(facts.full, backbone), some_rows(data.masked)
    starts, pretrained = model_settings(base), backbone is not None

    def seconds_for(size: InputSize) -> float:
        scaled = [Setting("image_size", size.image_size), Setting("pad_size", size.pad_size)]
        scaled += [Setting("tile_size", size.tile), augmentation_setting(facts, size.tile is not None, pretrained)]
        return measure(recipe_from([*network, *starts, *scaled]), sample)

    batch_size = value_of(network, "training.per_device_train_batch_size")
    enough = enough_steps(facts, batch_size, pretrained)
    size, seconds, slow = chosen_input(facts, minutes, batch_size, enough, seconds_for)
    settings = [
        *data_settings,
        *input_settings(facts, size, slow),
        augmentation_setting(facts, size.tile is not None, pretrained),
        *detection_settings(facts),
        *pyramid_settings(facts, size, crowded_shares(data.train, size)),
        *network,
        *starts,
    ]
    if pretrained and facts.point:
        settings.append(Setting("label_rounds", LABEL_ROUNDS, WHY_LABEL_ROUNDS))
    # Labeling and evaluation take a time of their own; steps of the chosen networks fill the rest.
    refining = measure_refiner(recipe_from(settings), sample)
    costs = CostModel(recipe_from(settings), data, lambda recipe, rows: seconds, lambda recipe, rows: refining)
    besides = costs.besides_training(num_students(facts) > 1)
    refiner_batch = value_of(network, "refiner.per_device_train_batch_size")
    time_for_steps = minutes * 60 * PLANNED_SHARE - besides
    steps = plan_steps(time_for_steps, seconds, refining, facts, batch_size, refiner_batch)
    settings += schedule_settings(facts, steps, enough, batch_size, minutes, seconds, refining)
    whole = (steps.seconds + besides) / PLANNED_SHARE
    return Proposal(settings, _headline(facts, whole, minutes, deep_images), whole)


def _data_of(base: Recipe, loaded: RunData) -> tuple[list[Setting], RunData]:
    """Return the settings that name and split the data, and the split data."""
    fraction, reason = base.labeled_fraction, "null: labels as they are in the files"
    data = loaded
    has_masks_only = loaded.ground_truth_is_known and not len(loaded.point)
    # All masks are known, and no image has points only: hide most masks, to try the method and measure it.
    if fraction is None and len(loaded.train) > MIN_FULL_IMAGES and has_masks_only:
        fraction = max(0.1, MIN_FULL_IMAGES / len(loaded.train))
        hidden = f"the masks of {1 - fraction:.0%} of the images are hidden"
        reason = f"all masks are known: {hidden}, to try the method; null learns from all of them"
        data = split_data(Recipe(labeled_fraction=fraction, seed=base.seed), loaded.train, loaded.validation)
    elif fraction is not None:
        # Prepared datasets may be split already, which `load_data` handles.
        data = load_data(base) if base.dataset_name else split_data(base, loaded.train, loaded.validation)
        reason = f"as requested; {counted(len(data.full), 'image')} with masks"
    # Keys with their default values are left out.
    values = asdict(base)
    return [
        *(Setting(key, values[key]) for key in DATA_KEYS if values[key] != getattr(Recipe(), key)),
        Setting("output_dir", base.output_dir),
        Setting("labeled_fraction", fraction, reason),
        Setting("seed", base.seed),
    ], data


def model_settings(base: Recipe) -> list[Setting]:
    """Return the saved models that trainings start from: those of a recipe, and the general refiner of the package."""
    starts = [Setting(key, getattr(base, key), "as requested") for key in MODEL_KEYS if getattr(base, key) is not None]
    if base.refiner_name_or_path is None:
        why = "pretrained on other images, because few masks are not enough to learn refining from"
        starts.append(Setting("refiner_name_or_path", GENERAL_REFINER, why))
    return starts


def crowded_shares(rows: Dataset, size: InputSize) -> dict[int, float]:
    """Return finest grid → fraction of the points that share their cell with another point of their class."""
    # Scale ranges play no role where only the cells of points are counted.
    ranges = [(1, 2)] * len(FINEST_GRIDS)
    settings = InputSettings(size.image_size, size.pad_size, FINEST_GRIDS, ranges, 10**9, size.tile)
    fit = PyramidFit("train", settings, Findings())
    for position in range(0, len(rows), max(1, len(rows) // _CROWDING_SAMPLE)):
        fit.add(rows[position], position)
    return {grid: count / max(1, fit.points) for grid, count in zip(FINEST_GRIDS, fit.crowded, strict=True)}


def chosen_input(
    facts: DataFacts, minutes: float, batch_size: int, enough: int, seconds_for: Callable[[InputSize], float]
) -> tuple[InputSize, float, str]:
    """Return an input as large as the objects need and the machine allows; tiles show small objects.

    Args:
        facts: statistics of the data.
        minutes: time that the whole run may take.
        batch_size: images per training step of the teacher.
        enough: steps that the teacher needs.
        seconds_for: measures the seconds per step at an input.

    Returns:
        The input, seconds per step there, and the reason why it is smaller than wanted (empty if it is not).
    """
    wanted = side_for(facts, 10, TARGET_SIZE)
    tiled = tiled_input(facts, wanted)
    if tiled is not None:
        return tiled, seconds_for(tiled), ""

    def seconds_at(side: int) -> float:
        return seconds_for(input_size(facts, side))

    side, seconds, slow = affordable_side(facts, wanted, minutes, batch_size, enough, seconds_at)
    return input_size(facts, side), seconds, slow


def affordable_side(
    facts: DataFacts,
    wanted: int,
    minutes: float,
    batch_size: int,
    enough: int,
    seconds_at: Callable[[int], float],
) -> tuple[int, float, str]:
    """Return the largest input, up to the wanted one, at which the teacher gets enough steps.

    Args:
        facts: statistics of the data.
        wanted: longer side in pixels of the input that the objects need.
        minutes: time that the whole run may take.
        batch_size: images per training step of the teacher.
        enough: steps that the teacher needs.
        seconds_at: measures the seconds per step at a side; called once or twice.

    Returns:
        Side in pixels, seconds per step there, and the reason why it is smaller than wanted (empty if it is not).
    """
    # Never smaller than what half of the objects need, even where the time is short
    least = min(wanted, side_for(facts, 50, MIN_SIZE))
    first = min(max(least, FIRST_MEASURED_SIDE), wanted)
    measured = seconds_at(first)

    def expected(side: int) -> float:
        # Convolutions dominate a step; their time is proportional to the number of pixels.
        return measured * (side / first) ** 2

    def holds_enough(side: int) -> bool:
        return teacher_steps(minutes, expected(side), facts, batch_size) >= enough

    # The largest side that leaves the teacher enough steps, else the smallest one
    side = next((side for side in range(wanted, least, -STRIDE) if holds_enough(side)), least)
    # Slow steps are not measured a second time.
    seconds = seconds_at(side) if side != first and measured < SLOW_STEP else expected(side)
    if side == wanted:
        return side, seconds, ""
    speed = f"{expected(wanted):.1f} s per step on this machine"
    slow = f"at about {speed}, {minutes:g} minutes are too short for {enough} steps of the teacher"
    return side, seconds, f"{wanted} would suit the small objects better, but {slow}"


def schedule_settings(
    facts: DataFacts, steps: Steps, enough: int, batch_size: int, minutes: float, seconds: float, refining: float
) -> list[Setting]:
    """Return the steps of all trainings and the settings that depend on them."""
    # The reason for the teacher's steps, with the time that would be enough.
    epochs = steps.teacher * batch_size / facts.full
    teacher = f"{seconds:.2f} s per step; {epochs:.0f} epochs of {counted(facts.full, 'image')}"
    # A short schedule is proposed all the same, with the minutes that a sufficient one takes.
    if steps.teacher < enough:
        teacher += f". This is short: {enough} steps require --minutes {minutes * enough / steps.teacher:.0f}"
    # As many repeats as balance the two kinds of images, within limits
    repeats = max(1, min(20, round(facts.point / facts.full)))
    return [
        Setting("student_name_or_path", "teacher", "in a short run, students start from the teacher's weights"),
        Setting("rough_student", False, "true compares a student on the rough masks, at the cost of another training"),
        Setting("full_repeats", repeats, "balances images with masks and images with points"),
        Setting("training.warmup_steps", max(5, steps.teacher // 20)),
        Setting("teacher.max_steps", steps.teacher, teacher),
        Setting("student.max_steps", steps.student, "in addition to the teacher's, whose weights they start from"),
        Setting("student.learning_rate", 0.0006),
        Setting("refiner.max_steps", steps.refiner, f"{refining:.2f} s per step"),
        Setting("refiner.warmup_steps", max(5, steps.refiner // 10)),
    ]


def _headline(facts: DataFacts, seconds: float, minutes: float, deep_images: int) -> list[str]:
    """Return the paragraphs at the top of a proposed recipe."""
    where = f"{counted(facts.full, 'image')} with masks and {facts.point:,} with points, on a {machine_name()}"
    depth = "Bit depth requires no setting: "
    if deep_images:
        deep = counted(deep_images, "image")
        depth += f"{deep} with more than 8 bits, each scaled from its own range."
    else:
        depth += "no image has more than 8 bits."
    verdict = f"about {duration(seconds)}"
    if seconds > 60 * minutes:
        verdict += f", more than the {minutes:g} minutes requested: a smaller training is not possible"
    facts_and_time = [
        f"{where}: {verdict}.",
        "Proposed by `pointwssis check` from measured training steps; the quality of the models was not measured.",
        depth,
    ]
    note = busy_note()
    return [*facts_and_time, note] if note else facts_and_time
