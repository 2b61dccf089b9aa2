# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Points of masks: where a point label comes from.

Points are `(x, y)` pixel indices: the pixel in column 3 has x = 3, without a half added. Boxes are `(x0, y0, x1, y1)`
whose maximum is exclusive, so that `image[y0:y1, x0:x1]` is the crop.
"""

from typing import Literal

import numpy as np

PointSource = Literal["center", "box_center", "random"]


def point_from_mask(
    mask: np.ndarray, point_source: PointSource = "center", generator: np.random.Generator | None = None
) -> tuple[float, float]:
    """The point label of one object.

    The paper's points are centers of mass; its table 4 compares them with random ones. A center may lie outside of an
    object that is not convex; `random` never does.

    Args:
        mask: (H, W) bool, the object in an image's frame.
        point_source: `center` (of mass, over pixel indices), `box_center` (of the mask's extent) or `random` (a pixel
            of it).
        generator: source of `random`; a new unseeded one if absent.

    Returns:
        (x, y) in the mask's pixels.

    >>> mask = np.zeros((4, 8), bool)
    >>> mask[1:3, 2:7] = True
    >>> point_from_mask(mask)
    (4.0, 1.5)
    """
    rows, columns = np.nonzero(np.asarray(mask))
    if len(rows) == 0:
        raise ValueError("point_from_mask: the mask is empty, so it has no point; drop the object or give it a point")
    if point_source == "center":
        return float(columns.mean()), float(rows.mean())
    if point_source == "box_center":
        return float(columns.min() + columns.max()) / 2, float(rows.min() + rows.max()) / 2
    if point_source == "random":
        pick = (generator or np.random.default_rng()).integers(len(rows))
        return float(columns[pick]), float(rows[pick])
    raise ValueError(
        f"point_from_mask: unknown point_source {point_source!r}; choose 'center', 'box_center' or 'random'"
    )
