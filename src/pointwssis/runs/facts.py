# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The training facts of each model of a run, from its recipe, its data and the files of its stages."""

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from ..data.annotation_cost import SECONDS_PER_DAY, annotation_cost
from ..hub.cards import CURVES_FILE, FACTS_FILE, TrainingFacts, local_name, write_card
from ..hub.cards.released import backbone_name
from ..models.efficientnet_lite.convert_efficientnet_lite import EFFICIENTNET_LITE_SCALES
from ..models.mask_refine_net.named_mask_refine_net import GENERAL_REFINER
from ..ops.whole_files import read_json, write_whole
from ..visualization.curves import draw_curves
from .data import RunData
from .held_back import late_images, teacher_rows
from .labeling import QUALITY_FILE
from .names import MODELS, role_of, round_name
from .recipe import Recipe, refiner_sampling
from .recipe_values import files_of
from .reuse import reused_model
from .shipping import shipped_model
from .stage_results import LOG_FILE, METRICS_FILE, SETTINGS_FILE, is_trained

KEYS_WITH_LOCAL_PATHS = ("data_dir", "train_annotations", "val_annotations", "image_dir", "corrections", "output_dir")
KEYS_WITHOUT_EFFECT_ON_MODELS = ("stages", "skip_bad", "allow_outside", "push_to_hub", "hub_model_id", "hub_private")

OUR_NAMES = ("teacher", GENERAL_REFINER, *EFFICIENTNET_LITE_SCALES)  # of models, in place of a folder or repository

LabelCosts = tuple[dict[str, int], dict[str, float]]
"""Kind of label → number of images, and kind of label → days of labeling."""


def write_cards(recipe: Recipe, data: RunData, folder: Path, labels: LabelCosts) -> None:
    """Write facts, curves and card of every trained model of a run; unchanged files are not rewritten.

    Args:
        recipe: recipe of the run.
        data: data of the run.
        folder: output folder of the run.
        labels: result of `label_costs`.
    """
    names = [model.name for model in MODELS]
    # Every card links to the other models of the run, so that all of them are collected first.
    models = {name: folder / name for name in names if is_trained(folder / name)}
    # Of several models of a role, the better one represents it.
    family = {}
    for role in {role_of(name) for name in models}:
        family[role] = local_name(shipped_model(folder, (role,)))
    for name, path in models.items():
        model_facts(recipe, data, folder, name, labels).save(path)
        # Curves are drawn once, from the log of the training; a log may hold nothing to draw.
        curves = path / CURVES_FILE
        if not curves.is_file():
            picture = draw_curves(read_json(path / LOG_FILE))
            if picture is not None:
                write_whole(curves, picture.save)
        write_card(path, family)


def label_costs(data: RunData) -> LabelCosts:
    """Return the number of images and the days of labeling per kind of label, over all training data of a run."""
    images: dict[str, int] = {}
    days: dict[str, float] = {}
    # Held-back images were labeled for this run too.
    held_back = [data.validation] if data.validation_is_held_back else []
    for rows in (data.full, data.point, data.image, data.none, *held_back):
        # Empty subsets are skipped; the others are added up per kind of label.
        if not len(rows):
            continue
        budget = annotation_cost(rows)
        for kind, count in budget.images.items():
            images[kind] = images.get(kind, 0) + count
            days[kind] = days.get(kind, 0.0) + budget.seconds[kind] / SECONDS_PER_DAY
    return images, days


def model_facts(recipe: Recipe, data: RunData, folder: Path, name: str, labels: LabelCosts) -> TrainingFacts:
    """Return the facts of one model of a run.

    Args:
        recipe: recipe of the run.
        data: data of the run.
        folder: output folder of the run.
        name: folder of the model in the output folder.
        labels: result of `label_costs`.
    """
    # What the model is, and where its weights came from
    part, config = role_of(name), AutoConfig.from_pretrained(folder / name)
    start, base_model = starting_point(recipe, part)
    # Files that the stages have written; each may be missing.
    quality = read_json(folder / "pseudo" / QUALITY_FILE) or {}
    settings = training_settings(recipe, folder, name)
    # `repo` is kept from earlier facts: pushing records it there.
    return TrainingFacts(
        part=part,
        model_type=config.model_type,
        backbone=backbone_name(config.backbone_config),
        class_names=[config.id2label[index] for index in range(config.num_labels)],
        data=data_names(recipe, data),
        labels=labels[0],
        label_days=labels[1],
        learned_from=learned_from(recipe, data, part),
        training={**settings, "image_size": recipe.image_size, "tile_size": recipe.tile_size} if settings else {},
        start=start,
        base_model=base_model,
        metrics=read_json(folder / name / METRICS_FILE) or None,
        max_detections=recipe.max_detections,
        pseudo_labels={kind: values for kind, values in quality.items() if values and values["AP"] is not None},
        recipe=public_recipe(recipe),
        versions={package: version(package) for package in ("pointwssis", "transformers", "torch")},
        repo=(read_json(folder / name / FACTS_FILE) or {}).get("repo"),
    )


