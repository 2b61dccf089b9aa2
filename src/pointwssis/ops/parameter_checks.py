# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Checks of the numbers that a call of a segmenter takes."""

import numbers
from collections.abc import Mapping
from typing import Any

from .user_error import UserError

MAX_WORKERS = 1024  # far more than help; a hundred thousand processes would stop the machine


def check_at_least_one(name: str, value: Any) -> None:
    """Raise a `UserError` if a parameter is given and not a whole number of at least 1."""
    _check_whole(name, value, 1)


def check_score(name: str, value: Any) -> None:
    """Raise a `UserError` if a parameter is not a number from 0 to 1."""
    if isinstance(value, bool) or not (isinstance(value, numbers.Real) and 0 <= value <= 1):  # NaN fails too
        raise UserError(f"{name} must be a score from 0 to 1, got {value!r}")


def check_run_parameters(parameters: Mapping[str, Any]) -> None:
    """Raise a `UserError` for how a pipeline runs: `batch_size`, `num_workers`, and `timeout`, where they are given."""
    check_at_least_one("batch_size", parameters.get("batch_size"))
    timeout = parameters.get("timeout")
    check_num_workers("num_workers", parameters.get("num_workers"))
    is_number = isinstance(timeout, numbers.Real) and not isinstance(timeout, bool)
    if timeout is not None and not (is_number and timeout > 0):  # NaN fails too
        raise UserError(f"timeout must be a number of seconds above 0, or None, got {timeout!r}")


def check_num_workers(name: str, value: Any) -> None:
    """Raise a `UserError` for a number of processes that is given and not from 0 to `MAX_WORKERS`."""
    _check_whole(name, value, 0)
    if value is not None and value > MAX_WORKERS:
        raise UserError(f"{name} must be at most {MAX_WORKERS:,}, got {value!r}: each one is a process of this machine")


def _check_whole(name: str, value: Any, least: int) -> None:
    if value is not None and (not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least):
        raise UserError(f"{name} must be a whole number of at least {least}, got {value!r}")
