# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Measure what each ingredient of a run adds, beside the control and the upper bound.

The first row is the paper's method. Every further row adds one ingredient to the row above it. Rows that change only
later stages reuse the teacher of the row above. Labels are measured in every row; the student, the control (as many
steps on the masks alone) and the upper bound (as many steps on all masks) in the rows named by `--students`. Prints
Markdown tables.

    python benchmarks/points_pay.py nuclei --data_dir data/nuclei --output_dir outputs/points_pay --seeds 1 2
    python benchmarks/points_pay.py shapes --output_dir outputs/points_pay_shapes --seeds 1 2
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pointwssis.data import write_shapes_coco
from pointwssis.runs.outdated import FIRST_STAGE
from pointwssis.runs.recipe import Recipe
from pointwssis.runs.recipe_values import parse_overrides
from pointwssis.runs.run import Run

PAPER = {
    "settle_overlaps": "false",
    "level_strategy": "adaptive",
    "label_flips": "false",
    "weigh_pseudo_labels": "false",
    "label_rounds": "1",
    "refiner_name_or_path": "null",
    "refiner.perturb": "0",
    "refiner.drop_rough": "0",
    "training.average_weights": "0",
    "augmentation.copy_paste": "0",
    "augmentation.scale_jitter": "1",
    "rough_student": "false",
}


@dataclass(frozen=True)
class Ingredient:
    """One row of the tables.

    Args:
        title: what is added to the row above.
        settings: keys of the recipe that the row changes; an empty one takes the value of the recipe.
    """

    title: str
    settings: tuple[str, ...]


LADDER = (
    Ingredient("the paper's method", ()),
    Ingredient("overlaps settled by points", ("settle_overlaps", "level_strategy")),
    Ingredient("flipped views when labeling", ("label_flips",)),
    Ingredient("perturbed rough masks for the refiner", ("refiner.perturb", "refiner.drop_rough")),
    Ingredient("refiner starts from the general one", ("refiner_name_or_path",)),
    Ingredient("averaged weights", ("training.average_weights",)),
    Ingredient("copy-paste, scale jitter", ("augmentation.copy_paste", "augmentation.scale_jitter")),
    Ingredient("labels weighted by expected IoU", ("weigh_pseudo_labels",)),
    Ingredient("second round of labels", ("label_rounds",)),
)
LABEL_METRICS, METRICS = ("AP", "AP50", "mean_iou"), ("AP", "AP50", "AP75")


def settings_of(recipe: str, row: int) -> dict[str, str]:
    """Return the settings of a row as overrides: those of the paper, without the keys that rows so far have changed.

    Args:
        recipe: name of the recipe, whose own values the changed keys keep.
        row: position in `LADDER`.
    """
    changed = {key for ingredient in LADDER[: row + 1] for key in ingredient.settings}
    # A recipe without such a section has nothing to switch off there.
    sections = {key for key in ("refiner", "training", "augmentation") if getattr(Recipe.load(recipe), key)}
    return {
        key: value
        for key, value in PAPER.items()
        if key not in changed and ("." not in key or key.split(".")[0] in sections)
    }


def first_stage(row: int) -> str:
    """Return the first stage that a row trains anew."""
    keys = [key.split(".")[0] for key in LADDER[row].settings]
    stages = [FIRST_STAGE[key] for key in keys]
    return "teacher" if not stages or "teacher" in stages else stages[0]


def run_row(arguments: argparse.Namespace, seed: int, row: int, teacher: Path | None) -> tuple[dict[str, Any], Path]:
    """Run one row, and return its results and its teacher.

    Args:
        arguments: arguments of the command line.
        seed: seed of split, initial weights and augmentation.
        row: position in `LADDER`.
        teacher: teacher of the row above; None trains one.
    """
    folder = arguments.output_dir / f"seed_{seed}" / f"row_{row}"
    stages = ["rough", "refiner", "pseudo"]
    if row in arguments.students:
        stages += ["control", "student", "upper_bound"]
    overrides = settings_of(arguments.recipe, row) | parse_overrides(arguments.overrides)
    if teacher is None:
        stages = ["teacher", *stages]
    else:
        overrides["teacher_name_or_path"] = str(teacher)
    overrides |= {"data_dir": str(arguments.data_dir), "seed": str(seed), "output_dir": str(folder)}
    recipe = Recipe.load(arguments.recipe, {**overrides, "stages": str(stages)})
    results = Run(recipe).run()
    return results, teacher or folder / "teacher"


def table_row(title: str, results: dict[str, Any]) -> str:
    """Return one row of a table: quality of the rough and the refined labels, then metrics of the models."""
    labels = [_cell(results["pseudo_labels"][name], LABEL_METRICS) for name in ("rough", "refined")]
    models = [_cell(results[name], METRICS) for name in ("teacher", "control", "student_refined", "upper_bound")]
    return f"| {title} | {' | '.join([*labels, *models])} |"


def _cell(metrics: dict[str, float | None] | None, names: tuple[str, ...]) -> str:
    return " / ".join(f"{100 * (metrics[name] or 0):.1f}" for name in names) if metrics else "–"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", help="recipe with all ingredients, such as nuclei or shapes")
    parser.add_argument("--data_dir", type=Path, help="folder in COCO's layout; without it, shapes are drawn")
    parser.add_argument("--output_dir", type=Path, default=Path("outputs/points_pay"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rows", type=int, nargs="+", default=list(range(len(LADDER))), help="rows of the table")
    parser.add_argument("--students", type=int, nargs="+", default=[0, len(LADDER) - 1], help="rows with students")
    arguments, arguments.overrides = parser.parse_known_args()
    if arguments.data_dir is None:
        arguments.data_dir = arguments.output_dir / "data"
        if not arguments.data_dir.is_dir():
            write_shapes_coco(arguments.data_dir, num_train=240, num_val=100, seed=1)
    titles = ("rough labels", "refined labels", "teacher", "control", "student", "upper bound")
    for seed in arguments.seeds:
        print(f"\n| seed {seed} | {' | '.join(titles)} |\n|---|{'---|' * len(titles)}")
        teacher = None
        for row in arguments.rows:
            reused = None if first_stage(row) == "teacher" else teacher
            results, teacher = run_row(arguments, seed, row, reused)
            print(table_row(LADDER[row].title, results), flush=True)


if __name__ == "__main__":
    main()
