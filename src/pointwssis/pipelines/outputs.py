# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The forms in which pipelines give masks."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..ops.polygons import mask_to_polygons
from ..ops.rle import encode_mask

FORMATS: dict[str, Callable[[np.ndarray], Any]] = {
    "pil": lambda mask: Image.fromarray(mask.astype(np.uint8) * 255),
    "rle": encode_mask,
    "polygon": mask_to_polygons,
    "numpy": lambda mask: mask,
}


def checked_mask_format(mask_format: str | None) -> str | None:
    """The name of a form, or None."""
    if mask_format is not None and mask_format not in FORMATS:
        raise ValueError(f"mask_format is {mask_format!r}; it takes one of {', '.join(map(repr, FORMATS))}")
    return mask_format


def formatted(mask: torch.Tensor | np.ndarray, mask_format: str) -> Any:
    """A (height, width) bool mask in the wanted form."""
    return FORMATS[mask_format](mask.cpu().numpy() if isinstance(mask, torch.Tensor) else mask)
