# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The rows of the tables: what the paper reports, and the result of ours beside it.

Figures are those of the paper on COCO and BDD100K, ours are those of small data: compare the order of the rows and the
gaps, not the values.
"""

from dataclasses import dataclass

from .experiment import REFINER_INPUTS, Job, job_name
from .settings import Preset

LABELS, MODELS = "pseudo labels against the hidden masks", "validation images"
# The authors' table of COCO test-dev: percentage of masks → AP of masks, points, and MaskRefineNet
TEST_DEV = {1: 24.0, 2: 25.3, 5: 33.7, 10: 35.8, 20: 37.1, 30: 38.0, 40: 38.3, 50: 38.8}
TEST_DEV_DAYS = {5: 158.5, 10: 196.7, 30: 349.5, 50: 502.3}
# Masks alone are a control each: as many steps, stronger augmentation, and as much labeling time.
CONTROLS = ("control", "augmented", "same_time")


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Args:
        title: title of the row.
        key: name of the result; None for a row that only the paper has.
        published: values of the paper, one per metric of the table; None where it gives none.
        fraction: fraction of masks; None takes that of the preset.
        cost: name of the result that holds the days of labeling.
    """

    title: str
    key: str | None
    published: tuple[float | None, ...] = ()
    fraction: float | None = None
    cost: str | None = None


@dataclass(frozen=True)
class Claim:
    """A statement that one row is better than another, in AP.

    Args:
        text: the statement.
        better: result that should be higher.
        worse: results of which the highest should be lower.
        fraction: fraction of masks; None takes that of the preset.
    """

    text: str
    better: str
    worse: tuple[str, ...]
    fraction: float | None = None


@dataclass(frozen=True)
class Table:
    """A table or a figure.

    Args:
        title: title with the number.
        measured_on: data that the metrics refer to.
        metrics: columns.
        rows: rows.
        claims: statements to test.
        jobs: fraction of masks (None: that of the preset) → jobs that measure the rows.
        note: remark on the published figures.
    """

    title: str
    measured_on: str
    metrics: tuple[str, ...]
    rows: tuple[Row, ...]
    claims: tuple[Claim, ...]
    jobs: dict[float | None, tuple[Job, ...]]
    note: str = ""


def all_tables(preset: Preset) -> dict[str, Table]:
    """Return number → table, with the fractions of a preset."""
    return {
        "1": _table_1(preset),
        "2": TABLE_2,
        "3": TABLE_3,
        "4": TABLE_4,
        "5": TABLE_5,
        "6": _table_6(preset),
        "figure6": _figure_6(preset),
    }


UPPER_BOUND = Row("all masks (upper bound)", "upper_bound")
CONTROL_ROWS = (
    Row("control: masks alone, as many steps", "control"),
    Row("control: masks alone, strongest augmentation", "augmented"),
    Row("control: masks alone, as much labeling time", "same_time"),
)
POINTS_PAY = Claim("points + refiner > best control without points", "student_refined", CONTROLS)
CONTROL_JOBS: tuple[Job, ...] = (("control",), ("augmented",), ("same_time",), ("upper_bound",))

