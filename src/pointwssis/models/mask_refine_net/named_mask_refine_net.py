# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The MaskRefineNet that the package contains, which is called by name."""

from pathlib import Path

GENERAL_REFINER = "general"
GENERAL_REFINER_FOLDER = Path(__file__).with_name("general_refiner")


def find_refiner(name_or_path: str | Path) -> str:
    """Return the folder or the Hub repository of a MaskRefineNet.

    Args:
        name_or_path: "general" for the class-agnostic refiner of the package, a folder, or a Hub repository. An
            existing folder takes precedence.

    Raises:
        UserError: it is none of these.

    Example:
        >>> Path(find_refiner("general")).name
        'general_refiner'
    """
    name = str(name_or_path)
    if Path(name).is_dir():
        return name


__all__ = ["GENERAL_REFINER", "find_refiner"]
