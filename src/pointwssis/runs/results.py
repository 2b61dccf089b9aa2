# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The results of a run as files: `results.json`, Markdown tables, and a contact sheet of its labels."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datasets import Dataset
from PIL import Image

from ..ops.whole_files import write_bytes, write_json, write_text
from ..pseudo_labeling.gate import Gate
from ..visualization.drawing import PANEL_TITLES, contact_sheet, pseudo_label_panels
from .names import PSEUDO_LABELS, SEGMENTERS

CONTACT_SHEET = "contact_sheet.png"
LABEL_COLUMNS = {"AP": "AP", "AP50": "AP50", "AR100": "AR100", "mean_iou": "mean IoU"}


def write_results(results: dict[str, Any], folder: Path, max_detections: int = 100) -> None:
    """Write `results.json` and `results.md`.

    Args:
        results: results of `Run.run`.
        folder: output folder of the run.
        max_detections: detections per image of the evaluation.
    """
    write_json(folder / "results.json", results)
    write_text(folder / "results.md", result_table(results, max_detections))


def result_table(results: dict[str, Any], max_detections: int = 100) -> str:
    """Return Markdown: two tables in percent (models on the validation images, pseudo labels against the hidden masks).

    Below them stand the decision of the gate, if there is one, the model that ships, and notes.

    Args:
        results: results of `Run.run`.
        max_detections: detections per image of the evaluation; above 100, COCO's AP at 100 is shown too.
    """
    blocks = [_table_of_models(results, max_detections), _table_of_labels(results.get("pseudo_labels") or {})]
    # One line each for what the run has decided
    if results.get("gate"):
        blocks.append(f"gate: {Gate.from_dict(results['gate']).summary()}\n")
    if results.get("shipped"):
        blocks.append(f"ships: {results['shipped']}\n")
    blocks += [f"note: {note}\n" for note in results.get("notes") or []]
    return "\n".join(blocks)


def _table_of_models(results: dict[str, Any], max_detections: int) -> str:
    # COCO's limit of 100 detections goes without saying; any other is named.
    limit = f" (at most {max_detections} detections per image)" if max_detections != 100 else ""
    beside = ["AP@100"] if max_detections > 100 else []
    columns = ["AP", *beside, "AP50", "AP75", f"AR{max_detections}"]
    lines = [_line([f"validation images{limit}", *columns]), _line(["---"] * (len(columns) + 1))]
    # Models that were not trained keep their row.
    for model in SEGMENTERS:
        values = results.get(model.name) or {}
        lines.append(_line([model.title, *(percent(values.get(column)) for column in columns)]))
    return "\n".join(lines) + "\n"


def _table_of_labels(quality: dict[str, Any]) -> str:
    header = ["pseudo labels against the hidden masks", *LABEL_COLUMNS.values(), "masks / points"]
    lines = [_line(header), _line(["---"] * len(header))]
    for name, title in PSEUDO_LABELS.items():
        values = quality.get(name) or {}
        # Proposals are shown only if the run has any.
        if values or name in ("rough", "refined"):
            count = f"{values['labels']} / {values['points']}" if values else "not available"
            lines.append(_line([title, *(percent(values.get(column)) for column in LABEL_COLUMNS), count]))
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def percent(value: float | None) -> str:
    """Return a fraction in percent, or "not available" for a value that was not measured.

    Example:
        >>> percent(0.1234), percent(None)
        ('12.3', 'not available')
    """
    return "not available" if value is None else f"{100 * value:.1f}"


def write_contact_sheet(labels: Dataset, ground_truth: Dataset, path: Path, num_images: int = 8) -> None:
    """Draw image, points, rough masks, refined masks and ground truth of some images, evenly spread over the dataset.

    Args:
        labels: rows with pseudo labels.
        ground_truth: rows of the same images, with or without masks.
        path: PNG file to write; nothing is written if no image has an object.
        num_images: maximum number of images, one per row of the sheet.
    """
    # Rows are matched by image_id, since the labels cover only some of the images.
    positions = {image_id: index for index, image_id in enumerate(ground_truth["image_id"])}
    with_objects = [index for index, objects in enumerate(labels["objects"]) if objects]
    # Evenly spaced among the images that show objects
    chosen = with_objects[:: max(1, len(with_objects) // num_images)][:num_images]

    def panels() -> Iterator[list[Image.Image | None]]:
        for index in chosen:
            row = labels[index]
            known = ground_truth[positions[row["image_id"]]]
            # Ground truth without masks is not drawn.
            has_masks = any(item["segmentation"] is not None for item in known["objects"])
            yield pseudo_label_panels(row, known if has_masks else None)

    if chosen:
        titles = [labels[index]["file_name"] for index in chosen]
        stream = io.BytesIO()
        contact_sheet(panels(), PANEL_TITLES, titles).save(stream, "PNG")
        write_bytes(path, stream.getvalue())
