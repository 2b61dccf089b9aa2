# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Upload folders to the Hub: access is checked first, and a failed upload loses nothing."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import (
    LocalTokenNotFoundError,
)

# Of a model's folder, what stays here: the Trainer's pickled arguments hold paths of this machine.
STAYS_HERE = ("training_args.bin",)


LOGIN_HINT = "set HF_TOKEN to a token with write access, or log in with `hf auth login`"


class PushError(OSError):
    """Something did not get to the Hub; the message says what is kept and how to send it later."""


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
