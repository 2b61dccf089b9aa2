# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Mixins for loading from and pushing to the Hub: hints in errors, and our model cards."""

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
from safetensors import SafetensorError

from ..ops.file_kinds import HEAD_BYTES, problem_of_content
from ..ops.folders import make_folder
from ..ops.user_error import UserError
from .run_folders import refuse_run_folder

NOT_FOUND = (RepositoryNotFoundError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled)
EMPTY_CARD = "[More Information Needed]"  # in each field of transformers' empty template
_REFINER_TYPE = "mask_refine_net"
LEAST_TENSORS = 10  # tensors of other names from which a file holds another model, and not only something beside it


# -- loading


@contextmanager
def hint_where_missing(name_or_path: Any) -> Iterator[None]:
    """Append a hint to the error that transformers raises inside the block for a missing model.

    The error stays the same object; its message becomes longer.
    """
    try:
        yield
    except OSError as error:
        # A hint is only for names that are no local path, and for errors with a plain message.
        if not Path(str(name_or_path)).exists() and len(error.args) == 1 and is_about_a_missing_model(error):
            hint = missing_hint(name_or_path)
            if hint not in str(error.args[0]):  # a model loads its configuration, and both append the hint
                error.args = (f"{error.args[0]}\n{hint}",)
        raise


@contextmanager
def naming_bad_weights(name_or_path: Any) -> Iterator[None]:
    """Turn the error about weights that are none, such as a pointer of Git LFS, into one that names the model.

    Raises:
        UserError: the weights cannot be read.
    """
    try:
        yield
    except SafetensorError as error:
        files = sorted(Path(name_or_path).glob("*.safetensors"))
        reason = next(filter(None, map(_problem_of_weights, files)), str(error))
        raise UserError(
            f"{files[0] if len(files) == 1 else name_or_path}: cannot be loaded ({reason:.300}); it is damaged, or not "
            "of a model of this package; copy the model again, or train it anew"
        ) from error


def _problem_of_weights(path: Path) -> str:
    if not path.is_file():
        return "a folder is in the place of this file"
    with path.open("rb") as file:
        return problem_of_content(file.read(HEAD_BYTES))


def is_about_a_missing_model(error: BaseException | None) -> bool:
    """Return True for an error that was caused by a missing, hidden or unreachable repository."""
    # The error of the Hub is wrapped by transformers, so follow the chain of causes.
    while error is not None:
        if isinstance(error, NOT_FOUND):
            return True
        error = error.__cause__ or error.__context__
    return False


def missing_hint(name_or_path: Any) -> str:
    """Return advice for a model that was not found."""
    from .cards.released import table  # imported late: loading a model needs no cards

    released = ", ".join(table()["on_the_hub"]) or "no model on the Hub yet"
    return (
        f"{name_or_path} was not found; pointwssis has released {released}. To make a model, train with "
        "`pointwssis run RECIPE.yaml` or convert the authors' checkpoints with `pointwssis convert`, "
        "and load it by the path of its folder. Private and gated repositories need a token: set HF_TOKEN, or log in "
        "with `hf auth login`."
    )


# -- configurations, models and pipelines


