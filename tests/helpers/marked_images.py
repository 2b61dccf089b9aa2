# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The images of the hand-written exports in `data/exports/`."""

from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from helpers.paths import TESTS

EXPORTS = TESTS / "data" / "exports"

SIZES = {  # (width, height) of the upright image
    "a.jpg": (40, 30),
    "city/b.png": (20, 16),
    "field/b.png": (24, 18),
    "turned.jpg": (30, 40),  # stored in landscape format, with an EXIF orientation
    "empty.png": (10, 8),
    "dot.png": (2, 1),
    "my photo (1).png": (12, 12),
}


def write_marked_images(folder: Path) -> Path:
    """Write noise images of these sizes and return the folder."""
    rng = np.random.default_rng(1)
    for name, (width, height) in SIZES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8))
        if name == "turned.jpg":
            exif = Image.Exif()
            exif[ExifTags.Base.Orientation] = 6  # rotate by 90° clockwise for display
            picture.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
        else:
            picture.save(path)
    return folder
