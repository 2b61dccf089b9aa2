# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A contact sheet of a checkup: labels of some images, and the images that findings are about."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..data import objects_with_mask, objects_with_point, read_image
from ..ops.coco_masks import decode_rle
from ..visualization.drawing import contact_sheet, draw_instances, draw_points, instance_colors
from .checkup import Checkup

IMAGES = 6
FINDINGS = 8


def write_contact_sheet(checkup: Checkup, path: Path) -> Path:
    """Writes the picture: the first rows show images with their labels, the others what findings are about."""
    rows: list[list[Image.Image | None]] = []
    titles: list[str] = []
    train = checkup.splits["train"].rows
    for position in np.linspace(0, max(len(train) - 1, 0), min(IMAGES, len(train))).round().astype(int):
        row = train[int(position)]
        panels = _panels(row)
        if panels is not None:
            rows.append(panels)
            titles.append(f"{row['file_name']}: {len(row['objects'])} objects")
    for what, places in _pictured(checkup):
        for place in places:
            row = checkup.splits[place[0]].rows[place[1]]
            panels = _panels(row)
            if panels is not None:
                rows.append(panels)
                titles.append(f"{what}: {place[0]}, {row['file_name']}")
    if not rows:
        raise ValueError("no image can be read, so there is nothing to put on a contact sheet")
    contact_sheet(rows, ("image", "labels"), titles).save(path)
    return path


def _pictured(checkup: Checkup) -> list[tuple[str, list[tuple[str, int]]]]:
    """Findings that point at images, with these images."""
    pointed = [(finding.what, finding.rows) for finding in checkup.findings if finding.rows]
    return pointed[:FINDINGS]


def _panels(row: Mapping[str, Any]) -> list[Image.Image | None] | None:
    """The image, and its labels: masks where there are any, points on top; None where it cannot be read."""
    try:
        image = read_image(row)
    except (ValueError, OSError):
        return None
    if image.size != (row["width"], row["height"]):
        return None
    colors = dict(zip([item["id"] for item in row["objects"]], instance_colors(len(row["objects"])), strict=True))
    masked, pointed = objects_with_mask(row), objects_with_point(row)
    points = [item["point"] for item in pointed]
    if not masked:
        return [image, draw_points(image, points, [colors[item["id"]] for item in pointed])]
    masks = [decode_rle(item["segmentation"]) for item in masked]
    return [image, draw_instances(image, masks, points=points, colors=[colors[item["id"]] for item in masked])]
