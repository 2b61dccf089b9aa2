# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The script that `test_several_processes` starts in three processes, the last of which dies in the end."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from helpers import tiny
from pointwssis.pseudo_labeling import Teacher, solov2_teacher
from pointwssis.registration import register
from pointwssis.runs.recipe import Recipe
from pointwssis.runs.run import Run

LABELED, TRAINED, ABANDONED = "labeled", "trained", "abandoned"
RANK = os.environ.get("RANK", "0")


def labeling_recipe(folder: Path, name: str) -> Recipe:
    """Return the recipe of a run that only labels, with trained models: 9 images with masks, 12 with points, 9 others.

    In batches of eight, the third process has no image.
    """
    return tiny.recipe(
        folder / name,
        data_dir=str(folder / "shapes"),
        stages=["rough", "pseudo"],
        unlabeled_fraction=0.3,
        unlabeled_threshold=0.0,
        teacher_name_or_path=str(folder / "models" / "teacher"),
        refiner_name_or_path=str(folder / "models" / "refiner"),
    )


def dying_teacher(folder: Path) -> Teacher:
    """Return a teacher that labels in the first process; the second one is killed, as if by the system."""
    teacher = solov2_teacher(folder / "models" / "teacher")

    def label(*arguments: Any) -> Any:
        if RANK == "1":
            os.kill(os.getpid(), signal.SIGKILL)
        return teacher(*arguments)

    return label


def main(folder: Path) -> None:
    register()
    results = {LABELED: Run(labeling_recipe(folder, LABELED)).run()}
    trained = tiny.recipe(folder / TRAINED, data_dir=str(folder / "shapes"), max_steps=1, teacher_patience=1)
    results[TRAINED] = Run(trained).run()
    (folder / f"rank{RANK}.json").write_text(json.dumps(results))
    recipe = labeling_recipe(folder, ABANDONED)
    recipe.unlabeled_fraction = 0.0  # a teacher alone labels points only
    run = Run(recipe, teacher=dying_teacher(folder))
    run.labeling.rough_point()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
