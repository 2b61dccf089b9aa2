# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Checks of the settings of image processors, which a file may hold in any size: each would fail later, or silently."""

import math
from collections.abc import Mapping
from typing import Any

from PIL.Image import Resampling

from .user_error import UserError
from .wording import brief

MAX_SIDE = 16_384  # pixels of a resized image; more would exhaust the memory


class CheckedSettings:
    """Mixin of image processors whose settings, and those of each call, are checked; it stands before the backend."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        found, own = kwargs.get("image_processor_type"), type(self).__name__.removesuffix("Pil")
        if found is not None and str(found).removesuffix("Pil") != own:
            raise UserError(f"image_processor_type is {brief(found)}, that of another model; expected {own}")
        super().__init__(*args, **kwargs)
        check_processor_settings(vars(self))

    def _validate_preprocess_kwargs(self, **kwargs: Any) -> None:
        """Check the settings of a call as transformers does, and their values."""
        super()._validate_preprocess_kwargs(**kwargs)
        check_processor_settings(kwargs)


def check_processor_settings(settings: Mapping[str, Any]) -> None:
    """Raise a `UserError` for sizes, means, and factors that no image can be prepared with.

    Args:
        settings: name → value of an image processor or of a call of it; missing ones and None pass.
    """
    _check_sides(settings)
    for name in ("image_mean", "image_std"):
        _check_channels(name, settings)
    for name in ("rescale_factor", "box_scale"):
        value = settings.get(name)
        if value is not None and not (_is_number(value) and value > 0):
            raise UserError(f"{name} is {brief(value)}; it must be a positive number")
    for name, value in settings.items():
        if name.startswith("do_") and value not in (None, True, False):
            raise UserError(f"{name} is {brief(value)}; it must be true or false")
    resample = settings.get("resample")
    if isinstance(resample, int) and resample not in list(Resampling):
        raise UserError(f"resample is {brief(resample)}; it must be one of Pillow's filters, 0 to {max(Resampling)}")


def _check_sides(settings: Mapping[str, Any]) -> None:
    """Raise a `UserError` for a side that is no number of pixels, or edges in the wrong order."""
    sides = {}
    for setting in ("size", "pad_size"):
        sides |= {f"{setting}: {name}": side for name, side in dict(settings.get(setting) or {}).items()}
    sides |= {name: settings.get(name) for name in ("size_divisor", "tile_size")}
    for name, side in sides.items():
        if side is not None and not (_is_number(side) and 1 <= side <= MAX_SIDE):
            raise UserError(f"{name} is {brief(side)}; it must be a number of pixels from 1 to {MAX_SIDE:,}")
    shortest, longest = sides.get("size: shortest_edge"), sides.get("size: longest_edge")
    if shortest is not None and longest is not None and longest < shortest:
        raise UserError(f"size: longest_edge is {longest}; it must be at least shortest_edge, {shortest}")


def _check_channels(name: str, settings: Mapping[str, Any]) -> None:
    """Raise a `UserError` for a mean or standard deviation that is not one number per channel, or one for all."""
    value = settings.get(name)
    is_list = isinstance(value, (list, tuple))
    values = list(value) if is_list else [value]
    if values == [None]:
        return
    # Four channels are those of an array that a call passes with settings of its own; RGB has no list of one.
    counts = (3, 4) if is_list and settings.get("do_convert_rgb") else (1, 3, 4)
    is_good = len(values) in counts and all(_is_number(one) for one in values)
    if not is_good or (name == "image_std" and min(values) <= 0):
        kind = "positive" if name == "image_std" else "finite"
        raise UserError(
            f"{name} is {brief(values)}; it must be {kind} numbers, one for each channel, of which images have 3"
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
