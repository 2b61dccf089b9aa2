# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The stages of PointWSSIS, one function each (paper, figure 3), on the data of a recipe.

teacher → rough masks → MaskRefineNet → pseudo labels → students, and the same training on all masks as upper bound.
Each stage writes into its own folder of `output_dir` and is skipped when that folder holds its result, so that an
interrupted run goes on where it was.
"""

import json
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, concatenate_datasets, load_from_disk
from PIL import Image
from transformers import TrainerCallback, set_seed
from transformers.trainer_utils import get_last_checkpoint

from .data import class_names, load_coco, load_coco_folder, load_coco_splits, split_supervision, supervision, to_coco
from .evaluation import evaluate_pseudo_labels
from .mask_refine_net.image_processing_pil_mask_refine_net import MaskRefineNetImageProcessorPil
from .mask_refine_net.modeling_mask_refine_net import MaskRefineNetForMaskRefinement
from .models import is_saved_model, new_refiner, new_segmenter, saved_model
from .pipelines import PointInstanceSegmentationPipeline, PointMaskRefinementPipeline
from .progress import StepProbe
from .pseudo_labels import Refiner, Teacher, keep_rough_masks, predict_rough_masks, refine_rough_masks
from .recipe import Recipe
from .solov2.configuration_solov2 import TEACHER_NUM_GRIDS, TEACHER_SCALE_RANGES
from .solov2.image_processing_pil_solov2 import SOLOv2ImageProcessorPil
from .solov2.modeling_solov2 import SOLOv2ForInstanceSegmentation
from .training import SegmentationTrainer, SegmentationTrainingArguments
from .training_data import Augmentation, InstanceCollator, InstanceDataset, RefinementDataset

logger = logging.getLogger(__name__)


@dataclass
class RunData:
    """The data of a run."""

    train: Dataset  # everything, with the hidden masks where there are any
    full: Dataset  # images that keep their masks
    point: Dataset  # images with points only
    validation: Dataset | None

    @property
    def names(self) -> list[str]:
        return class_names(self.train)

    @property
    def truth_is_known(self) -> bool:
        """Whether every image has all its masks, so that pseudo labels can be measured and an upper bound trained."""
        return all(supervision(row) == "full" for row in self.train.with_format(None))


def load_data(recipe: Recipe) -> RunData:
    """Loads and splits the data of a recipe."""
    options = {"skip_bad": recipe.skip_bad}
    validation = None
    if recipe.data_dir is not None:
        loaded = load_coco_folder(recipe.data_dir, **options)
        train, validation = loaded["train"], loaded["validation"]
    elif recipe.train_annotations is not None and recipe.image_dir is not None:
        if recipe.val_annotations is not None:
            loaded = load_coco_splits(recipe.train_annotations, recipe.val_annotations, recipe.image_dir, **options)
            train, validation = loaded["train"], loaded["validation"]
        else:
            train = load_coco(recipe.train_annotations, recipe.image_dir, **options)
    else:
        raise ValueError("no data: give data_dir, or train_annotations and image_dir (and val_annotations)")
    if recipe.labeled_fraction is not None:
        split = split_supervision(train, recipe.labeled_fraction, recipe.seed)
        return RunData(train, split["full"], split["point"], validation)
    kinds = [supervision(row) for row in train.with_format(None)]
    full, point = ([index for index, kind in enumerate(kinds) if kind == wanted] for wanted in ("full", "point"))
    return RunData(train, train.select(full), train.select(point), validation)


# -- training


def use_bf16(recipe: Recipe) -> bool:
    """Whether to compute in bfloat16: as the recipe says, else where the machine does so in hardware."""
    if recipe.bf16 is not None:
        return recipe.bf16
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def training_arguments(recipe: Recipe, folder: Path, *settings: dict[str, Any]) -> SegmentationTrainingArguments:
    """Training arguments of a stage; later settings win, the recipe's `max_steps` caps."""
    values: dict[str, Any] = {
        "output_dir": str(folder / "checkpoints"),
        "seed": recipe.seed,
        "bf16": use_bf16(recipe),
        "use_cpu": not torch.cuda.is_available(),
        "logging_steps": 20,
        "save_total_limit": 1,
    }
    for setting in settings:
        values.update(setting)
    arguments = SegmentationTrainingArguments(**values)
    if recipe.max_steps is not None and recipe.max_steps < arguments.max_steps:
        shorter = recipe.max_steps / arguments.max_steps
        arguments.max_steps = recipe.max_steps
        if arguments.warmup_steps >= 1:
            arguments.warmup_steps = max(1, int(arguments.warmup_steps * shorter))
    if "save_steps" not in {key for setting in settings for key in setting}:
        arguments.save_steps = max(1, arguments.max_steps // 5)
    return arguments


class SaveWeightsAt(TrainerCallback):
    """Saves the weights at some steps, beside the checkpoints that a run resumes from."""

    def __init__(self, folders: dict[int, Path], image_processor: Any):
        self.folders, self.image_processor = folders, image_processor

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        if state.global_step in self.folders and state.is_world_process_zero:
            folder = self.folders[state.global_step]
            model.save_pretrained(folder)
            self.image_processor.save_pretrained(folder)


def train_segmenter(
    recipe: Recipe,
    rows: Dataset,
    validation: Dataset | None,
    folder: Path,
    model_fields: dict[str, Any],
    arguments: dict[str, Any],
    name_or_path: str | None = None,
    rough_folders: dict[float, Path] | None = None,
    probe: StepProbe | None = None,
) -> dict[str, float | None]:
    """Trains a SOLOv2 into `folder` and evaluates it; teacher, students and upper bound are this function on
    different rows.

    Args:
        recipe: of the run.
        rows: to learn from.
        validation: to evaluate on, or None.
        folder: for the model; its presence there means done.
        model_fields: of `SOLOv2Config`.
        arguments: of this training.
        name_or_path: saved model to start from.
        rough_folders: part of the training → folder for the weights at that moment.
        probe: tells how long it will take.

    Returns:
        Metrics of `CocoEvaluator`; empty without validation.
    """
    metrics_file = folder / "metrics.json"
    if is_saved_model(folder) and metrics_file.is_file():
        logger.warning("%s is done already, delete the folder to train it again", folder)
        return json.loads(metrics_file.read_text())
    names = class_names(rows)
    set_seed(recipe.seed)
    if name_or_path is None:
        model, processor = new_segmenter(
            names, model_fields, recipe.image_size, recipe.pad_size, recipe.backbone_name_or_path
        )
    else:
        model, processor = saved_model(name_or_path, names)
    args = training_arguments(recipe, folder, recipe.training, arguments)
    edges = recipe.train_shortest_edges or [recipe.image_size["shortest_edge"]]
    longest = recipe.image_size.get("longest_edge", 10**9)
    callbacks: list[TrainerCallback] = [] if probe is None else [probe]
    if rough_folders:
        callbacks.append(
            SaveWeightsAt(
                {max(1, round(part * args.max_steps)): path for part, path in rough_folders.items()}, processor
            )
        )
    trainer = SegmentationTrainer(
        model=on_device(model),
        args=args,
        train_dataset=InstanceDataset(rows, Augmentation(**recipe.augmentation), recipe.seed),
        data_collator=InstanceCollator(processor, edges, longest),
        processing_class=processor,
        eval_rows=validation,
        max_detections=sorted({100, recipe.max_detections}),
        callbacks=callbacks,
    )
    train_and_save(trainer, folder)
    metrics = {}
    if validation is not None:
        trainer.evaluate()
        metrics = trainer.evaluator.compute()
    metrics_file.write_text(json.dumps(metrics, indent=1))
    return metrics


def train_refiner(
    recipe: Recipe, rough_rows: Dataset, folder: Path, name_or_path: str | None = None, probe: StepProbe | None = None
) -> None:
    """Trains a MaskRefineNet on images that have both their masks and rough masks of the teacher (paper,
    section 3.3).
    """
    if is_saved_model(folder):
        logger.warning("%s is done already, delete the folder to train it again", folder)
        return
    names = class_names(rough_rows)
    set_seed(recipe.seed)
    if name_or_path is None:
        model, processor = new_refiner(names, recipe.refiner_model, recipe.backbone_name_or_path)
    else:
        model, processor = saved_model(name_or_path, names)
    settings = dict(recipe.refiner)
    jitter = settings.pop("point_jitter", 0.15)
    official = {
        "max_steps": 200_000,
        "per_device_train_batch_size": 16,
        "learning_rate": 1e-4,
        "optim": "adamw_torch",
        "optim_args": None,
        "weight_decay": 0.0,
        "warmup_steps": 2000,
        "milestones": [],
        "lr_scheduler_type": "cosine",
        "label_names": ["mask_labels"],
    }
    dataset = RefinementDataset(
        rough_rows,
        processor,
        tuple(model.config.train_box_scale),
        jitter,
        Augmentation(**recipe.augmentation),
        recipe.seed,
    )
    trainer = SegmentationTrainer(
        model=on_device(model),
        args=training_arguments(recipe, folder, official, settings),
        train_dataset=dataset,
        processing_class=processor,
        callbacks=[] if probe is None else [probe],
    )
    train_and_save(trainer, folder)


def on_device(model: torch.nn.Module) -> torch.nn.Module:
    """Channels last on a GPU, where convolutions are faster so; on CPUs it was measured to make no difference."""
    return model.to(memory_format=torch.channels_last) if torch.cuda.is_available() else model


def train_and_save(trainer: SegmentationTrainer, folder: Path) -> None:
    """Trains, from the last checkpoint if there is one, saves model and image processor, and drops the checkpoints."""
    checkpoints = Path(trainer.args.output_dir)
    checkpoint = get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None
    trainer.train(resume_from_checkpoint=checkpoint)
    trainer.save_model(str(folder))
    history = [entry for entry in trainer.state.log_history if "loss" in entry]
    if trainer.is_world_process_zero():
        (folder / "training_log.json").write_text(json.dumps(history, indent=1))
        shutil.rmtree(checkpoints, ignore_errors=True)


# -- labelling


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast(recipe: Recipe) -> torch.autocast:
    return torch.autocast(device().type, torch.bfloat16, enabled=use_bf16(recipe))


def point_teacher(recipe: Recipe, folder: str | Path) -> Teacher:
    """A saved SOLOv2 as the function that `predict_rough_masks` takes."""
    pipe = PointInstanceSegmentationPipeline(
        model=SOLOv2ForInstanceSegmentation.from_pretrained(folder),
        image_processor=SOLOv2ImageProcessorPil.from_pretrained(folder),
        device=device(),
    )

    def label(images: Any, points: Any, labels: Any) -> list[list[dict[str, Any]]]:
        items = [{"image": i, "points": p, "labels": n} for i, p, n in zip(images, points, labels, strict=True)]
        with autocast(recipe):
            return pipe(items, mask_format="rle", batch_size=len(items))

    return label


def mask_refiner(recipe: Recipe, folder: str | Path) -> Refiner:
    """A saved MaskRefineNet as the function that `refine_rough_masks` takes."""
    pipe = PointMaskRefinementPipeline(
        model=MaskRefineNetForMaskRefinement.from_pretrained(folder),
        image_processor=MaskRefineNetImageProcessorPil.from_pretrained(folder),
        device=device(),
    )

    def refine(image: Image.Image, rough_masks: np.ndarray, points: Any, labels: Any) -> np.ndarray:
        with autocast(recipe):
            return pipe.refine(image, rough_masks, points, labels)["masks"]

    return refine


def kept_on_disk(folder: Path, make: Callable[[], Dataset]) -> Dataset:
    """A dataset that is made once: written beside its place and moved there when it is whole."""
    if not folder.is_dir():
        unfinished = folder.with_name(folder.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        make().save_to_disk(str(unfinished))
        os.replace(unfinished, folder)
    return load_from_disk(str(folder))


# -- the run


class Run:
    """One recipe on its data, stage by stage; every method may be called again and then only reads what is there."""

    def __init__(self, recipe: Recipe, data: RunData | None = None):
        self.recipe, self.folder = recipe, Path(recipe.output_dir)
        self.data = data or load_data(recipe)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._check_settings()
        self.compares = self.data.truth_is_known and len(self.data.point) > 0
        self.uses_refiner = "refiner" in recipe.stages or is_saved_model(self.folder / "refiner")
        self.probe = StepProbe(self.planned_steps())

    def _check_settings(self) -> None:
        """An output folder belongs to one recipe: mixing stages of two would give a table of neither."""
        path, ours = self.folder / "recipe.yaml", asdict(self.recipe)
        free = {"stages", "output_dir", "skip_bad"}
        if path.is_file():
            before = asdict(Recipe.load(path))
            changed = sorted(key for key in ours if key not in free and ours[key] != before[key])
            if changed:
                raise ValueError(
                    f"{self.folder}: holds a run with other settings of {', '.join(changed)}; choose another "
                    "output_dir or delete it"
                )
        self.recipe.save(path)

    def planned_steps(self) -> dict[str, int]:
        """Steps of each training that this run still has before it."""
        trainings = {"teacher": (self.recipe.training, self.recipe.teacher)}
        if self.uses_refiner:
            trainings["refiner"] = (
                {"max_steps": 200_000},
                {k: v for k, v in self.recipe.refiner.items() if k != "point_jitter"},
            )
        for name in ("student_point", "student_refined", "full"):
            trainings[name] = (self.recipe.training, self.recipe.student)
        stage_of = {"student_point": "student", "student_refined": "student", "full": "upper_bound"}
        wanted = {
            name: training_arguments(self.recipe, self.folder, *settings).max_steps
            for name, settings in trainings.items()
            if stage_of.get(name, name) in self.recipe.stages and not is_saved_model(self.folder / name)
        }
        if not self.compares:
            wanted.pop("full", None)
            wanted.pop("student_point" if self.uses_refiner else "student_refined", None)
        return wanted

    def run(self) -> dict[str, Any]:
        """Runs the stages of the recipe and returns what `results.json` holds."""
        results: dict[str, Any] = {"teacher": None, "student_point": None, "student_refined": None, "full": None}
        stages = self.recipe.stages
        if "teacher" in stages:
            results["teacher"] = self.teacher()
        if "rough" in stages:
            self.rough_point()
        if "refiner" in stages:
            self.refiner()
        labels = self.pseudo_labels() if "pseudo" in stages else {}
        results["pseudo_labels"] = self.pseudo_label_quality() if labels else {"rough": None, "refined": None}
        if "student" in stages:
            for name, rows in self.student_rows().items():
                results[name] = self.student(name, rows)
        if "upper_bound" in stages and self.data.truth_is_known:
            results["full"] = self.student("full", self.data.train)
        return results

    @property
    def segmenter_fields(self) -> dict[str, Any]:
        return {"max_detections": self.recipe.max_detections, **self.recipe.model}

    def teacher(self) -> dict[str, float | None]:
        """Step 1: learn from the images that have masks."""
        fields = {"num_grids": TEACHER_NUM_GRIDS, "scale_ranges": TEACHER_SCALE_RANGES}
        fields |= self.segmenter_fields | self.recipe.teacher_model
        if not len(self.data.full):
            raise ValueError(
                "no image has masks for all its objects, and a teacher needs some; raise labeled_fraction or add masks"
            )
        return train_segmenter(
            self.recipe, self.data.full, self.data.validation, self.folder / "teacher", fields, self.recipe.teacher,
            self.recipe.teacher_name_or_path, self.rough_folders(), self.probe,
        )  # fmt: skip

    def rough_folders(self) -> dict[float, Path]:
        """Parts of the teacher's training → folder of its weights then."""
        return {
            part: self.folder / "teacher" / f"weights_at_{round(100 * part)}_percent"
            for part in self.recipe.rough_fractions
        }

    def rough_full(self) -> Dataset:
        """Rough masks of the images with masks, by earlier weights of the teacher, decoded by points exactly as at
        labelling time.

        The official code decodes here with the true sizes ("point_with_size"), so that its refiner learns from other
        rough masks than it later refines.
        """

        def make(weights: Path) -> Dataset:
            return predict_rough_masks(self.data.full, point_teacher(self.recipe, weights))

        parts = [
            kept_on_disk(self.folder / "rough" / f"full_{path.name}", lambda p=path: make(p))
            for path in self.rough_folders().values()
        ]
        return concatenate_datasets(parts)

    def rough_point(self) -> Dataset:
        """Step 2: one rough mask a point on the images with points."""
        teacher = self.folder / "teacher"
        return kept_on_disk(
            self.folder / "rough" / "point",
            lambda: predict_rough_masks(self.data.point, point_teacher(self.recipe, teacher)),
        )

    def refiner(self) -> None:
        """Step 3: learn to mend the teacher's masks where the truth is known."""
        if not is_saved_model(self.folder / "refiner"):
            train_refiner(
                self.recipe, self.rough_full(), self.folder / "refiner", self.recipe.refiner_name_or_path, self.probe
            )

    def pseudo_labels(self) -> dict[str, Dataset]:
        """Step 4: the masks that the students learn from, also written as COCO files."""
        labels = {"rough": kept_on_disk(self.folder / "pseudo" / "rough", lambda: keep_rough_masks(self.rough_point()))}
        if self.uses_refiner:
            refiner = self.folder / "refiner"
            labels["refined"] = kept_on_disk(
                self.folder / "pseudo" / "refined",
                lambda: refine_rough_masks(self.rough_point(), mask_refiner(self.recipe, refiner)),
            )
        for name, rows in labels.items():
            path = self.folder / "pseudo" / f"{name}.json"
            if not path.is_file():
                path.write_text(json.dumps(to_coco(rows)), encoding="utf-8")
        return labels

    def pseudo_label_quality(self) -> dict[str, dict[str, Any] | None]:
        """The pseudo labels against the hidden masks."""
        quality: dict[str, dict[str, Any] | None] = {"rough": None, "refined": None}
        for name, rows in self.pseudo_labels().items():
            quality[name] = evaluate_pseudo_labels(rows, self.data.train, self.recipe.max_detections)
        return quality

    def student_rows(self) -> dict[str, Dataset]:
        """What each student learns from; without hidden masks to compare with, only the one that ships is trained."""
        labels = self.pseudo_labels()
        rows = {f"student_{'point' if name == 'rough' else name}": part for name, part in labels.items()}
        if not self.compares:
            rows = dict(list(rows.items())[-1:])
        return {name: concatenate_datasets([self.data.full, part]) for name, part in rows.items()}

    def student(self, name: str, rows: Dataset) -> dict[str, float | None]:
        """Step 5: learn from masks and pseudo labels together (or, as upper bound, from all masks)."""
        start = self.recipe.student_name_or_path
        start = str(self.folder / "teacher") if start == "teacher" else start
        return train_segmenter(
            self.recipe,
            rows,
            self.data.validation,
            self.folder / name,
            self.segmenter_fields,
            self.recipe.student,
            start,
            probe=self.probe,
        )

    @property
    def shipped(self) -> Path | None:
        """The best model that this run made without hidden masks."""
        made = [self.folder / name for name in ("student_refined", "student_point", "teacher")]
        return next((path for path in made if is_saved_model(path)), None)
