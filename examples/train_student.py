# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""Stage 5: the student learns from masks and pseudo labels together. Stages 1 to 4 come first.

python examples/train_student.py examples/recipes/nuclei.yaml \
    --data_dir data/nuclei --output_dir outputs/nuclei
"""

import sys

from pointwssis.recipe import Recipe
from pointwssis.runs import Run


def main() -> None:
    run = Run(Recipe.from_arguments(sys.argv[1:]))
    name, rows = list(run.student_rows().items())[-1]  # with refined masks, if there is a refiner
    metrics = run.student(name, rows)
    print(f"{run.folder / name}: {metrics}")


if __name__ == "__main__":
    main()
