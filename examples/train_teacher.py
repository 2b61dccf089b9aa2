# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
r"""Stage 1: a SOLOv2 teacher learns from the images that have masks.

python examples/train_teacher.py examples/recipes/nuclei.yaml \
    --data_dir data/nuclei --output_dir outputs/nuclei
"""

import sys

from pointwssis.recipe import Recipe
from pointwssis.runs import Run


def main() -> None:
    run = Run(Recipe.from_arguments(sys.argv[1:]))
    metrics = run.teacher()
    print(f"{run.folder / 'teacher'}: {metrics}")


if __name__ == "__main__":
    main()
