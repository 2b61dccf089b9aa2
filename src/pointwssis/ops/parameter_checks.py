# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Checks of the numbers that a call of a segmenter takes."""

import numbers
from typing import Any

from .user_error import UserError


def check_at_least_one(name: str, value: Any) -> None:
    """Raise a `UserError` if a parameter is given and not a whole number of at least 1."""
    if value is not None and (not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1):
        raise UserError(f"{name} must be a whole number of at least 1, got {value!r}")


def check_score(name: str, value: Any) -> None:
    """Raise a `UserError` if a parameter is not a number from 0 to 1."""
    if not (isinstance(value, numbers.Real) and 0 <= value <= 1):  # NaN fails too
        raise UserError(f"{name} must be a score from 0 to 1, got {value!r}")
