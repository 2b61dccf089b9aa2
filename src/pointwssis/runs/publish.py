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
from ..ops.user_error import UserFileNotFoundError
from .cache import is_first_process
from .names import PUBLISHED_ROLES, candidates_for
from .recipe import Recipe

MODEL_TYPES = ("solov2", "mask_refine_net")


class Push:
    """Upload the models of a run if its recipe says so. Write access is checked here, before anything is trained.

    Args:
        recipe: with `push_to_hub`, `hub_model_id`, `hub_private`.
        only: the one part that the program makes, which then is what `hub_model_id` names. None: everything that the
            recipe's stages make, by the names of `repo_names`.

    Raises:
        PushError: a repository cannot be written to.

    Example:
        ```python
        push = Push(recipe)
        run = Run(recipe)
        run.run()
        push()
        ```
    """

    def __init__(self, recipe: Recipe, only: str | None = None):
        self.recipe = recipe
        self.parts = [only] if only else [part for part in PUBLISHED_ROLES if part in recipe.stages]
        self.repos: dict[str, str] = {}
        if recipe.push_to_hub and is_first_process():
            names = repo_names(recipe.hub_model_id, only or "student")
            self.repos = {part: names[part] for part in self.parts}
            check_write_access(self.repos.values(), recipe.hub_private)

    def __call__(self) -> dict[str, str]:
        """Upload the models, and return part → address of each."""
        made = run_models(self.recipe.output_dir)
        models = {part: made[part] for part in self.repos if part in made}
        return push_models(models, self.repos, self.recipe.hub_private)


def repo_names(hub_model_id: str, main: str = "student") -> dict[str, str]:
    """Return part → repository: one part gets the name itself, the others get it with a suffix.

    Example:
        >>> repo_names("me/cells")
        {'student': 'me/cells', 'teacher': 'me/cells-teacher', 'refiner': 'me/cells-refiner'}
    """
    return {part: hub_model_id if part == main else f"{hub_model_id}-{part}" for part in PUBLISHED_ROLES}


def run_models(folder: str | Path) -> dict[str, Path]:
    """Return role → folder of the best model of this role that a run has made."""
    models = {}
    for role in PUBLISHED_ROLES:
        saved = [Path(folder) / name for name in candidates_for(role) if is_saved_model(Path(folder) / name)]
        models |= {role: saved[0]} if saved else {}
    return models


def push_models(models: Mapping[str, Path], repos: Mapping[str, str], private: bool = False) -> dict[str, str]:
    """Upload models of one run; their cards link to each other, and to those of earlier uploads.

    Args:
        models: part → folder.
        repos: part → Hub repository.
        private: make new repositories private.

    Returns:
        Part → address.

    Raises:
        PushError: one did not arrive. What was sent before it stays there, and nothing of it is sent again.
    """
    addresses = {}
    for part, folder in models.items():
        family = {**pushed_before(folder.parent), **{other: repos[other] for other in models}}
        card = card_of(folder, repos[part], family, on_hub=True)
        config = AutoConfig.from_pretrained(folder)
        if card is None and not (folder / "README.md").is_file() and config.model_type in MODEL_TYPES:
            card = bare_card(repos[part], config)
        addresses[part] = push_folder(folder, repos[part], private, card)
        remember(folder, repos[part])
    return addresses


def pushed_before(run_folder: Path) -> dict[str, str]:
    """Return part → repository of the models of a run that are on the Hub already."""
    known = {
        part: TrainingFacts.load(path).repo
        for part, path in run_models(run_folder).items()
        if (path / FACTS_FILE).is_file()
    }
    return {part: repo for part, repo in known.items() if repo is not None}


def remember(folder: Path, repo: str) -> None:
    """Record in the facts of a model which repository it was uploaded to."""
    if (folder / FACTS_FILE).is_file():
        replace(TrainingFacts.load(folder), repo=repo).save(folder)


def publish(folder: str | Path, repo: str, private: bool = False) -> dict[str, str]:
    """Upload a folder: that of a model, or the output folder of a run with all its models.

    Args:
        folder: of a model, or of a run.
        repo: of the model, or of the run's student.
        private: make new repositories private.

    Returns:
        Part ("model" for a single one) → address.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserFileNotFoundError(f"{folder}: no such folder")
    if is_saved_model(folder):
        part = TrainingFacts.load(folder).part if (folder / FACTS_FILE).is_file() else "model"
        return push_models({part: folder}, {part: repo}, private)
    models = run_models(folder)
    if not models:
        raise UserFileNotFoundError(
            f"{folder}: holds no model (config.json and model.safetensors), nor is it the output folder of a run"
        )
    return push_models(models, repo_names(repo), private)
