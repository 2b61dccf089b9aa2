# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Upload folders to the Hub, with an early check of write access and errors that say how to upload later."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import LocalTokenNotFoundError

from ..ops.user_error import UserError
from ..ops.whole_files import MANIFEST

# Files of a model's folder that are not uploaded: the Trainer's pickled arguments contain local paths, and the manifest
# is that of the local files.
LOCAL_FILES = ("training_args.bin", MANIFEST)

LOGIN_HINT = "set HF_TOKEN to a token with write access, or log in with `hf auth login`"


class PushError(UserError, OSError):
    """A denied or failed upload; the message says that the folder is complete and how to upload it later."""


def check_write_access(repo_ids: Iterable[str], private: bool = False) -> None:
    """Check that repositories exist and are writable; call it before training starts.

    Args:
        repo_ids: repositories, such as "user/name"; missing ones are created.
        private: make new repositories private.

    Raises:
        PushError: the Hub cannot be reached, or write access to a repository is denied.
    """
    api = HfApi()
    try:
        user = api.whoami()["name"]
    except LocalTokenNotFoundError as error:
        raise PushError(f"pushing to the Hub needs a token: {LOGIN_HINT}") from error
    except Exception as error:  # network, server or token: any of them prevents pushing
        raise PushError(f"the Hub at {api.endpoint} denied access ({first_line(error)}); {LOGIN_HINT}") from error
    # Create missing repositories now; `None` leaves their visibility to the default of the account or organization.
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
        folder: folder of a model.
        repo_id: repository, such as "user/name"; created if it does not exist.
        private: make a new repository private.
        card: text to upload in place of the folder's `README.md`.

    Returns:
        URL of the repository.

    Raises:
        PushError: the upload failed; the folder is unchanged.
    """
    contents: dict[str, Any] = {}
    for path in sorted(Path(folder).iterdir()):
        is_hidden = path.name.startswith(".")
        if path.is_file() and not is_hidden and path.name not in LOCAL_FILES:
            contents[path.name] = path
    if card is not None:
        contents["README.md"] = card.encode()
    # One commit, so that a reader never sees half of a model; nothing local changes on failure.
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
    """Return an error in one line; that of a generic `RuntimeError` includes the cause."""
    # An error without a text is named by its type.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    cause = f": {first_line(error.__cause__)}" if isinstance(error, RuntimeError) and error.__cause__ else ""
    return lines[0] + cause
