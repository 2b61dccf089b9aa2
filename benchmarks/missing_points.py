# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""What it is worth to say that an image is not completely marked.

Drawn shapes; half of the clicks are removed, once with `complete` false (unclaimed regions carry no background loss),
once with the same images declared complete. Teacher, MaskRefineNet and pseudo labels are the same, only the student
differs. Prints a Markdown table.

    python benchmarks/missing_points.py --output_dir outputs/missing_points --seeds 1 2 3
"""

import argparse
import shutil
from pathlib import Path

from pointwssis.cli.demo import RECIPE
from pointwssis.data import write_shapes_coco
from pointwssis.recipe import Recipe
from pointwssis.runs import Run

NOISE = {"incomplete": {"missing": 0.5}, "declared complete": {"overlooked": 0.5}}


def students(folder: Path, seed: int, max_steps: int | None) -> dict[str, dict[str, float | None]]:
    """Metrics of the two students of one seed."""
    data = folder / "data"
    if not data.is_dir():
        write_shapes_coco(data, num_train=240, num_val=60, seed=seed)
    found = {}
    for name, noise in NOISE.items():
        own = folder / name.replace(" ", "_")
        for stage in ("teacher", "refiner"):
            trained = folder / "incomplete" / stage
            if trained.is_dir() and not (own / stage).is_dir():
                shutil.copytree(trained, own / stage)
        recipe = Recipe.load(RECIPE)
        recipe.data_dir, recipe.output_dir, recipe.seed, recipe.max_steps = str(data), str(own), seed, max_steps
        recipe.point_noise = noise
        run = Run(recipe)
        run.teacher()
        run.refiner()
        found[name] = run.student("student_refined", run.student_rows()["student_refined"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_dir", type=Path, default=Path("outputs/missing_points"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--max_steps", type=int, help="cap on every training, to try the script")
    arguments = parser.parse_args()
    print("| seed | AP, incomplete | AP, declared complete | AP50, incomplete | AP50, declared complete |")
    print("|---|---|---|---|---|")
    for seed in arguments.seeds:
        found = students(arguments.output_dir / f"seed_{seed}", seed, arguments.max_steps)
        values = [f"{100 * (found[name][metric] or 0):.1f}" for metric in ("AP", "AP50") for name in NOISE]
        print(f"| {seed} | {' | '.join(values)} |", flush=True)


if __name__ == "__main__":
    main()
