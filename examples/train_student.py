# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""Stage 5: the student learns from masks and pseudo labels together. Stages 1 to 4 come first.

python examples/train_student.py examples/recipes/nuclei.yaml \
    --data_dir data/nuclei --output_dir outputs/nuclei

With --push_to_hub --hub_model_id me/NAME the model goes to the Hub, with its card.
"""

import sys

from pointwssis.runs.publish import Push
from pointwssis.runs.recipe import Recipe
from pointwssis.runs.run import Run


def main() -> None:
    recipe = Recipe.from_arguments(sys.argv[1:])
    push = Push(recipe, only="student")
    run = Run(recipe)
    name, rows = list(run.student_rows().items())[-1]  # with refined masks, if there is a refiner
    metrics = run.student(name, rows)
    print(f"{run.folder / name}: {metrics}")
    for address in push().values():
        print(address)


if __name__ == "__main__":
    main()
