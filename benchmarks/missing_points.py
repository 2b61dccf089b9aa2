# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Measure the value of declaring images incomplete.

The data are synthetic shapes, all of one class, because classification is their hardest part and is not measured here.
Half of the clicks are removed: once with `complete` false, so that unlabeled regions have no background loss and the
teacher proposes the overlooked objects; once with the same images declared complete. Teacher and MaskRefineNet are
shared. Prints a Markdown table.

    python benchmarks/missing_points.py --output_dir outputs/missing_points --seeds 1 2 3
"""

import argparse
import shutil
from pathlib import Path

from pointwssis.data import SHAPE_CLASSES, write_shapes_coco
from pointwssis.runs.recipe import Recipe
from pointwssis.runs.run import Run

NOISE = {"declared complete": {"overlooked": 0.5}, "incomplete": {"missing": 0.5}}
METRICS = ("AP", "AP50", "AR100")
Metrics = dict[str, float | None]


def recipe_of(folder: Path, name: str, seed: int, max_steps: int | None) -> Recipe:
    """Return the recipe of `pointwssis demo` for shapes of one class: the same small network, and more steps."""
    recipe = Recipe.load("demo")
    recipe.image_size = {"shortest_edge": 128, "longest_edge": 128}
    recipe.augmentation = {"vertical_flip": 0.5, "rotate90": True, "brightness": 0.2, "contrast": 0.2}
    recipe.full_repeats, recipe.rough_student = 1, True
    recipe.data_dir, recipe.output_dir = str(folder / "data"), str(folder / name.replace(" ", "_"))
    recipe.seed, recipe.max_steps, recipe.point_noise = seed, max_steps, NOISE[name]
    recipe.label_map = dict.fromkeys(SHAPE_CLASSES, "shape")
    recipe.teacher, recipe.student = {"max_steps": 800}, {"max_steps": 1500}
    recipe.refiner = {**recipe.refiner, "max_steps": 300}
    return recipe


def students(folder: Path, seed: int, max_steps: int | None) -> dict[str, Metrics]:
    """Run both students of one seed and return name → metrics, those of the teacher included."""
    if not (folder / "data").is_dir():
        write_shapes_coco(folder / "data", num_train=480, num_val=400, seed=seed)
    found: dict[str, Metrics] = {}
    for name in NOISE:
        run = Run(recipe_of(folder, name, seed, max_steps))
        # The second run starts from the teacher and the refiner of the first.
        for stage in ("teacher", "refiner"):
            trained = folder / next(iter(NOISE)).replace(" ", "_") / stage
            if trained.is_dir() and not (run.folder / stage).is_dir():
                shutil.copytree(trained, run.folder / stage)
        found["teacher"] = run.teacher()
        run.refiner()
        found[name] = run.student("student_refined", run.student_rows()["student_refined"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_dir", type=Path, default=Path("outputs/missing_points"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--max_steps", type=int, help="limit of the steps of every training run, to try the script")
    arguments = parser.parse_args()
    names = ("teacher", *NOISE)
    print(f"| seed, {' / '.join(METRICS)} | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for seed in arguments.seeds:
        found = students(arguments.output_dir / f"seed_{seed}", seed, arguments.max_steps)
        cells = [" / ".join(f"{100 * (found[name][metric] or 0):.1f}" for metric in METRICS) for name in names]
        print(f"| {seed} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
