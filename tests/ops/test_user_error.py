# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Errors about the input: caught as the built-in exceptions that callers expect."""

import pytest

from pointwssis.ops.user_error import UserError, UserFileExistsError, UserFileNotFoundError, as_user_error


@pytest.mark.parametrize(
    ("kind", "caught"),
    [
        (UserError, ValueError),
        (UserFileNotFoundError, UserError),
        (UserFileNotFoundError, FileNotFoundError),
        (UserFileExistsError, FileExistsError),
    ],
)
def test_user_errors_are_built_in_errors(kind, caught):
    with pytest.raises(caught, match="^a.json: missing$"):
        raise kind("a.json: missing")


def test_other_exceptions_are_converted():
    with pytest.raises(UserError, match="^model: wrong$") as raised, as_user_error(OverflowError, source="model"):
        raise OverflowError("wrong")
    assert isinstance(raised.value.__cause__, OverflowError)


def test_user_errors_and_bugs_pass_through():
    with pytest.raises(UserFileNotFoundError, match="^gone$"), as_user_error(ValueError, source="x"):
        raise UserFileNotFoundError("gone")
    with pytest.raises(KeyError), as_user_error(ValueError):
        raise KeyError("a bug")
