# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""Stage 3: MaskRefineNet learns to mend the teacher's rough masks where the truth is known. Stage 1 comes first.

python examples/train_mask_refine_net.py examples/recipes/nuclei.yaml \
    --data_dir data/nuclei --output_dir outputs/nuclei
"""

import sys

from pointwssis.recipe import Recipe
from pointwssis.runs import Run


def main() -> None:
    run = Run(Recipe.from_arguments(sys.argv[1:]))
    run.refiner()
    print(run.folder / "refiner")


if __name__ == "__main__":
    main()
