# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Measure what each ingredient of a run adds, beside the control and the upper bound.

The first row is the paper's method. Every further row adds one ingredient to the row above it, and keeps the results
that do not depend on it. Labels are measured in every row; the student, the control (as many steps on the masks alone)
and the upper bound (as many steps on all masks) in the rows named by `--students`. Prints Markdown tables.

    python benchmarks/points_pay.py demo --output_dir outputs/points_pay --seeds 1 2
    python benchmarks/points_pay.py shapes --output_dir outputs/points_pay_shapes --seeds 1 2
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pointwssis.data import DEMO_NUCLEI, write_shapes_coco
from pointwssis.runs.recipe import Recipe
from pointwssis.runs.recipe_values import parse_overrides
from pointwssis.runs.run import Run

# The paper's method: without what this package adds
PAPER = {
    "settle_overlaps": "false",
    "label_flips": "false",
    "weigh_pseudo_labels": "false",
    "label_rounds": "1",
    "refiner_name_or_path": "null",
    "refiner_model": "{backbone_config: {model_type: resnet, layer_type: basic, depths: [1, 1, 1, 1], "
    "embedding_size: 32, hidden_sizes: [32, 64, 128, 256]}, input_channels: 32, crop_size: 64, point_sigma: 3.0}",
    "refiner.perturb": "0",
    "refiner.color_jitter": "0",
    "training.average_weights": "0",
    "augmentation.copy_paste": "0",
    "rough_student": "false",
}


@dataclass(frozen=True)
class Ingredient:
    """One row of the tables.

    Args:
        title: what is added to the row above.
        settings: overrides of the recipe.
    """

    title: str
    settings: dict[str, str]


LADDER = (
    Ingredient("the paper's method, with the gate", {}),
    Ingredient("overlaps settled by points", {"settle_overlaps": "true"}),
    Ingredient("mirrored views when labeling", {"label_flips": "true"}),
    Ingredient("perturbed rough masks", {"refiner.perturb": "0.25", "refiner.color_jitter": "0.1"}),
    Ingredient("refiner starts from the general one", {"refiner_name_or_path": "general", "refiner_model": "{}"}),
    Ingredient("labels weighted by expected IoU", {"weigh_pseudo_labels": "true"}),
    Ingredient("second round of labels", {"label_rounds": "2"}),
    Ingredient("copy-paste", {"augmentation.copy_paste": "0.5"}),
    Ingredient("averaged weights", {"training.average_weights": "0.98"}),
)
LABEL_METRICS, METRICS = ("AP", "AP50", "mean_iou"), ("AP", "AP50", "AP75")


def settings_of(row: int) -> dict[str, str]:
    """Return the overrides of a row: those of the paper, and of all ingredients so far."""
    settings = dict(PAPER)
    for ingredient in LADDER[: row + 1]:
        settings |= ingredient.settings
    return settings


def run_row(arguments: argparse.Namespace, seed: int, row: int) -> dict[str, Any]:
    """Run one row, and return its results. All rows of a seed share a folder, whose results are kept where they hold.

    Args:
        arguments: arguments of the command line.
        seed: seed of split, initial weights and augmentation.
        row: position in `LADDER`.
    """
    stages = ["teacher", "rough", "refiner", "pseudo"]
    if row in arguments.students:
        stages += ["control", "student", "upper_bound"]
    overrides = settings_of(row) | parse_overrides(arguments.overrides)
    overrides |= {"data_dir": str(arguments.data_dir), "seed": str(seed), "stages": str(stages)}
    overrides["output_dir"] = str(arguments.output_dir / f"seed_{seed}")
    return Run(Recipe.load(arguments.recipe, overrides), update=True).run()


def table_row(title: str, results: dict[str, Any]) -> str:
    """Return one row of a table: quality of the rough and the refined labels, then metrics of the models."""
    labels = [_cell(results["pseudo_labels"][name], LABEL_METRICS) for name in ("rough", "refined")]
    models = [_cell(results[name], METRICS) for name in ("teacher", "control", "student_refined", "upper_bound")]
    return f"| {title} | {' | '.join([*labels, *models])} |"


def _cell(metrics: dict[str, float | None] | None, names: tuple[str, ...]) -> str:
    return " / ".join(f"{100 * (metrics[name] or 0):.1f}" for name in names) if metrics else "–"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", help="recipe of network and steps, such as demo, shapes or nuclei")
    parser.add_argument("--data_dir", type=Path, help="folder in COCO's layout; demo has its own, shapes are drawn")
    parser.add_argument("--output_dir", type=Path, default=Path("outputs/points_pay"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rows", type=int, nargs="+", default=list(range(len(LADDER))), help="rows of the table")
    parser.add_argument("--students", type=int, nargs="+", default=[0, len(LADDER) - 1], help="rows with students")
    arguments, arguments.overrides = parser.parse_known_args()
    if arguments.data_dir is None and arguments.recipe == "demo":
        arguments.data_dir = DEMO_NUCLEI
    elif arguments.data_dir is None:
        arguments.data_dir = arguments.output_dir / "data"
        if not arguments.data_dir.is_dir():
            write_shapes_coco(arguments.data_dir, num_train=240, num_val=100, seed=1)
    titles = ("rough labels", "refined labels", "teacher", "control", "student", "upper bound")
    for seed in arguments.seeds:
        print(f"\n| seed {seed} | {' | '.join(titles)} |\n|---|{'---|' * len(titles)}")
        for row in arguments.rows:
            print(table_row(LADDER[row].title, run_row(arguments, seed, row)), flush=True)


if __name__ == "__main__":
    main()
