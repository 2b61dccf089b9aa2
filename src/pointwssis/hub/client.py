# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Upload folders to the Hub, with an early check of access and errors that keep the work."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import LocalTokenNotFoundError

from ..ops.user_error import UserError

# Files of a model's folder that are not uploaded: the Trainer's pickled arguments contain local paths.
LOCAL_FILES = ("training_args.bin",)

LOGIN_HINT = "set HF_TOKEN to a token with write access, or log in with `hf auth login`"


class PushError(UserError, OSError):
    """A failed upload; the message says what was kept and how to upload it later."""


def check_write_access(repo_ids: Iterable[str], private: bool = False) -> None:
    """Check that repositories exist and are writable; call it before a training, not after it.

    Args:
        repo_ids: as in "user/name"; missing ones are created.
        private: make new ones private.

    Raises:
        PushError: one of them cannot be written to.
    """
    api = HfApi()
    try:
        user = api.whoami()["name"]
    except LocalTokenNotFoundError as error:
        raise PushError(f"pushing to the Hub needs a token: {LOGIN_HINT}") from error
    except Exception as error:  # network, server or token: any of them prevents pushing
        raise PushError(f"the Hub at {api.endpoint} denied access ({first_line(error)}); {LOGIN_HINT}") from error
    for repo_id in repo_ids:
        try:
            full_name = api.create_repo(repo_id, private=private or None, exist_ok=True).repo_id
            api.auth_check(full_name, write=True)
        except Exception as error:
            raise PushError(
                f"{repo_id}: {user} has no write access ({first_line(error)}); choose a repository such as "
                f"{user}/NAME, or use another token: {LOGIN_HINT}"
            ) from error


def push_folder(folder: str | Path, repo_id: str, private: bool = False, card: str | None = None) -> str:
    """Upload the files of a model's folder to the Hub in one commit; unchanged files are not sent again.

    Subfolders (checkpoints, earlier weights) are not uploaded.

    Args:
        folder: of a model.
        repo_id: as in "user/name"; created if it does not exist.
        private: make a new repository private.
        card: text to upload in place of the folder's `README.md`.

    Returns:
        URL of the repository.

    Raises:
        PushError: the upload failed; the folder is unchanged.
    """
    paths = [path for path in sorted(Path(folder).iterdir()) if path.is_file() and not path.name.startswith(".")]
    contents: dict[str, Any] = {path.name: path for path in paths if path.name not in LOCAL_FILES}
    if card is not None:
        contents["README.md"] = card.encode()
    try:
        address = HfApi().create_repo(repo_id, private=private or None, exist_ok=True)
        operations = [CommitOperationAdd(name, content) for name, content in contents.items()]
        HfApi().create_commit(address.repo_id, operations, commit_message=f"Upload of {Path(folder).name}")
    except Exception as error:  # of many types; each must say where the model is
        option = " --private" if private else ""
        raise PushError(
            f"{repo_id}: was not uploaded ({first_line(error)}). Nothing is lost, {folder} is complete; upload it "
            f"later with: pointwssis push {folder} {repo_id}{option}"
        ) from error
    return str(address)


def first_line(error: BaseException) -> str:
    """Return an error in one line, with its cause for the generic `RuntimeError`."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    cause = f": {first_line(error.__cause__)}" if isinstance(error, RuntimeError) and error.__cause__ else ""
    return lines[0] + cause
