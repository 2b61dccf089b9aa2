# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Inputs of the official MaskRefineNet: masks and points of the golden vectors."""

import numpy as np

from helpers.paths import PARITY

GOLDEN = np.load(PARITY / "f_mrn.npz")
HEIGHT, WIDTH = GOLDEN["valid/hw"].tolist()


def box_mask(x0, y0, x1, y1, size=(100, 120)):
    mask = np.zeros(size, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def golden_masks():
    return [
        np.unpackbits(row)[: HEIGHT * WIDTH].reshape(HEIGHT, WIDTH).astype(bool) for row in GOLDEN["valid/masks_packed"]
    ]


def golden_points():
    """Return the official points as (x, y) in pixels; the official inference stores (y, x) in 1/10,000 of the sides."""
    return GOLDEN["valid/points_cycx_encoded"][:, ::-1] / 1e4 * np.array([WIDTH, HEIGHT])
