# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A recipe: everything that decides a run, as one YAML file whose every key can be overridden."""

import copy
import dataclasses
import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from ..ops.points import PointSource
from ..training.augmentation import Augmentation

STAGES = ("teacher", "rough", "refiner", "pseudo", "student", "upper_bound")


@dataclass
class Recipe:
    """What to train on which data. Defaults are the official ones for COCO where the paper or its code settles them.

    Args:
        data_dir: folder in COCO's layout (`annotations/instances_train*.json`, `instances_val*.json`, `images/`).
        train_annotations: file to learn from, or several of the same images, instead of `data_dir`; their categories
            are the classes. COCO JSON, or any other form that `load_annotations` reads.
        val_annotations: file to evaluate on, of any of these forms; without it nothing is evaluated.
        image_dir: folder of the images of all of them.
        dataset_name: a prepared dataset, a folder or a repository of the Hub, instead of files.
        dataset_config: which of its configurations, as in "coco10".
        label_map: name in the files → class, for names that differ between them ({"Car": "car"}).
        complete: whether `train_annotations` mark all objects of their images, where they do not say it themselves;
            None: as their format has it, which mostly is yes. False: what nobody marked is no background.
        point_source: where the objects of COCO files have their points, if they come without: "center" of mass of the
            mask, "box_center" (which also reads boxes without masks), or "random" in the mask; see `load_coco`.
        include_unlabeled: take the images of `image_dir` that no file names as images without labels.
        output_dir: where everything goes. A stage that is done there is not done again.
        labeled_fraction: part of the images that keep their masks, 0 to 1; None leaves the supervision as the file
            has it.
        image_level_fraction: part of the images that keep nothing but the classes that they hold.
        unlabeled_fraction: part of the images that keep no label at all; what is left keeps points.
        point_noise: what to do to the points of images that have only points, to measure how much a method bears
            (paper, Table 4); see `apply_point_noise`.
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
        model_name_or_path: a saved SOLOv2 to start teacher and students from, or a saved MaskRefineNet to start the
            refiner from; it may have other classes, what it learned of those of the same name is kept.
        teacher_name_or_path: the same for the teacher alone.
        student_name_or_path: the same for students and upper bound alone; "teacher" takes the teacher of this run.
        refiner_name_or_path: the same for the refiner alone.
        model: fields of `SOLOv2Config` of teacher and students.
        teacher_model: fields that are different in the teacher.
        refiner_model: fields of `MaskRefineNetConfig`.
        training: `SegmentationTrainingArguments` of all SOLOv2 trainings.
        teacher: arguments that are different for the teacher.
        student: arguments that are different for the students and the upper bound.
        refiner: `SegmentationTrainingArguments` of the refiner, and `point_jitter` of its samples.
        full_repeats: how often an image with masks comes for each time that an image with points does, in the students'
            training; the paper: once.
        weigh_pseudo_labels: let the mask of a pseudo label count in the mask loss as much as its score and the
            agreement of rough and refined mask say; the paper: all masks count the same.
        rough_fractions: parts of the teacher's training whose weights make the rough masks that the refiner learns
            from.
        image_level_threshold: lowest score of a pseudo label in images with image-level labels; the paper's Table 5
            has 0.3.
        unlabeled_threshold: the same for images without labels, and for what nobody marked in incomplete ones; in the
            paper 0.3 is better than 0.1 and 0.5.
        max_detections: detections an image in the evaluation; COCO's 100 is reported beside it.
        bf16: train and label in bfloat16; None: where the machine computes with it.
        push_to_hub: send the trained models to the Hub when everything is done.
        hub_model_id: repository of the student there; teacher and refiner go beside it.
        hub_private: make these repositories private.
    """

    data_dir: str | None = None
    train_annotations: str | list[str] | None = None
    val_annotations: str | None = None
    image_dir: str | None = None
    dataset_name: str | None = None
    dataset_config: str | None = None
    label_map: dict[str, str] = field(default_factory=dict)
    complete: bool | None = None
    point_source: str = "center"
    include_unlabeled: bool = False
    output_dir: str = "outputs/run"
    labeled_fraction: float | None = 0.1
    image_level_fraction: float = 0.0
    unlabeled_fraction: float = 0.0
    point_noise: dict[str, float] = field(default_factory=dict)
    seed: int = 1
    stages: list[str] = field(default_factory=lambda: list(STAGES))
    max_steps: int | None = None
    skip_bad: bool = False
    image_size: dict[str, int] = field(default_factory=lambda: {"shortest_edge": 800, "longest_edge": 1333})
    pad_size: dict[str, int] | None = None
    train_shortest_edges: list[int] | None = None
    augmentation: dict[str, Any] = field(default_factory=dict)
    backbone_name_or_path: str | None = None
    model_name_or_path: str | None = None
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
    full_repeats: int = 1
    weigh_pseudo_labels: bool = False
    rough_fractions: list[float] = field(default_factory=lambda: [2 / 3, 8 / 9])
    image_level_threshold: float = 0.3
    unlabeled_threshold: float = 0.3
    max_detections: int = 100
    bf16: bool | None = None
    push_to_hub: bool = False
    hub_model_id: str | None = None
    hub_private: bool = False

    def __post_init__(self) -> None:
        unknown = [stage for stage in self.stages if stage not in STAGES]
        if unknown or not self.stages:
            raise ValueError(f"stages: {unknown or self.stages}; takes any of {', '.join(STAGES)}")
        given = {key: getattr(self, key) for key in ("data_dir", "train_annotations", "dataset_name")}
        given = {key: value for key, value in given.items() if value is not None}
        if len(given) > 1:
            said = " and ".join(f"{key} is {value!r}" for key, value in given.items())
            raise ValueError(f"{said}; give one of them and set the other to null")
        if self.point_source not in get_args(PointSource):
            raise ValueError(
                f"point_source is {self.point_source!r}; it takes one of {', '.join(get_args(PointSource))}"
            )
        if self.push_to_hub and self.hub_model_id is None:
            raise ValueError("push_to_hub needs hub_model_id, the repository as in user/name")
        for name in ("labeled_fraction", "image_level_fraction", "unlabeled_fraction"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}; it is a part of the images, from 0 to 1")
        if self.labeled_fraction is None and self.image_level_fraction + self.unlabeled_fraction:
            raise ValueError("image_level_fraction and unlabeled_fraction hide labels; they take a labeled_fraction")
        for name in ("image_level_threshold", "unlabeled_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; scores lie between 0 and 1")
        if self.full_repeats < 1:
            raise ValueError(f"full_repeats is {self.full_repeats}; it is a number of times from 1 on")
        if not self.rough_fractions or not all(0 < part <= 1 for part in self.rough_fractions):
            raise ValueError(f"rough_fractions is {self.rough_fractions}; it takes parts of the training, 0 < part ≤ 1")
        for name, least in (("max_steps", 1), ("max_detections", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} is {value}; it takes a whole number from {least} on")
        _check_sizes("image_size", self.image_size, ("shortest_edge",), ("longest_edge",))
        if self.pad_size is not None:
            _check_sizes("pad_size", self.pad_size, ("height", "width"))
        if any(edge < 1 for edge in self.train_shortest_edges or ()):
            raise ValueError(f"train_shortest_edges is {self.train_shortest_edges}; it takes numbers of pixels")
        _checked_fields(self.augmentation, Augmentation, "augmentation")

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
            values = yaml.load(Path(path).read_text(encoding="utf-8"), _Loader) or {}
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
        hints, values = get_type_hints(cls), copy.deepcopy(values)
        for key, text in (overrides or {}).items():
            name, *inner = key.split(".")
            value = _parsed(key, text, hints.get(name))
            if inner and name in hints and name not in values:
                values[name] = getattr(cls(), name)
            target = values
            for part, child in zip([name, *inner], inner, strict=False):
                target = target.setdefault(part, {})
                if not isinstance(target, dict):
                    raise ValueError(f"--{key}: {part} is no mapping, so it has no {child}")
            target[([name, *inner])[-1]] = value
        return cls(**_checked_fields(values, cls, source))

    def save(self, path: str | Path) -> None:
        """Writes the recipe as YAML."""
        Path(path).write_text(yaml.safe_dump(dataclasses.asdict(self), sort_keys=False), encoding="utf-8")


class _Loader(yaml.SafeLoader):
    """PyYAML's, which reads 1e-4 as text because YAML 1.1 wants a dot; here it is the number that it looks like."""


_EXPONENT = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$")
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, [*"-+.0123456789"])


