# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""What a run leaves for people: `results.json`, a table, and a contact sheet of its labels."""

import json
from pathlib import Path
from typing import Any

from datasets import Dataset

from ..visualization.drawing import PANEL_TITLES, contact_sheet, pseudo_label_panels

ROWS = {
    "teacher": "teacher, the few masks alone",
    "student_point": "student, masks + points",
    "student_refined": "student, masks + points + MaskRefineNet",
    "full": "all masks (upper bound)",
}
LABEL_ROWS = {"rough": "rough masks", "refined": "refined masks"}


def percent(value: float | None) -> str:
    """A fraction for the table; what was not measured says so.

    Example:
        >>> percent(0.1234), percent(None)
        ('12.3', 'not available')
    """
    return "not available" if value is None else f"{100 * value:.1f}"


def result_table(results: dict[str, Any], max_detections: int = 100) -> str:
    """Two Markdown tables: models on the validation images, pseudo labels against the hidden masks. In percent."""
    caps = f" (at most {max_detections} detections an image)" if max_detections != 100 else ""
    beside = ["AP@100"] if max_detections > 100 else []
    columns = ["AP", *beside, "AP50", "AP75", f"AR{max_detections}"]
    lines = [f"| validation images{caps} | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for key, title in ROWS.items():
        values = results.get(key) or {}
        lines.append(f"| {title} | " + " | ".join(percent(values.get(column)) for column in columns) + " |")
    lines += [
        "",
        "| pseudo labels against the hidden masks | AP | AP50 | AR100 | mean IoU | masks / points |",
        "|---|---|---|---|---|---|",
    ]
    for key, title in LABEL_ROWS.items():
        values = (results.get("pseudo_labels") or {}).get(key) or {}
        cells = [percent(values.get(column)) for column in ("AP", "AP50", "AR100", "mean_iou")]
        count = f"{values['labels']} / {values['points']}" if values else "not available"
        lines.append(f"| {title} | " + " | ".join(cells) + f" | {count} |")
    return "\n".join(lines) + "\n"


def write_results(results: dict[str, Any], folder: Path, max_detections: int = 100) -> str:
    """Writes `results.json` and `results.md` and returns the table."""
    table = result_table(results, max_detections)
    (folder / "results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    (folder / "results.md").write_text(table, encoding="utf-8")
    return table


def write_contact_sheet(labels: Dataset, truth: Dataset, path: Path, num_images: int = 8) -> Path:
    """Image, points, rough masks, refined masks and truth of some pseudo-labeled images, evenly spread over the
    dataset.

    Args:
        labels: rows with pseudo labels.
        truth: rows of the same images; their masks may be missing.
        path: of the PNG.
        num_images: rows of the sheet.
    """
    positions = {image_id: index for index, image_id in enumerate(truth["image_id"])}
    pointed = [index for index, objects in enumerate(labels["objects"]) if objects]
    chosen = pointed[:: max(1, len(pointed) // num_images)][:num_images]
    rows, titles = [], []
    for index in chosen:
        row = labels[index]
        known = truth[positions[row["image_id"]]]
        has_truth = any(item["segmentation"] is not None for item in known["objects"])
        rows.append(pseudo_label_panels(row, known if has_truth else None))
        titles.append(row["file_name"])
    if rows:
        contact_sheet(rows, PANEL_TITLES, titles).save(path)
    return path