TABLE_2 = Table(
    "Table 2: the pyramid level of a point",
    LABELS,
    ("AP", "AP50", "AR100"),
    (
        Row("P2 only", "levels_finest", (23.4, 48.3, 37.6)),
        Row("P2 to P6, all levels", "levels_every_level", (10.3, 20.8, 44.7)),
        Row("argmax of confidence", "levels_confidence"),
        Row("argmax of confidence × maskness (the official code)", "levels_adaptive", (28.6, 56.7, 42.6)),
        Row("ground-truth size", "levels_size", (30.9, 62.0, 44.9)),
    ),
    (
        Claim("argmax > P2 only", "levels_adaptive", ("levels_finest",)),
        Claim("P2 only > all levels", "levels_finest", ("levels_every_level",)),
        Claim("ground-truth size ≥ argmax", "levels_size", ("levels_adaptive",)),
        Claim("argmax with maskness ≥ without", "levels_adaptive", ("levels_confidence",)),
    ),
    {None: (("teacher",), ("levels",))},
    "Published: COCO train5K, 10% masks. Ours: images alone, overlaps stay.",
)
TABLE_3 = Table(
    "Table 3: inputs of MaskRefineNet",
    LABELS,
    ("AP", "AP50"),
    (
        Row("no refiner", "labels_rough", (28.6, 56.7)),
        Row("image", "refiner_image", (14.8, 30.2)),
        Row("image and rough mask", "refiner_image and rough mask", (29.7, 54.4)),
        Row("image and point", "refiner_image and point", (30.9, 52.9)),
        Row("all", "refiner_all", (39.1, 65.3)),
        Row("all, from the refiner of the package (that of the other tables)", "labels_refined"),
    ),
    tuple(Claim(f"all > {name}", "refiner_all", (f"refiner_{name}",)) for name in REFINER_INPUTS if name != "all")
    + (Claim("all > no refiner", "refiner_all", ("labels_rough",)),),
    {None: (("teacher",), ("labels",), ("refiner_inputs",))},
    "Published: COCO train5K, 10% masks.",
)
TABLE_4 = Table(
    "Table 4: position of the point",
    LABELS,
    ("AP", "AP50"),
    (
        Row("center of mass", "position_center", (28.6, 56.7)),
        Row("random pixel of the mask, mean of five draws", "position_random", (28.8, 57.0)),
        Row("center with jitter of 10% of the object", "position_jitter"),
    ),
    (Claim("center > random", "position_center", ("position_random",)),),
    {None: (("teacher",), ("positions",))},
    "Published: COCO train5K, 10% masks; the gap is small. Ours: images alone, overlaps stay.",
)
THRESHOLDS = (0.1, 0.3, 0.5)
TABLE_5 = Table(
    "Table 5: labels of the images without masks",
    MODELS,
    ("AP", "AP50"),
    (
        Row("unlabeled, τ = 0.1", "unlabeled_0.1", (20.8, 33.5)),
        Row("unlabeled, τ = 0.3", "unlabeled_0.3", (25.9, 41.5)),
        Row("unlabeled, τ = 0.5", "unlabeled_0.5", (24.3, 38.2)),
        Row("image-level labels, τ = 0.3", "image_level_0.3", (29.5, 48.9)),
        Row("points", "student_point", (32.2, 52.3)),
        Row("points + MaskRefineNet", "student_refined", (35.5, 56.0)),
        Row("teacher", "teacher"),
        *CONTROL_ROWS,
        Row("all masks (upper bound)", "upper_bound", (39.0, None)),
    ),
    (
        Claim("points > image-level labels", "student_point", ("image_level_0.3",)),
        Claim("image-level labels > best unlabeled", "image_level_0.3", tuple(f"unlabeled_{t}" for t in THRESHOLDS)),
        Claim("unlabeled (τ = 0.3) > masks alone", "unlabeled_0.3", ("control",)),
        Claim("points + refiner > points", "student_refined", ("student_point",)),
        POINTS_PAY,
    ),
    {
        None: (
            ("teacher",),
            ("labels",),
            ("students",),
            *CONTROL_JOBS,
            *(("unlabeled", threshold) for threshold in THRESHOLDS),
            ("image_level", 0.3),
        )
    },
    "Published: COCO val, 10% masks; full supervision has 39.0 there.",
)


def _table_1(preset: Preset) -> Table:
    rows = [
        Row("BESTIE, image-level labels (published)", None, (109.5, 14.3)),
        Row("BESTIE, points (published)", None, (120.3, 17.7)),
        Row("BBAM, boxes (published)", None, (174.5, 26.0)),
        Row("BoxInst, boxes (published)", None, (174.5, 33.2)),
        Row("NB, 5% masks + unlabeled (published)", None, (44.2, 25.6)),
        Row("NB, 10% masks + unlabeled (published)", None, (88.4, 30.3)),
        Row("NB, 30% masks + unlabeled (published)", None, (265.2, 35.5)),
        Row("NB, 50% masks + unlabeled (published)", None, (442.1, 36.8)),
        Row("Mask R-CNN, all masks (published)", None, (884.2, 38.8)),
    ]
    for fraction in preset.fractions:
        percent = round(100 * fraction)
        days, title = TEST_DEV_DAYS.get(percent), f"{percent}% masks"
        published = (days, TEST_DEV.get(percent)) if days else (None, TEST_DEV.get(percent))
        rows.append(Row(f"{title} + points", "student_refined", published, fraction, "cost_points"))
        rows.append(Row(f"{title} + unlabeled, τ = 0.3", "unlabeled_0.3", (), fraction, "cost_masks"))
        rows.append(Row(f"{title}, control", "control", (), fraction, "cost_masks"))
    rows.append(Row("all masks (upper bound)", "upper_bound", (884.2, 39.6), None, "cost_all"))
    claims = [
        Claim(f"{100 * fraction:g}%: points + refiner > unlabeled", "student_refined", ("unlabeled_0.3",), fraction)
        for fraction in preset.fractions
    ]
    note = (
        "Published: days of labeling and AP on COCO test-dev. Full supervision has 39.6 in this table, 39.7 in the "
        "text of the paper (test-dev), and 39.0 on val (table 5)."
    )
    jobs = _jobs_of_fractions(preset)
    return Table("Table 1: labeling time and AP", MODELS, ("days", "AP"), tuple(rows), tuple(claims), jobs, note)