def _parsed(key: str, text: str, hint: Any) -> Any:
    """The value that a word of the command line means for a key."""
    if hint in (str, str | None):  # a path may look like YAML
        return None if text == "null" and hint is not str else text
    if hint == list[str] and "[" not in text:
        return [word.strip() for word in text.split(",")]
    if hint == str | list[str] | None and "[" not in text and text != "null":
        words = [word.strip() for word in text.split(",")]
        return words[0] if len(words) == 1 else words
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"--{key} {text!r}: is not YAML ({error})") from error


def _checked_fields(values: Mapping[str, Any], kind: type, source: str) -> dict[str, Any]:
    """The values if a dataclass has these fields of these types, else one clear error."""
    hints = get_type_hints(kind)
    for key in values:
        if key not in hints:
            close = difflib.get_close_matches(str(key), hints, n=1)
            raise ValueError(f"{source}: unknown key {key!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
    return {key: _checked(value, hints[key], f"{source}: {key}") for key, value in values.items()}


def _checked(value: Any, hint: Any, name: str) -> Any:
    """The value if it has the field's type (whole numbers serve for fractions), else one clear error."""
    kinds = get_args(hint) if get_origin(hint) is UnionType else (hint,)
    for kind in kinds:
        plain, inner = get_origin(kind) or kind, get_args(kind)
        if kind is Any:
            return value
        if plain in (int, float) and isinstance(value, bool):
            continue
        if plain is float and isinstance(value, int):
            return float(value)
        if plain is list and isinstance(value, list):
            return [_checked(item, inner[0], f"{name}[{index}]") for index, item in enumerate(value)]
        if plain is dict and isinstance(value, dict):
            return {key: _checked(item, inner[1], f"{name}.{key}") for key, item in value.items()}
        if isinstance(value, plain):
            return value
    expected = " or ".join("nothing" if kind is type(None) else (get_origin(kind) or kind).__name__ for kind in kinds)
    raise ValueError(f"{name} is {value!r} ({type(value).__name__}); it takes {expected}")


def _check_sizes(name: str, sizes: Mapping[str, int], needed: Sequence[str], allowed: Sequence[str] = ()) -> None:
    """Whether a mapping of sizes in pixels has the keys that it needs and no others."""
    if not {*needed} <= sizes.keys() <= {*needed, *allowed} or min(sizes.values()) < 1:
        raise ValueError(f"{name} is {dict(sizes)}; it takes {', '.join([*needed, *allowed])} in pixels")


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
