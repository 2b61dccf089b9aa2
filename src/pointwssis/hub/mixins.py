# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""To and from the Hub: errors that say what to do, cards that say what is known, pushes that lose nothing."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi, ModelCard
from huggingface_hub.errors import (
    EntryNotFoundError,
    HFValidationError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

NOT_FOUND = (RepositoryNotFoundError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled)
EMPTY_CARD = "[More Information Needed]"  # what transformers' own template is full of
# Of a model's folder, what stays here: the Trainer's pickled arguments hold paths of this machine.
STAYS_HERE = ("training_args.bin",)
LOGIN_HINT = "set HF_TOKEN to a token with write access, or log in with `hf auth login`"


class PushError(OSError):
    """Something did not get to the Hub; the message says what is kept and how to send it later."""


# -- loading


@contextmanager
def hint_where_missing(name_or_path: Any) -> Iterator[None]:
    """Inside, transformers' error about a model that cannot be found ends with what to do about it.

    The error stays the same object; its message becomes longer.
    """
    try:
        yield
    except OSError as error:
        if not Path(str(name_or_path)).exists() and len(error.args) == 1 and is_about_a_missing_model(error):
            error.args = (f"{error.args[0]}\n{missing_hint(name_or_path)}",)
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


# -- models and pipelines


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


def check_write_access(repo_ids: Iterable[str], private: bool = False) -> None:
    """Makes sure that these repositories exist and can be written to; called before a training, not after it.

    Args:
        repo_ids: as in "user/name"; those that do not exist are created.
        private: make the new ones private.

    Raises:
        PushError: one of them cannot be written to.
    """
    api = HfApi()
    try:
        user = api.whoami()["name"]
    except LocalTokenNotFoundError as error:
        raise PushError(f"pushing to the Hub needs a token: {LOGIN_HINT}") from error
    except Exception as error:  # of the network, of the server, of the token: whichever, nobody can push
        raise PushError(f"the Hub at {api.endpoint} does not let us in ({_first_line(error)}); {LOGIN_HINT}") from error
    for repo_id in repo_ids:
        try:
            full_name = api.create_repo(repo_id, private=private or None, exist_ok=True).repo_id
            api.auth_check(full_name, write=True)
        except Exception as error:
            raise PushError(
                f"{repo_id}: {user} cannot write there ({_first_line(error)}); choose a repository as in {user}/NAME, "
                f"or another token: {LOGIN_HINT}"
            ) from error


def push_folder(folder: str | Path, repo_id: str, private: bool = False, card: str | None = None) -> str:
    """Sends the files of a model's folder to the Hub, in one commit; what is there already is not sent again.

    Folders inside of it (checkpoints, earlier weights) stay where they are.

    Args:
        folder: of a model.
        repo_id: as in "user/name"; created where it does not exist.
        private: make a new repository private.
        card: text that goes in place of the folder's `README.md`.

    Returns:
        Address of the repository.

    Raises:
        PushError: it did not arrive; the folder stays as it is.
    """
    paths = [path for path in sorted(Path(folder).iterdir()) if path.is_file() and not path.name.startswith(".")]
    contents: dict[str, Any] = {path.name: path for path in paths if path.name not in STAYS_HERE}
    if card is not None:
        contents["README.md"] = card.encode()
    try:
        address = HfApi().create_repo(repo_id, private=private or None, exist_ok=True)
        operations = [CommitOperationAdd(name, content) for name, content in contents.items()]
        HfApi().create_commit(address.repo_id, operations, commit_message=f"Upload of {Path(folder).name}")
    except Exception as error:  # the client raises errors of many families; none may hide where the model is
        option = " --private" if private else ""
        raise PushError(
            f"{repo_id}: was not uploaded ({_first_line(error)}). Nothing is lost, {folder} is complete; send it later "
            f"by: pointwssis push {folder} {repo_id}{option}"
        ) from error
    return str(address)


def _first_line(error: BaseException) -> str:
    """An error in a line, with what caused it where it does not say."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    cause = f": {_first_line(error.__cause__)}" if isinstance(error, RuntimeError) and error.__cause__ else ""
    return lines[0] + cause