class HubConfig:
    """Mixin in front of `PreTrainedConfig`: a hint where it is missing, and an error for that of another model."""

    @classmethod
    def get_config_dict(
        cls, pretrained_model_name_or_path: Any, **kwargs: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the stored fields and the unused keyword arguments, as transformers does.

        Raises:
            UserError: the path is the output folder of a run, or the model is of another type.
        """
        fields, unused = cls.get_any_config_dict(pretrained_model_name_or_path, **kwargs)
        # transformers would read the fields of another model as its own, and only log it.
        found = fields.get("model_type", cls.model_type)
        if found != cls.model_type:
            raise UserError(
                f"{pretrained_model_name_or_path}: is a {found} model; {cls.__name__} needs a {cls.model_type} model"
            )
        return fields, unused

    @classmethod
    def get_any_config_dict(
        cls, pretrained_model_name_or_path: Any, **kwargs: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the same for a model of any type.

        Raises:
            UserError: the path is the output folder of a run.
        """
        refuse_run_folder(pretrained_model_name_or_path, cls.model_type == _REFINER_TYPE)
        with hint_where_missing(pretrained_model_name_or_path):
            return super().get_config_dict(pretrained_model_name_or_path, **kwargs)


class HubModel:
    """Mixin in front of `PreTrainedModel` that adds a hint to the error for a missing model, and our model card."""

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: Any, *args: Any, output_loading_info: bool = False, **kwargs: Any
    ) -> Any:
        """Load a model as transformers does.

        Raises:
            UserError: the path is the output folder of a run, the weights are damaged, or they are those of another
                kind of model.
        """
        refuse_run_folder(pretrained_model_name_or_path, cls.config_class.model_type == _REFINER_TYPE)
        with hint_where_missing(pretrained_model_name_or_path), naming_bad_weights(pretrained_model_name_or_path):
            model, info = super().from_pretrained(
                pretrained_model_name_or_path, *args, output_loading_info=True, **kwargs
            )
        # transformers would draw all weights at random, and only log it.
        own, others = dict(model.named_parameters()), len(info["unexpected_keys"])
        if others >= LEAST_TENSORS and own.keys() <= set(info["missing_keys"]):
            raise UserError(f"{pretrained_model_name_or_path}: its weights are not those of a {cls.__name__}")
        return (model, info) if output_loading_info else model

    def save_pretrained(self, save_directory: str | os.PathLike, *args: Any, **kwargs: Any) -> None:
        """Save the model as transformers does, which would only log that a file is in the place of the folder."""
        make_folder(Path(save_directory))
        super().save_pretrained(save_directory, *args, **kwargs)

    def push_to_hub(self, repo_id: str, **kwargs: Any) -> Any:
        """Push the model as transformers does; a repository without a card gets one with the facts of the model.

        Push a folder that a run has written with `pointwssis push`, which includes the card of the run.
        """
        push_bare_card(self.config, repo_id, **kwargs)
        return super().push_to_hub(repo_id, **kwargs)


class HubPipeline:
    """Mixin in front of `Pipeline` that saves no copy of our code and adds our model card."""

    def save_pretrained(self, save_directory: str | os.PathLike, **kwargs: Any) -> None:
        """Save model and image processor; transformers would also copy our code and require `trust_remote_code`."""
        self.model.save_pretrained(save_directory, **kwargs)
        self.image_processor.save_pretrained(save_directory, **kwargs)

    def push_to_hub(self, repo_id: str, **kwargs: Any) -> Any:
        """Push model and image processor, with a card as in `HubModel.push_to_hub`."""
        push_bare_card(self.model.config, repo_id, **kwargs)
        return super().push_to_hub(repo_id, **kwargs)


def push_bare_card(config: Any, repo_id: str, **kwargs: Any) -> None:
    """Push `bare_card` to a repository without a card, or with transformers' empty template.

    Args:
        config: configuration of the model.
        repo_id: repository, such as "user/name".
        kwargs: keyword arguments of `push_to_hub`; a push to another branch than main adds no card.
    """
    from .cards.released import bare_card

    if kwargs.get("create_pr") or kwargs.get("revision") not in (None, "main"):
        return
    # Creating the repository first gives its full name, with the user or organization.
    token = kwargs.get("token")
    repo_id = HfApi(token=token).create_repo(repo_id, private=kwargs.get("private"), exist_ok=True).repo_id
    # A card that someone has written stays; only a missing or empty one is replaced.
    try:
        if EMPTY_CARD not in ModelCard.load(repo_id, token=token).content:
            return
    except EntryNotFoundError:
        pass
    ModelCard(bare_card(repo_id, config)).push_to_hub(repo_id, token=token, commit_message="Model card")
