# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Formats of the masks that pipelines return."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..ops.polygons import mask_to_polygons
from ..ops.rle import RLE, decode_rle, encode_mask
from ..ops.user_error import UserError

# Converters of (height, width) bool masks
FORMATS: dict[str, Callable[[np.ndarray], Any]] = {
    "pil": lambda mask: Image.fromarray(mask.astype(np.uint8) * 255),
    "rle": encode_mask,
    "polygon": mask_to_polygons,
    "numpy": lambda mask: mask,
}
COMPACT_FORMATS = ("rle", "polygon")  # formats that do not hold every pixel


def check_mask_format(mask_format: str) -> None:
    """Raise a `UserError` for a mask format that does not exist."""
    if mask_format not in FORMATS:
        raise UserError(f"mask_format must be one of {', '.join(map(repr, FORMATS))}, got {mask_format!r}")


def formatted(mask: torch.Tensor | np.ndarray | RLE, mask_format: str) -> Any:
    """Return a mask, a (height, width) bool array or a compressed RLE, in a format of `FORMATS`."""
    if isinstance(mask, dict):
        return mask if mask_format == "rle" else FORMATS[mask_format](decode_rle(mask))
    return FORMATS[mask_format](mask.cpu().numpy() if isinstance(mask, torch.Tensor) else mask)
