# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Formats of the masks that pipelines return."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..ops.polygons import mask_to_polygons
from ..ops.rle import encode_mask
from ..ops.user_error import UserError

FORMATS: dict[str, Callable[[np.ndarray], Any]] = {
    "pil": lambda mask: Image.fromarray(mask.astype(np.uint8) * 255),
    "rle": encode_mask,
    "polygon": mask_to_polygons,
    "numpy": lambda mask: mask,
}


def checked_mask_format(mask_format: str | None) -> str | None:
    """Return the name of a mask format, or None.

    Raises:
        UserError: there is no such format.
    """
    if mask_format is not None and mask_format not in FORMATS:
        raise UserError(f"mask_format must be one of {', '.join(map(repr, FORMATS))}, got {mask_format!r}")
    return mask_format


def formatted(mask: torch.Tensor | np.ndarray, mask_format: str) -> Any:
    """Return a (height, width) bool mask in a format of `FORMATS`."""
    return FORMATS[mask_format](mask.cpu().numpy() if isinstance(mask, torch.Tensor) else mask)
