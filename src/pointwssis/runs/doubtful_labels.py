# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The pseudo labels of a run that are most in doubt, as pictures for its report."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets import Dataset

from ..data.schema import objects_with_mask
from ..ops.coco_masks import rle_iou
from ..pseudo_labeling.doubt import LabelDoubt, label_doubts, worst_first
from ..visualization.close_ups import PANEL_TITLES, close_ups
from ..visualization.drawing import contact_sheet
from .report_page import figure

MAX_IMAGES = 2000  # images whose labels are ranked, evenly spread over the dataset
PANEL_SIDE = 192  # longer side of a panel in pixels


def doubtful_figures(labels: Dataset, ground_truth: Dataset, count: int) -> list[str]:
    """Return figures, in HTML, of the labels most in doubt, worst first, at most one per image.

    Args:
        labels: rows with pseudo labels.
        ground_truth: rows of these images and others, with or without the true masks.
        count: most figures to return.
    """
    sample = labels.select(range(0, len(labels), max(1, -(-len(labels) // MAX_IMAGES))))
    # One per image: a bad image would fill the page.
    worst: dict[int, LabelDoubt] = {}
    for label in worst_first(label_doubts(sample)):
        worst.setdefault(label.row, label)
    places = {image_id: place for place, image_id in enumerate(ground_truth["image_id"])}
    figures = []
    for label in list(worst.values())[:count]:
        row = sample[label.row]
        iou = _iou_with_hidden_mask(label.item, ground_truth[places[row["image_id"]]])
        panels = contact_sheet([close_ups(row, label.item)], PANEL_TITLES, cell_size=PANEL_SIDE)
        figures.append(figure(panels, _caption(label, row["file_name"], iou)))
    return figures


def _iou_with_hidden_mask(item: Mapping[str, Any], ground_truth: Mapping[str, Any]) -> float | None:
    """Return the IoU of a label with the true mask of its object; None where that is hidden from us too.

    Args:
        item: object with a pseudo label.
        ground_truth: row of the same image.
    """
    for other in objects_with_mask(ground_truth):
        if other["id"] == item["id"]:
            return rle_iou(item["segmentation"], other["segmentation"])
    return None


def _caption(label: LabelDoubt, file_name: str, iou: float | None) -> str:
    values = [f"doubt {label.doubt:.2f}", f"score {label.item['score']:.2f}"]
    if label.item["rough_segmentation"] is not None:
        values.append(f"overlap {label.signals['agreement']:.2f}")
    if iou is not None:
        values.append(f"IoU with the hidden mask {iou:.2f}")
    return f"{Path(file_name).name}: {label.reason} ({', '.join(values)})"
