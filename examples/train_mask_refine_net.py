# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""Stage 3: MaskRefineNet learns to mend the teacher's rough masks where the truth is known. Stage 1 comes first.

python examples/train_mask_refine_net.py examples/recipes/nuclei.yaml \
    --data_dir data/nuclei --output_dir outputs/nuclei

With --push_to_hub --hub_model_id me/NAME the model goes to the Hub, with its card.
"""

import sys

from pointwssis.runs.publish import Push
from pointwssis.runs.recipe import Recipe
from pointwssis.runs.run import Run


def main() -> None:
    recipe = Recipe.from_arguments(sys.argv[1:])
    push = Push(recipe, only="refiner")
    run = Run(recipe)
    run.refiner()
    print(run.folder / "refiner")
    for address in push().values():
        print(address)


if __name__ == "__main__":
    main()
