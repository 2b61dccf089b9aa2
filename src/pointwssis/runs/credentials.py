# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Credentials have no place in a recipe, which is written into output folders and cards."""

import re
from collections.abc import Mapping
from typing import Any

from ..ops.user_error import UserError

SECRET_KEY = re.compile(r"(^|_)(token|secret|password|passwd|credentials?|api_?key)$", re.IGNORECASE)
SECRET_TEXT = re.compile(r"\b(hf|api_org)_[A-Za-z0-9]{16,}")  # tokens of the Hugging Face Hub


def refuse_credentials(values: Any, name: str = "") -> None:
    """Raise a `UserError` if a recipe holds a token or a password; the message does not repeat it.

    Args:
        values: value of a key, or the mapping of all keys.
        name: key that the values belong to, with dots.

    Example:
        >>> refuse_credentials({"training": {"hub_token": None, "max_steps": 9}})
    """
    if isinstance(values, Mapping):
        for key, value in values.items():
            path = f"{name}.{key}" if name else str(key)
            # The keys of a label map are names of classes.
            if SECRET_KEY.search(str(key)) and value is not None and name != "label_map":
                _refuse(path)
            refuse_credentials(value, path)
    elif isinstance(values, (list, tuple)):
        for value in values:
            refuse_credentials(value, name)
    elif isinstance(values, str) and SECRET_TEXT.search(values):
        _refuse(name)


def _refuse(name: str) -> None:
    raise UserError(
        f"{name} holds a token or a password, which a recipe must not: it is written into the output folder and the "
        "cards of models. Remove it, and revoke it if others have seen it; log in with `hf auth login`, or set HF_TOKEN"
    )
