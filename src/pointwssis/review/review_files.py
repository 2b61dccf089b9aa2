# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The review of a run as files: tables of labels and images, a contact sheet, and the worst images for correction."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset, concatenate_datasets

from ..data import class_names, dataset_from_rows, export_annotations
from ..data.schema import objects_with_mask
from ..ops.user_error import UserError, UserFileExistsError, UserFileNotFoundError
from ..ops.whole_files import write_folder
from ..pseudo_labeling.doubt import REASONS, LabelDoubt, label_doubts, worst_first
from ..runs.saved_rows import stored_rows
from ..visualization.close_ups import PANEL_TITLES, close_ups
from ..visualization.drawing import contact_sheet
from .worst_images import ImageDoubt, worst_images

# Format → file or folder of the images to correct
FILES_TO_CORRECT = {"label_studio": "to_correct.json", "cvat": "to_correct.xml", "coco": "to_correct.json"}
SHEET_LABELS, SHEET_CELL = 12, 200  # labels on the contact sheet, and the side of a drawing in pixels


@dataclass(frozen=True)
class Review:
    """The files of a review.

    Args:
        labels: all pseudo labels, the most doubtful first; each with its rank, doubt, reason, and signals.
        images: all images, those to correct first.
        sheet: contact sheet of the most doubtful labels.
        to_correct: the worst images with their labels, for an annotation tool; scores are 1 − doubt.
        worst: the images in `to_correct`.
    """

    labels: Path
    images: Path
    sheet: Path
    to_correct: Path
    worst: Sequence[ImageDoubt]


def write_review(run: Path, folder: Path, format: str, num_images: int, **write_options: Any) -> Review:
    """Rank the pseudo labels of a run by doubt, and write them to a new folder: all files or, after an error, none.

    Args:
        run: output folder of a run that has made pseudo labels.
        folder: folder to write to, which must not exist.
        format: format of the images to correct, a key of `FILES_TO_CORRECT`.
        num_images: number of images to correct.
        write_options: options of the format, such as `image_prefix` of Label Studio.

    Raises:
        UserFileExistsError: the folder exists.
        UserError: the run has no pseudo labels.
    """
    if folder.exists():
        raise UserFileExistsError(
            f"{folder}: exists already, perhaps with corrections; give another folder as --output_dir, or delete it"
        )
    labels = labels_of_run(run)
    doubts = label_doubts(labels)
    if not doubts:
        raise UserError(f"{run}: holds no pseudo labels; all masks of its images are annotated")
    ranked, images = worst_first(doubts), worst_images(doubts)
    review = Review(
        labels=folder / "labels.csv",
        images=folder / "images.csv",
        sheet=folder / "worst_labels.png",
        to_correct=folder / FILES_TO_CORRECT[format],
        worst=images[:num_images],
    )

    def write(unfinished: Path) -> None:
        label_table, image_table = _table(_label_lines(ranked, labels)), _table(_image_lines(images, labels))
        (unfinished / review.labels.name).write_text(label_table, encoding="utf-8")
        (unfinished / review.images.name).write_text(image_table, encoding="utf-8")
        _sheet(ranked[:SHEET_LABELS], labels).save(unfinished / review.sheet.name)
        to_correct = unfinished / review.to_correct.name
        export_annotations(_to_correct(review.worst, labels), to_correct, format, **write_options)

    write_folder(folder, write)
    return review


def labels_of_run(run: Path) -> Dataset:
    """Return the pseudo labels of a run, those of images without points included: refined ones, or else rough ones."""
    if not run.is_dir():
        raise UserFileNotFoundError(f"{run}: no such folder; give the output folder of a run")
    found = []
    for prefix in ("", "proposed_"):
        folders = [run / "pseudo" / f"{prefix}{kind}" for kind in ("refined", "rough")]
        found += [stored_rows(folder) for folder in folders if folder.is_dir()][:1]
    if not found:
        raise UserError(f"{run}: holds no pseudo labels; give the output folder of a run whose stage 'pseudo' is done")
    return concatenate_datasets(found)


# -- tables


def _table(lines: Iterable[dict[str, Any]]) -> str:
    """Return lines of the same keys as CSV."""
    text, lines = io.StringIO(), list(lines)
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _label_lines(ranked: Sequence[LabelDoubt], labels: Dataset) -> Iterable[dict[str, Any]]:
    names, files = class_names(labels), labels["file_name"]
    for rank, label in enumerate(ranked, start=1):
        x, y = label.item["point"] or ("", "")
        yield {
            "rank": rank,
            "image": files[label.row],
            "object": label.item["id"],
            "class": names[label.item["category"]],
            "x": x,
            "y": y,
            "doubt": f"{label.doubt:.4f}",
            "reason": label.reason,
            **{name: f"{label.signals[name]:.4f}" for name in REASONS},
        }


def _image_lines(images: Sequence[ImageDoubt], labels: Dataset) -> Iterable[dict[str, Any]]:
    files = labels["file_name"]
    for rank, image in enumerate(images, start=1):
        yield {
            "rank": rank,
            "image": files[image.row],
            "labels": len(image.labels),
            "doubtful": image.doubtful,
            "sum_of_doubts": f"{image.total:.3f}",
            "worst": image.labels[0].reason,
        }


# -- pictures and labels


def _sheet(worst: Sequence[LabelDoubt], labels: Dataset) -> Any:
    rows, titles = [], []
    for label in worst:
        row = labels[label.row]
        rows.append(close_ups(row, label.item))
        titles.append(f"{row['file_name']}, object {label.item['id']}: doubt {label.doubt:.2f}, {label.reason}")
    return contact_sheet(rows, PANEL_TITLES, titles, SHEET_CELL)


def _to_correct(worst: Sequence[ImageDoubt], labels: Dataset) -> Dataset:
    """Return the worst images, as complete ones: what comes back was looked through, and nothing is missing in it.

    The score of each pseudo label is 1 − doubt, so that tools can sort by it.
    """
    rows = []
    for image in worst:
        row = labels.with_format(None)[image.row]
        trust = {label.item["id"]: 1 - label.doubt for label in image.labels}
        for item in objects_with_mask(row):
            item["score"] = trust.get(item["id"])
        rows.append({**row, "complete": True})
    return dataset_from_rows(rows, class_names(labels))
