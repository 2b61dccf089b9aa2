# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The MaskRefineNet that the package contains, which is called by name."""

from pathlib import Path

from ...ops.user_error import UserError
from ...ops.wording import did_you_mean, with_hint

GENERAL_REFINER = "general"
GENERAL_REFINER_FOLDER = Path(__file__).with_name("general_refiner")


def find_refiner(name_or_path: str | Path) -> str:
    """Return the folder or the Hub repository of a MaskRefineNet.

    Args:
        name_or_path: "general" for the class-agnostic refiner of the package, a folder, or a Hub repository. An
            existing folder takes precedence.

    Raises:
        UserError: it is none of these, or "general" in a model that was exported with its code.

    Example:
        >>> Path(find_refiner("general")).name
        'general_refiner'
    """
    name = str(name_or_path)
    if Path(name).is_dir():
        return name
    if name == GENERAL_REFINER:
        # A model that was exported with its code has this module, but not the folder.
        if not GENERAL_REFINER_FOLDER.is_dir():
            raise UserError(
                f"refiner {name!r} is in the package pointwssis, not in this exported model; export it as well and "
                "pass its pipeline"
            )
        return str(GENERAL_REFINER_FOLDER)
    # Repositories have the form user/name; anything else is a typing error.
    if not isinstance(name_or_path, str) or name.count("/") != 1 or name.startswith((".", "/", "~")):
        message = f"there is no refiner {name!r}; use {GENERAL_REFINER!r}, a folder, or a Hub repository (user/name)"
        raise UserError(with_hint(message, did_you_mean(name, [GENERAL_REFINER])))
    return name


__all__ = ["GENERAL_REFINER", "find_refiner"]
