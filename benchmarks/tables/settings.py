# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Sizes of the experiments, their data, and the recipe of each seed and fraction of masks."""

from dataclasses import dataclass, field
from pathlib import Path

from pointwssis.data import DEMO_NUCLEI, SHAPE_LEVELS, SHAPES_VERSION, write_shapes_coco
from pointwssis.ops.user_error import UserError
from pointwssis.runs.recipe import STAGES, Recipe

RECIPES = Path(__file__).parent
SHAPES_SEED = 1  # of the drawings, for all seeds of the experiments
NUCLEI = "nuclei"
# Keys of the recipe that differ between the runs of a table
FIXED_KEYS = ("data_dir", "output_dir", "seed", "labeled_fraction", "stages", "student_name_or_path")


@dataclass(frozen=True)
class Preset:
    """Sizes of the experiments.

    Args:
        images: number of drawn training and validation images.
        steps: training steps of teacher, student, and refiner.
        fraction: fraction of the images with masks in tables 2 to 6.
        fractions: those of table 1 and figure 6, in ascending order.
        point_shares: shares of the other images that have points, in table 6.
        tables: tables and figures that are made by default.
    """

    images: tuple[int, int]
    steps: tuple[int, int, int]
    fraction: float
    fractions: tuple[float, ...]
    point_shares: tuple[float, ...]
    tables: tuple[str, ...]


PICTURES = ("figure2", "figure4", "figure5", "figure7")
TABLES_2_TO_5 = ("2", "3", "4", "5", *PICTURES)
EVERYTHING = ("1", "2", "3", "4", "5", "6", "figure6", *PICTURES)
PRESETS = {
    "quick": Preset((60, 16), (12, 12, 6), 0.1, (0.1, 0.3), (0.5,), EVERYTHING),
    "cpu": Preset((240, 100), (400, 400, 150), 0.1, (0.05, 0.1, 0.3, 0.5), (0.3, 0.6), TABLES_2_TO_5),
    "gpu": Preset((2000, 500), (3000, 4000, 2000), 0.1, (0.01, 0.02, 0.05, 0.1, 0.2, 0.5), (0.3, 0.6), EVERYTHING),
}


@dataclass(frozen=True)
class Settings:
    """Everything that determines the results of a seed.

    Args:
        data: "shapes-v1", "shapes-v1/LEVEL", "nuclei", or a folder in COCO's layout.
        preset: sizes of the experiments.
        output_dir: folder of data, models and results.
        overrides: keys of the recipe → texts, as on the command line.
    """

    data: str
    preset: Preset
    output_dir: Path
    overrides: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        fixed = [key for key in self.overrides if key in FIXED_KEYS]
        if fixed:
            raise UserError(
                f"--{fixed[0]}: the tables set it themselves; use --data, --seeds, --preset or --output_dir"
            )
        if self.level is not None and self.level not in SHAPE_LEVELS:
            raise UserError(f"--data is {self.data!r}; the levels of {SHAPES_VERSION} are {', '.join(SHAPE_LEVELS)}")

    @property
    def level(self) -> str | None:
        """Level of the drawn shapes; None for other data."""
        name, _, level = self.data.partition("/")
        return (level or "medium") if name == SHAPES_VERSION else None

    def data_folder(self) -> Path:
        """Return the folder of the data, in COCO's layout; shapes are drawn at the first call."""
        if self.level is None:
            return DEMO_NUCLEI if self.data == NUCLEI else Path(self.data)
        num_train, num_val = self.preset.images
        folder = self.output_dir / "data" / f"{self.level}_{num_train}_{num_val}"
        # The card is written last, so that it marks a complete folder.
        if not (folder / "README.md").is_file():
            write_shapes_coco(folder, num_train, num_val, seed=SHAPES_SEED, level=self.level)
        return folder

    def recipe(self, seed: int, fraction: float, folder: Path) -> Recipe:
        """Return the recipe of a seed and a fraction of masks, whose runs write into a folder."""
        teacher_steps, student_steps, refiner_steps = self.preset.steps
        own = {
            "data_dir": str(self.data_folder()),
            "output_dir": str(folder),
            "seed": str(seed),
            "labeled_fraction": str(fraction),
            "stages": ", ".join(STAGES),
            # Students, control, and upper bound continue from the teacher, so all have taken the same steps.
            "student_name_or_path": "teacher",
            "teacher.max_steps": str(teacher_steps),
            "student.max_steps": str(student_steps),
            "refiner.max_steps": str(refiner_steps),
        }
        return Recipe.load(self.recipe_file(), own | self.overrides)

    def recipe_file(self) -> Path:
        """Return the recipe for the kind of data."""
        if self.data == NUCLEI:
            return RECIPES / "nuclei.yaml"
        return RECIPES / ("folder.yaml" if self.level is None else "shapes.yaml")


def folder_of(output_dir: Path, seed: int, fraction: float) -> Path:
    """Return the folder of a seed and a fraction of masks.

    Example:
        >>> folder_of(Path("tables"), 1, 0.05).as_posix()
        'tables/seed_1/masks_5'
    """
    return output_dir / f"seed_{seed}" / f"masks_{100 * fraction:g}"
