# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Publish the models of a run on the Hub, with cards that link to each other."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from transformers import AutoConfig

from ..hub.cards import FACTS_FILE, TrainingFacts, card_of
from ..hub.cards.released import bare_card
from ..hub.client import check_write_access, push_folder
from ..models.factory import is_saved_model
from ..ops.processes import is_first_process
from ..ops.user_error import UserFileNotFoundError
from .names import PUBLISHED_ROLES
from .recipe import Recipe
from .shipping import shipped_model

MODEL_TYPES = ("solov2", "mask_refine_net")


class Push:
    """Upload the models of a run if its recipe says so. Write access is checked here, before anything is trained.

    Args:
        recipe: recipe of the run, with `push_to_hub`, `hub_model_id`, `hub_private`. The models that its `stages` train
            are uploaded, to the repositories of `repo_names`.

    Raises:
        PushError: write access to a repository is denied.

    Example:
        ```python
        push = Push(recipe)
        run = Run(recipe)
        run.run()
        push()
        ```
    """

    def __init__(self, recipe: Recipe):
        self.recipe = recipe
        self.repos: dict[str, str] = {}
        # Access is checked by the first process alone, before the training.
        if recipe.push_to_hub and is_first_process():
            names = repo_names(recipe.hub_model_id)
            self.repos = {role: repo for role, repo in names.items() if role in recipe.stages}
            check_write_access(self.repos.values(), recipe.hub_private)

    def __call__(self) -> dict[str, str]:
        """Upload the models, and return role → URL of each repository."""
        trained = run_models(self.recipe.output_dir)
        models = {role: trained[role] for role in self.repos if role in trained}
        return push_models(models, self.repos, self.recipe.hub_private)


def repo_names(hub_model_id: str) -> dict[str, str]:
    """Return role → repository: the student gets the name itself, the others get it with a suffix.

    Example:
        >>> repo_names("me/cells")
        {'student': 'me/cells', 'teacher': 'me/cells-teacher', 'refiner': 'me/cells-refiner'}
    """
    return {role: hub_model_id if role == "student" else f"{hub_model_id}-{role}" for role in PUBLISHED_ROLES}


def run_models(folder: str | Path) -> dict[str, Path]:
    """Return role → folder of the best model that a run has trained for it; see `shipped_model`."""
    models = {}
    for role in PUBLISHED_ROLES:
        # A control that is better than the students is published in their place.
        best = shipped_model(Path(folder), ("student", "control") if role == "student" else (role,))
        models |= {} if best is None else {role: best}
    return models


def push_models(models: Mapping[str, Path], repos: Mapping[str, str], private: bool = False) -> dict[str, str]:
    """Upload models of one run; their cards link to each other, and to those of earlier uploads.

    Args:
        models: role → folder.
        repos: role → Hub repository.
        private: make new repositories private.

    Returns:
        Role → URL of the repository.

    Raises:
        PushError: an upload failed. Models that were uploaded before it stay on the Hub and are not sent again.
    """
    urls = {}
    for role, folder in models.items():
        # Cards link to earlier uploads too, unless this upload replaces them.
        family = {**pushed_before(folder.parent), **{other: repos[other] for other in models}}
        card = card_of(folder, repos[role], family, on_hub=True)
        config = AutoConfig.from_pretrained(folder)
        # A model without training facts and without a card gets one from its configuration.
        if card is None and not (folder / "README.md").is_file() and config.model_type in MODEL_TYPES:
            card = bare_card(repos[role], config)
        urls[role] = push_folder(folder, repos[role], private, card)
        remember(folder, repos[role])
    return urls


def pushed_before(run_folder: Path) -> dict[str, str]:
    """Return role → repository of the models of a run that are on the Hub already."""
    pushed = {}
    for role, path in run_models(run_folder).items():
        repo = TrainingFacts.load(path).repo if (path / FACTS_FILE).is_file() else None
        if repo is not None:
            pushed[role] = repo
    return pushed


def remember(folder: Path, repo: str) -> None:
    """Record the repository of an uploaded model in its training facts."""
    if (folder / FACTS_FILE).is_file():
        replace(TrainingFacts.load(folder), repo=repo).save(folder)


def publish(folder: str | Path, repo: str, private: bool = False) -> dict[str, str]:
    """Upload a folder: that of a model, or the output folder of a run with all its models.

    Args:
        folder: folder of a model, or output folder of a run.
        repo: Hub repository of the model, or of the run's student.
        private: make new repositories private.

    Returns:
        Role ("model" for a model without training facts) → URL of the repository.

    Raises:
        UserFileNotFoundError: the folder does not exist or holds no model.
        PushError: an upload failed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserFileNotFoundError(f"{folder}: no such folder")
    if is_saved_model(folder):
        role = TrainingFacts.load(folder).part if (folder / FACTS_FILE).is_file() else "model"
        return push_models({role: folder}, {role: repo}, private)
    # Otherwise the folder must be that of a run, with one repository per part.
    models = run_models(folder)
    if not models:
        raise UserFileNotFoundError(
            f"{folder}: holds no model (config.json and model.safetensors), nor is it the output folder of a run"
        )
    return push_models(models, repo_names(repo), private)
