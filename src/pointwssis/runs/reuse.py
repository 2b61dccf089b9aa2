# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The trained models that label: those of earlier stages, or those of other runs that take their place."""

from pathlib import Path
from typing import Any

from transformers import AutoConfig, PreTrainedConfig

from ..hub.run_folders import refuse_run_folder
from ..models.factory import is_saved_model
from ..models.mask_refine_net.named_mask_refine_net import find_refiner
from ..ops.user_error import UserError, UserFileNotFoundError, as_user_error
from ..ops.whole_files import read_json
from .names import MODELS
from .recipe import STAGES, Recipe

GATE_FILE = "gate.json"  # beside a refiner

# Key of the recipe → stages whose models start from it, types that it may have, and their name in messages
STARTS = {
    "model_name_or_path": (STAGES, ("solov2", "mask_refine_net"), "a SOLOv2 or a MaskRefineNet"),
    "teacher_name_or_path": (("teacher",), ("solov2",), "a SOLOv2"),
    "student_name_or_path": (("control", "student", "upper_bound"), ("solov2",), "a SOLOv2"),
    "refiner_name_or_path": (("refiner",), ("mask_refine_net",), "a MaskRefineNet"),
}

# Stage → key of the recipe that names a model in its place
REUSABLE = {"teacher": "teacher_name_or_path", "refiner": "refiner_name_or_path"}


def is_reused(recipe: Recipe, stage: str) -> bool:
    """Return True if a model that the recipe names takes the place of a stage; see `reused_model`."""
    is_trained_here = stage in recipe.stages or is_saved_model(Path(recipe.output_dir) / stage)
    return not is_trained_here and getattr(recipe, REUSABLE[stage]) is not None


def reused_model(recipe: Recipe, stage: str) -> str | None:
    """Return the trained model that takes the place of a stage; None if this run trains it.

    `teacher_name_or_path` and `refiner_name_or_path` are used as they are if their stage is not in `stages`. A model
    that an earlier call has trained in the output folder takes precedence.

    Args:
        recipe: recipe of the run.
        stage: "teacher" or "refiner".
    """
    if not is_reused(recipe, stage):
        return None
    name = getattr(recipe, REUSABLE[stage])
    return find_refiner(name) if stage == "refiner" else name


def starting_model(recipe: Recipe, own: str | None, model_type: str) -> str | None:
    """Return the saved model that a training starts from; None for new weights.

    Args:
        recipe: recipe of the run.
        own: model that the recipe names for this stage; takes precedence.
        model_type: "solov2" or "mask_refine_net"; `model_name_or_path` is used only if it is of this type.
    """
    # The common model is only for stages of its own architecture.
    common = recipe.model_name_or_path
    if own is None and common is not None and AutoConfig.from_pretrained(common).model_type == model_type:
        return common
    return own


def gate_of_reused_refiner(recipe: Recipe) -> dict[str, Any] | None:
    """Return the content of the gate beside a reused refiner; None without one, or if this run trains a teacher."""
    refiner = reused_model(recipe, "refiner")
    if refiner is None or reused_model(recipe, "teacher") is None:
        return None
    return read_json(Path(refiner) / GATE_FILE)


def labeling_model(recipe: Recipe, stage: str) -> str:
    """Return the teacher or the refiner that labels: the reused one, or the one that this run has trained."""
    return reused_model(recipe, stage) or str(trained_model(Path(recipe.output_dir), stage))


def trained_model(run_folder: Path, name: str) -> Path:
    """Return the folder of a model that an earlier stage has trained.

    Raises:
        UserError: the folder holds no model; the message names the stage to run.
    """
    folder = run_folder / name
    if not is_saved_model(folder):
        whole = run_folder / Path(name).parts[0]
        if folder != whole and is_saved_model(whole):
            raise UserError(f"{folder}: holds no model any more; delete {whole} and run again, which trains it anew")
        raise UserError(f"{folder}: holds no model yet; run the stage {whole.name!r} first")
    return folder


def intermediate_weights(teacher: str) -> list[Path]:
    """Return the intermediate weights that were saved beside a teacher, the earliest first; without any the teacher."""
    saved = [path for path in Path(teacher).glob("weights_at_*_percent") if is_saved_model(path)]
    return sorted(saved, key=lambda path: int(path.name.split("_")[2])) or [Path(teacher)]


def check_reused_models(recipe: Recipe, class_names: list[str]) -> None:
    """Raise a `UserError` if a reused model does not exist, is of another type, or lacks a class of the data."""
    for stage, key in REUSABLE.items():
        name = reused_model(recipe, stage)
        if name is None:
            continue
        fields = _checked_fields(key, name)
        # A refiner that ignores classes refines objects of any class.
        known = set(fields.get("id2label", {}).values())
        missing = [label for label in class_names if label not in known]
        if missing and fields.get("class_conditional", True):
            raise UserError(
                f"{key} is {name!r}, which does not know the classes {', '.join(missing)} of the data; add "
                f"{stage!r} to stages to train it on them"
            )


def check_starting_models(recipe: Recipe) -> None:
    """Raise a `UserError` if a model that a training is still to start from does not exist, or is of another type."""
    for key, (stages, *_) in STARTS.items():
        name = getattr(recipe, key)
        # In `student_name_or_path`, "teacher" is that of the run.
        if name is None or name == "teacher" or not any(_is_to_train(recipe, stage) for stage in stages):
            continue
        name = find_refiner(name) if key == "refiner_name_or_path" else name
        _checked_fields(key, name)


def _is_to_train(recipe: Recipe, stage: str) -> bool:
    folders = [Path(recipe.output_dir) / model.name for model in MODELS if model.stage == stage]
    return stage in recipe.stages and not any(is_saved_model(folder) for folder in folders)


def _checked_fields(key: str, name: str) -> dict[str, Any]:
    """Return the stored fields of the configuration of a model that a key of the recipe names.

    Raises:
        UserError: there is no such model, or it is of another type.
    """
    _, model_types, title = STARTS[key]
    # A path is never looked up on the Hub.
    if name.startswith((".", "/", "~")) and not Path(name).is_dir():
        raise UserFileNotFoundError(f"{key} is {name!r}: no such folder; give that of a trained model")
    try:
        refuse_run_folder(name, model_types == ("mask_refine_net",))
    except UserError as error:
        raise UserFileNotFoundError(f"{key} is {name!r}: {error}") from error
    with as_user_error(OSError, ValueError, source=f"{key} is {name!r}"):
        fields, _ = PreTrainedConfig.get_config_dict(name)
    found = fields.get("model_type")
    if found not in model_types:
        raise UserError(f"{key} is {name!r}, a {found} model; expected {title}")
    return fields
