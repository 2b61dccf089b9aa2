# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Errors about the input of a user, which the command line shows as one line; any other exception is a bug.

All of them are also the built-in exception that a caller of the library expects, so `except ValueError` and
`except FileNotFoundError` work as usual.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class UserError(ValueError):
    """A wrong file, value or option; the message names it, the value, and the remedy.

    Example:
        >>> issubclass(UserError, ValueError)
        True
    """


class UserFileNotFoundError(UserError, FileNotFoundError):
    """A file or folder that the user named and that does not exist."""


class UserFileExistsError(UserError, FileExistsError):
    """An output that would overwrite an existing file."""


@contextmanager
def from_worker_process() -> Iterator[None]:
    """Raise the error of a process of torch's `DataLoader` as it was there, without its traceback in the message.

    Raises:
        UserError: a process that loads data raised one; the error of torch, with the traceback, becomes the cause.
    """
    try:
        yield
    except UserError as error:
        # Torch builds an error of the same class, whose message is the traceback.
        head, name, message = str(error).rpartition(f"{type(error).__name__}: ")
        if not name or "\nOriginal Traceback" not in head:
            raise
        raise type(error)(message.strip()) from error


@contextmanager
def as_user_error(*kinds: type[Exception], source: str = "") -> Iterator[None]:
    """Turn exceptions of another library into `UserError` where they can only be about the input.

    Args:
        kinds: exception classes to convert; all others pass through unchanged.
        source: what the message is about, such as a path; precedes the message.

    Raises:
        UserError: one of these exceptions was raised; it becomes the cause.

    Example:
        >>> with as_user_error(OverflowError, source="recipe.yaml"):
        ...     raise OverflowError("seed is too large")
        Traceback (most recent call last):
        pointwssis.ops.user_error.UserError: recipe.yaml: seed is too large
    """
    try:
        yield
    except UserError:
        raise
    except kinds as error:
        raise UserError(f"{source}: {error}" if source else str(error)) from error
