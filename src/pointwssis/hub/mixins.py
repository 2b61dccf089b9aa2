# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""To and from the Hub: errors that say what to do, cards that say what is known, pushes that lose nothing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, ModelCard
from huggingface_hub.errors import (
    EntryNotFoundError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

NOT_FOUND = (RepositoryNotFoundError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled)
EMPTY_CARD = "[More Information Needed]"  # what transformers' own template is full of


# -- loading


@contextmanager
def hint_where_missing(name_or_path: Any) -> Iterator[None]:
    """Append a hint to the error that transformers raises inside the block when it does not find a model.

    The error stays the same object; its message becomes longer.
    """
    try:
        yield
    except OSError as error:
        if not Path(str(name_or_path)).exists() and len(error.args) == 1 and is_about_a_missing_model(error):
            hint = missing_hint(name_or_path)
            if hint not in str(error.args[0]):  # a model loads its configuration, and both append the hint
                error.args = (f"{error.args[0]}\n{hint}",)
        raise


def is_about_a_missing_model(error: BaseException | None) -> bool:
    """Whether an error goes back to a repository that is missing, hidden or out of reach."""
    while error is not None:
        if isinstance(error, NOT_FOUND):
            return True
        error = error.__cause__ or error.__context__
    return False


def missing_hint(name_or_path: Any) -> str:
    """What people can do who look for a model that is not there."""
    from .cards.released import table  # not above: only who fails or pushes needs cards

    released = ", ".join(table()["on_the_hub"]) or "no model on the Hub yet"
    return (
        f"{name_or_path} was not found; pointwssis has released {released}. `pointwssis run RECIPE.yaml` trains a "
        "teacher, a refiner and a student, `pointwssis convert` takes the authors' checkpoints; both write folders "
        "that load in place of a name. A private or gated repository needs a token: set HF_TOKEN, or log in with "
        "`hf auth login`."
    )


# -- configurations, models and pipelines


class HubConfig:
    """Mixin in front of `PreTrainedConfig`: a hint where no configuration is found."""

    @classmethod
    def get_config_dict(
        cls, pretrained_model_name_or_path: Any, **kwargs: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the stored fields and the unused keyword arguments, as transformers does."""
        with hint_where_missing(pretrained_model_name_or_path):
            return super().get_config_dict(pretrained_model_name_or_path, **kwargs)


class HubModel:
    """Before transformers' own `from_pretrained` and `push_to_hub`: a hint where nothing is found, our own card."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        with hint_where_missing(pretrained_model_name_or_path):
            return super().from_pretrained(pretrained_model_name_or_path, *args, **kwargs)

    def push_to_hub(self, repo_id: str, **kwargs: Any) -> Any:
        """As in transformers. A repository without a card gets one that tells what is known of the model, no more.

        A folder that a run has written is better sent by `pointwssis push`, with the card that the run has written.
        """
        push_bare_card(self.config, repo_id, **kwargs)
        return super().push_to_hub(repo_id, **kwargs)


class HubPipeline:
    """Before transformers' own `save_pretrained` and `push_to_hub` of pipelines."""

    def save_pretrained(self, save_directory: str | os.PathLike, **kwargs: Any) -> None:
        """Saves model and image processor. transformers would copy our code too, and then ask everybody to trust it."""
        self.model.save_pretrained(save_directory, **kwargs)
        self.image_processor.save_pretrained(save_directory, **kwargs)

    def push_to_hub(self, repo_id: str, **kwargs: Any) -> Any:
        """Sends model and image processor, with a card as in `HubModel.push_to_hub`."""
        push_bare_card(self.model.config, repo_id, **kwargs)
        return super().push_to_hub(repo_id, **kwargs)


def push_bare_card(config: Any, repo_id: str, **kwargs: Any) -> None:
    """Puts `bare_card` where a repository has no card, or the empty one of transformers.

    Args:
        config: of the model.
        repo_id: as in "user/name".
        kwargs: those of `push_to_hub`; a push elsewhere than to the main branch brings no card.
    """
    from .cards.released import bare_card

    if kwargs.get("create_pr") or kwargs.get("revision") not in (None, "main"):
        return
    token = kwargs.get("token")
    repo_id = HfApi(token=token).create_repo(repo_id, private=kwargs.get("private"), exist_ok=True).repo_id
    try:
        if EMPTY_CARD not in ModelCard.load(repo_id, token=token).content:
            return
    except EntryNotFoundError:
        pass
    ModelCard(bare_card(repo_id, config)).push_to_hub(repo_id, token=token, commit_message="Model card")


# -- folders
