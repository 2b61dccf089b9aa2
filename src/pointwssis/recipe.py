# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A recipe: everything that decides a run, as one YAML file whose every key can be overridden."""

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import yaml

STAGES = ("teacher", "rough", "refiner", "pseudo", "student", "upper_bound")


@dataclass
class Recipe:
    """What to train on which data. Defaults are the official ones for COCO where the paper or its code settles them.

    Args:
        data_dir: folder in COCO's layout (`annotations/instances_train*.json`, `instances_val*.json`, `images/`).
        train_annotations: COCO file to learn from, instead of `data_dir`; its categories are the classes.
        val_annotations: COCO file to evaluate on; without it nothing is evaluated.
        image_dir: folder of the images of both.
        output_dir: where everything goes. A stage that is done there is not done again.
        labeled_fraction: part of the images that keep their masks, 0 to 1; None leaves the supervision as the file
            has it.
        seed: of the split, of the initial weights and of the augmentation.
        stages: which of "teacher", "rough", "refiner", "pseudo", "student", "upper_bound" to run.
        max_steps: cap on the steps of every trained stage.
        skip_bad: leave out unreadable images and objects, counted and reported, instead of stopping at the first.
        image_size: {"shortest_edge", "longest_edge"} in pixels for inference and evaluation.
        pad_size: {"height", "width"} of a fixed canvas for all images; None pads a batch to its largest image.
        train_shortest_edges: the shortest edge of a training batch is drawn from these; None: that of `image_size`.
        augmentation: see `Augmentation`.
        backbone_name_or_path: a transformers backbone with pretrained weights; None trains from scratch with
            trainable norms.
        teacher_name_or_path: a saved SOLOv2 to start the teacher from.
        student_name_or_path: a saved SOLOv2 to start the students from; "teacher" takes the teacher of this run.
        refiner_name_or_path: a saved MaskRefineNet to start the refiner from.
        model: fields of `SOLOv2Config` of teacher and students.
        teacher_model: fields that are different in the teacher.
        refiner_model: fields of `MaskRefineNetConfig`.
        training: `SegmentationTrainingArguments` of all SOLOv2 trainings.
        teacher: arguments that are different for the teacher.
        student: arguments that are different for the students and the upper bound.
        refiner: `SegmentationTrainingArguments` of the refiner, and `point_jitter` of its samples.
        rough_fractions: parts of the teacher's training whose weights make the rough masks that the refiner learns
            from.
        max_detections: detections an image in the evaluation; COCO's 100 is reported beside it.
        bf16: train and label in bfloat16; None: where the machine computes with it.
    """

    data_dir: str | None = None
    train_annotations: str | None = None
    val_annotations: str | None = None
    image_dir: str | None = None
    output_dir: str = "outputs/run"
    labeled_fraction: float | None = 0.1
    seed: int = 1
    stages: list[str] = field(default_factory=lambda: list(STAGES))
    max_steps: int | None = None
    skip_bad: bool = False
    image_size: dict[str, int] = field(default_factory=lambda: {"shortest_edge": 800, "longest_edge": 1333})
    pad_size: dict[str, int] | None = None
    train_shortest_edges: list[int] | None = None
    augmentation: dict[str, Any] = field(default_factory=dict)
    backbone_name_or_path: str | None = None
    teacher_name_or_path: str | None = None
    student_name_or_path: str | None = None
    refiner_name_or_path: str | None = None
    model: dict[str, Any] = field(default_factory=dict)
    teacher_model: dict[str, Any] = field(default_factory=dict)
    refiner_model: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    teacher: dict[str, Any] = field(default_factory=dict)
    student: dict[str, Any] = field(default_factory=dict)
    refiner: dict[str, Any] = field(default_factory=dict)
    rough_fractions: list[float] = field(default_factory=lambda: [2 / 3, 8 / 9])
    max_detections: int = 100
    bf16: bool | None = None

    def __post_init__(self) -> None:
        unknown = [stage for stage in self.stages if stage not in STAGES]
        if unknown or not self.stages:
            raise ValueError(f"stages: {unknown or self.stages}; takes any of {', '.join(STAGES)}")
        if self.labeled_fraction is not None and not 0 <= self.labeled_fraction <= 1:
            raise ValueError(f"labeled_fraction is {self.labeled_fraction}; it is a part of the images, from 0 to 1")
        if self.max_steps is not None and self.max_steps < 1:
            raise ValueError(f"max_steps is {self.max_steps}; it is a number of steps from 1 on")

    @classmethod
    def load(cls, path: str | Path, overrides: Mapping[str, str] | None = None) -> "Recipe":
        """Reads a recipe and overrides keys of it.

        Args:
            path: YAML file.
            overrides: key → text as on the command line, parsed as YAML; a dot reaches into a mapping
                (`model.fpn_channels`).
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"{path}: no such recipe")
        try:
            values = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
        except yaml.YAMLError as error:
            raise ValueError(f"{path}: is not YAML ({error})") from error
        if not isinstance(values, dict):
            raise ValueError(f"{path}: holds a {type(values).__name__}; a recipe is a mapping of keys to values")
        return cls.from_values(values, overrides, source=str(path))

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> "Recipe":
        """A recipe out of command line words: the path of its file, then overrides as `--key value`."""
        if not arguments or arguments[0].startswith("--"):
            raise ValueError("the first word is the path of a recipe, as in: examples/recipes/nuclei.yaml --seed 2")
        return cls.load(arguments[0], parse_overrides(arguments[1:]))

    @classmethod
    def from_values(
        cls, values: dict[str, Any], overrides: Mapping[str, str] | None = None, source: str = "recipe"
    ) -> "Recipe":
        """A recipe out of a mapping; see `load`."""
        for key, text in (overrides or {}).items():
            name, *inner = key.split(".")
            value = text.split(",") if name == "stages" and "[" not in text else yaml.safe_load(text)
            target = values
            for part, child in zip([name, *inner], inner, strict=False):
                target = target.setdefault(part, {})
                if not isinstance(target, dict):
                    raise ValueError(f"--{key}: {part} is no mapping, so it has no {child}")
            target[([name, *inner])[-1]] = value
        hints = get_type_hints(cls)
        for key, value in values.items():
            if key not in hints:
                close = difflib.get_close_matches(key, hints, n=1)
                raise ValueError(f"{source}: unknown key {key!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
            values[key] = _checked(value, hints[key], f"{source}: {key}")
        return cls(**values)

    def save(self, path: str | Path) -> None:
        """Writes the recipe as YAML."""
        Path(path).write_text(yaml.safe_dump(dataclasses.asdict(self), sort_keys=False), encoding="utf-8")


def _checked(value: Any, hint: Any, name: str) -> Any:
    """The value if it has the field's type (whole numbers serve for fractions), else one clear error."""
    kinds = get_args(hint) if get_origin(hint) is UnionType else (hint,)
    for kind in kinds:
        plain = get_origin(kind) or kind
        if plain is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if isinstance(value, plain) and not (plain in (int, float) and isinstance(value, bool)):
            return value
    expected = " or ".join("nothing" if kind is type(None) else (get_origin(kind) or kind).__name__ for kind in kinds)
    raise ValueError(f"{name} is {value!r} ({type(value).__name__}); it takes {expected}")


def parse_overrides(arguments: Sequence[str]) -> dict[str, str]:
    """`["--seed", "2", "--model.fpn_channels=64"]` → `{"seed": "2", "model.fpn_channels": "64"}`.

    Example:
        >>> parse_overrides(["--seed", "2", "--skip_bad"])
        {'seed': '2', 'skip_bad': 'true'}
    """
    overrides: dict[str, str] = {}
    position = 0
    while position < len(arguments):
        word = arguments[position]
        if not word.startswith("--"):
            raise ValueError(f"{word!r} stands alone; overrides look like --seed 2")
        key, equals, value = word[2:].partition("=")
        if not equals:
            following = arguments[position + 1] if position + 1 < len(arguments) else None
            if following is None or following.startswith("--"):
                value = "true"
            else:
                value, position = following, position + 1
        overrides[key.replace("-", "_")] = value
        position += 1
    return overrides
