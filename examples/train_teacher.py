# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""Stage 1: a SOLOv2 teacher learns from the images that have masks.

python examples/train_teacher.py examples/recipes/nuclei.yaml \
    --data_dir data/nuclei --output_dir outputs/nuclei

With --push_to_hub --hub_model_id me/NAME the model goes to the Hub, with its card.
"""

import sys

from pointwssis.runs.publish import Push
from pointwssis.runs.recipe import Recipe
from pointwssis.runs.run import Run


def main() -> None:
    recipe = Recipe.from_arguments(sys.argv[1:])
    push = Push(recipe, only="teacher")
    run = Run(recipe)
    metrics = run.teacher()
    print(f"{run.folder / 'teacher'}: {metrics}")
    for address in push().values():
        print(address)


if __name__ == "__main__":
    main()