def _table_6(preset: Preset) -> Table:
    # In the paper 20k, 40k and 67k images have points.
    published = [(26.7, 44.4, 27.8), (27.3, 44.5, 28.9)]
    rows = [Row("masks alone (control)", "control", (22.1, 40.2, 21.2))]
    for index, share in enumerate(preset.point_shares):
        own = published[index] if len(preset.point_shares) == len(published) else ()
        rows.append(Row(f"+ points in {100 * share:g}% of the other images", job_name("fewer_points", share), own))
    rows.append(Row("+ points in all other images", "student_refined", (27.9, 44.8, 29.2)))
    rows += [*CONTROL_ROWS[1:], UPPER_BOUND]
    keys = [row.key for row in rows[: len(preset.point_shares) + 2]]
    claims = [
        Claim(f"{rows[place + 1].title} > one row above", keys[place + 1], (keys[place],))
        for place in range(len(keys) - 1)
    ]
    points = tuple(("fewer_points", share) for share in preset.point_shares)
    jobs = {None: (("teacher",), ("labels",), ("students",), *CONTROL_JOBS, *points)}
    note = "Published: BDD100K val, 7k images with masks, points in 0, 20k, 40k, and 67k images."
    title, claims = "Table 6: fixed masks, growing points", (*claims, POINTS_PAY)
    return Table(title, MODELS, ("AP", "AP50", "AP75"), tuple(rows), claims, jobs, note)


def _figure_6(preset: Preset) -> Table:
    rows, claims = [], []
    for fraction in preset.fractions:
        percent = f"{100 * fraction:g}%"
        rows.append(Row(f"{percent}: masks alone (control)", "control", (), fraction))
        rows.append(Row(f"{percent}: masks alone, strongest augmentation (control)", "augmented", (), fraction))
        rows.append(Row(f"{percent}: + unlabeled, τ = 0.3", "unlabeled_0.3", (), fraction))
        rows.append(Row(f"{percent}: + points", "student_point", (), fraction))
        published = (TEST_DEV.get(round(100 * fraction)),)
        rows.append(Row(f"{percent}: + points + MaskRefineNet", "student_refined", published, fraction))
        claims.append(Claim(f"{percent}: refiner > none", "student_refined", ("student_point",), fraction))
        best = ("control", "augmented")
        claims.append(Claim(f"{percent}: points + refiner > best control", "student_refined", best, fraction))
    rows.append(Row("all masks (upper bound)", "upper_bound", (39.7,)))
    note = "Published: COCO test-dev, from the authors' repository; full supervision from the text of the paper."
    title = "Figure 6: AP against the fraction of masks"
    return Table(title, MODELS, ("AP", "AP50"), tuple(rows), tuple(claims), _jobs_of_fractions(preset), note)


def _jobs_of_fractions(preset: Preset) -> dict[float | None, tuple[Job, ...]]:
    shared: tuple[Job, ...] = (
        ("teacher",),
        ("labels",),
        ("students",),
        ("control",),
        ("augmented",),
        ("unlabeled", 0.3),
    )
    jobs: dict[float | None, tuple[Job, ...]] = dict.fromkeys(preset.fractions, shared)
    return jobs | {None: (("teacher",), ("upper_bound",))}
