# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Flips and rotations that class names such as "left hand" forbid: in a mirrored image these labels would be wrong."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ..data.class_names import names_with_heights, names_with_sides
from .augmentation import Augmentation

logger = logging.getLogger(__name__)

FLIPS_ARE_OFF = "training images are not flipped horizontally; augmentation: {horizontal_flip: 0.5} would flip them"
_SHOWN = 5


def names_against_flips(class_names: Sequence[str]) -> dict[str, list[str]]:
    """Return field of `Augmentation` → class names that it would make wrong.

    A vertical flip mirrors too, so it also turns a left hand into a right one. A rotation does not, but it turns the
    left side of an image into its top.

    Example:
        >>> names_against_flips(["left lung", "upper jaw", "heart"])["horizontal_flip"]
        ['left lung']
    """
    sides, heights = names_with_sides(class_names), names_with_heights(class_names)
    either = [name for name in class_names if name in sides or name in heights]
    return {"horizontal_flip": sides, "vertical_flip": either, "rotate90": either}


def augmentation_for(settings: Mapping[str, Any], class_names: Sequence[str]) -> Augmentation:
    """Return the augmentation of a training set.

    Args:
        settings: fields of `Augmentation`, which are kept as they are. Without a `horizontal_flip` among them, images
            are flipped unless class names distinguish left from right.
        class_names: names of the classes.

    Example:
        >>> augmentation_for({}, ["left hand", "right hand"]).horizontal_flip
        0.0
    """
    defaults = {"horizontal_flip": 0.0} if names_with_sides(class_names) else {}
    return Augmentation(**{**defaults, **settings})


def warn_about_flips(settings: Mapping[str, Any], class_names: Sequence[str]) -> None:
    """Log which flips class names have switched off, and which settings contradict class names.

    Args:
        settings: fields of `Augmentation` that were set explicitly.
        class_names: names of the classes.
    """
    for key, names in names_against_flips(class_names).items():
        if names and settings.get(key):
            logger.warning(
                "augmentation.%s is %s, but in such images the classes %s would be wrong; leave it out unless these "
                "names mean something else",
                key,
                settings[key],
                shown_names(names),
            )
        elif names and key == "horizontal_flip" and key not in settings:
            logger.warning("the classes %s distinguish left from right: %s", shown_names(names), FLIPS_ARE_OFF)


def shown_names(names: Sequence[str]) -> str:
    """Return the first few of some class names, for a message.

    Example:
        >>> shown_names(["left hand", "right hand"])
        "'left hand', 'right hand'"
    """
    return ", ".join(map(repr, names[:_SHOWN])) + (", …" if len(names) > _SHOWN else "")
