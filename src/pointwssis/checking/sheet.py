# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A contact sheet of a checkup: some images with their annotations, then images with findings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..data import objects_with_mask, objects_with_point, read_image
from ..ops.user_error import UserError
from ..ops.wording import counted
from ..visualization.drawing import contact_sheet, draw_instances, draw_points, fitted, instance_colors
from .checkup import Checkup

MAX_IMAGES = 6
MAX_FINDINGS = 8


def write_contact_sheet(checkup: Checkup, path: Path) -> Path:
    """Draw the contact sheet and return its path.

    Args:
        checkup: checked dataset.
        path: image file to write.

    Raises:
        UserError: no image can be read.
    """
    rows: list[list[Image.Image]] = []
    titles: list[str] = []
    train = checkup.splits["train"].rows
    # Images spread evenly over the training split.
    for position in np.linspace(0, max(len(train) - 1, 0), min(MAX_IMAGES, len(train))).round().astype(int):
        row = train[int(position)]
        panels = _panels(row)
        if panels is not None:
            rows.append(panels)
            titles.append(f"{row['file_name']}: {counted(len(row['objects']), 'object')}")
    # Images with findings follow, titled by the finding.
    for what, places in _pictured(checkup):
        for place in places:
            row = checkup.splits[place[0]].rows[place[1]]
            panels = _panels(row)
            if panels is not None:
                rows.append(panels)
                titles.append(f"{what}: {place[0]}, {row['file_name']}")
    if not rows:
        raise UserError("no image can be read, so there is nothing to draw on a contact sheet")
    contact_sheet(rows, ("image", "labels"), titles).save(path)
    return path


def _pictured(checkup: Checkup) -> list[tuple[str, list[tuple[str, int]]]]:
    """Return the first findings that concern certain images, with these images."""
    pictured = [(finding.what, finding.rows) for finding in checkup.findings if finding.rows]
    return pictured[:MAX_FINDINGS]


def _panels(row: Mapping[str, Any]) -> list[Image.Image] | None:
    """Return the image and a drawing of its masks and points, fitted into cells; None if the image cannot be read."""
    try:
        image = read_image(row)
    except (ValueError, OSError):
        return None
    # Labels of an image of another size would be drawn at wrong places.
    if image.size != (row["width"], row["height"]):
        return None
    # Masks and points of the same object have the same color.
    ids = [item["id"] for item in row["objects"]]
    colors = dict(zip(ids, instance_colors(len(ids)), strict=True))
    masked, pointed = objects_with_mask(row), objects_with_point(row)
    points = [item["point"] for item in pointed]
    if masked:
        masks = [item["segmentation"] for item in masked]
        drawn = draw_instances(image, masks, points=points, colors=[colors[item["id"]] for item in masked])
    else:  # only the points
        drawn = draw_points(image, points, [colors[item["id"]] for item in pointed])
    return [fitted(image), fitted(drawn)]