def training_settings(recipe: Recipe, folder: Path, name: str) -> dict[str, Any] | None:
    """Return the settings that a model was trained with; `steps` counts all its rounds. None if not trained."""
    settings = read_json(folder / name / SETTINGS_FILE)
    rounds = 2 if name == "refiner" else recipe.label_rounds
    for number in range(1, rounds):
        earlier = read_json(folder / round_name(name, number) / SETTINGS_FILE)
        if settings and earlier:
            settings["steps"] += earlier["steps"]
    return settings


def data_names(recipe: Recipe, data: RunData) -> dict[str, Any]:
    """Return the names of the training and validation data, without their folders."""
    if recipe.dataset_name is not None:
        # Only a repository of the Hub has an id; a local folder is reduced to its last part.
        id = recipe.dataset_name if is_hub_name(recipe.dataset_name) else None
        name = " ".join(filter(None, (id or Path(recipe.dataset_name).name, recipe.dataset_config)))
        val_name = f"{name}, validation"
    elif recipe.data_dir is not None:
        # One folder holds both sets in COCO's layout.
        id, name = None, Path(recipe.data_dir).name
        val_name = f"{name}, validation"
    else:
        # Annotation files go by their file names.
        files = [Path(file).name for file in files_of(recipe.train_annotations)]
        id, name = None, ", ".join(files) or "own data"
        val_name = Path(recipe.val_annotations).name if recipe.val_annotations else None
    val_name = f"{name}, held-back images" if data.validation_is_held_back else val_name
    names = {"name": name, "images": len(data.train), "id": id}
    return names if data.validation is None else {**names, "val_name": val_name, "val_images": len(data.validation)}


def learned_from(recipe: Recipe, data: RunData, part: str) -> dict[str, int]:
    """Return the number of images that a model was trained on, per kind of label."""
    if part == "upper_bound":
        # The upper bound sees the hidden masks too.
        return {"full": len(data.train)}
    if part == "student":
        # Students learn from masks, and from pseudo labels of all other images.
        pseudo = len(data.point) + len(data.without_points)
        return {"full": len(data.full), "pseudo": pseudo, "full_repeats": recipe.full_repeats}
    # Teacher, refiner and control learn from images with masks only; two of them not from all held-back ones.
    if part == "teacher":
        return {"full": len(teacher_rows(recipe, data))}
    if part == "refiner":
        masked = {"full": len(data.masked) - len(late_images(recipe, data))}
        # In self-training, the refiner learns from its own labels too.
        self_trains = refiner_sampling(recipe.refiner).self_training > 0
        return {**masked, "pseudo": len(data.point)} if self_trains else masked
    return {"full": len(data.masked)}


def starting_point(recipe: Recipe, part: str) -> tuple[str, str | None]:
    """Return the origin of the initial weights, in words and as the Hub repository (or "teacher") if it is one."""
    # Teacher and refiner have a key each; students, control and upper bound share one.
    keys = {"teacher": recipe.teacher_name_or_path, "refiner": recipe.refiner_name_or_path}
    own = keys.get(part, recipe.student_name_or_path)
    if own == "teacher":
        own = reused_model(recipe, "teacher")
        # A reused teacher is named as what it is.
        if own is None:
            return "the teacher of the same run", "teacher"
    if part == "refiner" and own == GENERAL_REFINER:
        return "the general refiner of the package", None
    weights = own or recipe.model_name_or_path
    if weights is not None:
        return (weights, weights) if is_hub_name(weights) else ("a local model", None)
    # Without saved weights, at most the backbone is pretrained.
    backbone = recipe.backbone_name_or_path
    if backbone is None:
        return "random weights", None
    if backbone in EFFICIENTNET_LITE_SCALES:
        return f"random weights with the backbone {backbone}, pretrained on ImageNet", None
    if is_hub_name(backbone):
        return f"random weights with the backbone of {backbone}", backbone
    return "random weights with a pretrained backbone", None


def is_hub_name(name: str) -> bool:
    """Return True for a name of the form "namespace/name" that is not a local folder."""
    parts = name.split("/")
    return len(parts) == 2 and all(parts) and parts[0] not in (".", "..", "~") and not Path(name).exists()


def public_recipe(recipe: Recipe) -> dict[str, Any]:
    """Return the keys of a recipe that shape its models and differ from the defaults, without local paths."""
    defaults, values = asdict(Recipe()), {}
    for key, value in asdict(recipe).items():
        # Only decisions that shaped the model are published.
        if key in KEYS_WITH_LOCAL_PATHS or key in KEYS_WITHOUT_EFFECT_ON_MODELS or value == defaults[key]:
            continue
        # A name that is neither ours nor that of a repository of the Hub is a path on the user's disk.
        is_name = key.endswith("_name_or_path") or key == "dataset_name"
        is_local = is_name and value not in OUR_NAMES and not is_hub_name(value)
        values[key] = "a local folder" if is_local else value
    return values
