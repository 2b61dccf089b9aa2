# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""Stages 2 and 4: every point becomes a rough mask, and with a refiner a refined one. Stages 1 and 3 come first.

python examples/generate_pseudo_labels.py examples/recipes/nuclei.yaml \
    --data_dir data/nuclei --output_dir outputs/nuclei
"""

import sys

from pointwssis.runs.recipe import Recipe
from pointwssis.runs.run import Run


def main() -> None:
    run = Run(Recipe.from_arguments(sys.argv[1:]))
    run.labeling.pseudo_labels()
    for name, quality in run.labeling.quality().items():
        print(f"{run.folder / 'pseudo' / name}: {quality}")


if __name__ == "__main__":
    main()
