# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""`report.html`, one page on a run to send around: figures, curves, labels and settings, with all pictures inside."""

import io
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import yaml
from datasets import Dataset
from PIL import Image

from ..data import class_names
from ..hub.cards.training_facts import FACTS_FILE, TrainingFacts
from ..ops.devices import best_device
from ..ops.whole_files import read_json, write_bytes, write_text
from ..ops.wording import counted
from ..pseudo_labeling.gate import Gate
from ..visualization.curves import draw_learning_curves, draw_precision_recall
from .compute import SPEED_FILE
from .doubtful_labels import doubtful_figures
from .names import MODELS, PSEUDO_LABELS, SEGMENTERS
from .report_page import (
    Section,
    card,
    code,
    facts,
    figure,
    gallery,
    notes,
    page,
    side_by_side,
    table,
    tiles,
)
from .results import CONTACT_SHEET, LABEL_COLUMNS, percent
from .stage_results import LOG_FILE, PRECISION_RECALL_FILE, is_trained

REPORT_FILE = "report.html"
LEARNING_CURVES_FILE, PRECISION_RECALL_PICTURE = "learning_curves.png", "precision_recall.png"
NUM_DOUBTFUL = 12  # labels that the report shows
SHEET_WIDTH = 1280  # most pixels of the contact sheet inside the report
LABEL_KINDS = {"full": "masks", "point": "points", "image": "image-level labels", "none": "no label", "box": "boxes"}
DOUBT_EXPLAINED = (
    '<p class="soft">The label most in doubt of each image, worst first, with what speaks most against it. Doubt '
    "combines the score, the overlap (IoU) of rough mask and label, the place of the click in the label, clicks of "
    "other objects in it, and its size beside others of its class.</p>"
)


def write_curves(folder: Path) -> None:
    """Draw the learning curves and the precision–recall curves of all models of a run, beside its results.

    Args:
        folder: output folder of the run.
    """
    logs, curves = {}, {}
    for model in SEGMENTERS:
        if is_trained(folder / model.name):
            logs[model.name] = read_json(folder / model.name / LOG_FILE)
        points = read_json(folder / model.name / PRECISION_RECALL_FILE)
        if points:
            curves[model.name] = points["AP50"]
    pictures = {
        LEARNING_CURVES_FILE: draw_learning_curves(logs),
        PRECISION_RECALL_PICTURE: draw_precision_recall(curves),
    }
    for name, picture in pictures.items():
        if picture is not None:
            stream = io.BytesIO()
            picture.save(stream, "PNG")
            write_bytes(folder / name, stream.getvalue())


def write_report(folder: Path, results: Mapping[str, Any], labels: Dataset | None, ground_truth: Dataset) -> None:
    """Write the report of a run, from its results and the files beside them.

    Args:
        folder: output folder of the run.
        results: results of `Run.run`.
        labels: rows with the pseudo labels of the images with points; None without any.
        ground_truth: rows of the training data, with or without masks.
    """
    # Facts about the data and the settings of the run are the same in all models.
    recorded = [model.name for model in MODELS if _has_facts(folder / model.name)]
    models = {name: TrainingFacts.load(folder / name) for name in recorded}
    sections = [Section("results", "Results", _results(results, models))]
    sections.append(Section("curves", "Curves", _curves(folder)))
    sections.append(Section("labels", "Pseudo labels", _labels(folder, results, labels, ground_truth)))
    sections.append(Section("data", "Data and settings", _settings(folder, models, ground_truth)))
    written = [section for section in sections if section.content]
    any_model = next(iter(models.values()), None)
    data = "a run" if any_model is None else any_model.data["name"]
    subtitle = "Instance segmentation from few masks and many points: teacher, pseudo labels, student"
    footer = f"Written by pointwssis {version('pointwssis')}. Metrics are COCO's, in percent."
    text = page(f"Training report: {data}", subtitle, _summary(results, models), written, footer)
    write_text(folder / REPORT_FILE, text)


def _has_facts(path: Path) -> bool:
    return is_trained(path) and (path / FACTS_FILE).is_file()


def _summary(results: Mapping[str, Any], models: Mapping[str, TrainingFacts]) -> str:
    """Return the main figures as tiles, and the notes."""
    values, shipped = {}, results.get("shipped")
    if shipped:
        metrics = results.get(shipped) or {}
        values["AP of the model that ships"] = percent(metrics.get("AP"))
        values["AP50 of this model"] = percent(metrics.get("AP50"))
    if results.get("upper_bound"):
        values["AP with all masks (upper bound)"] = percent(results["upper_bound"]["AP"])
    quality = results.get("pseudo_labels") or {}
    best = quality.get("refined") or quality.get("rough")
    if best and best["mean_iou"] is not None:
        values["mean IoU of the pseudo labels"] = percent(best["mean_iou"])
    any_model = next(iter(models.values()), None)
    if any_model is not None:
        for kind, count in any_model.labels.items():
            values[f"images with {LABEL_KINDS[kind]}"] = f"{count:,}"
        values["of labeling, estimated"] = _labeling_time(sum(any_model.label_days.values()))
    known = {caption: value for caption, value in values.items() if value != "not available"}
    return tiles(known) if known else ""


def _results(results: Mapping[str, Any], models: Mapping[str, TrainingFacts]) -> str:
    """Return the table of the models, and the notes on it."""
    limit = next((model.max_detections for model in models.values()), 100)
    columns = ["AP", "AP50", "AP75", f"AR{limit}"]
    rows, best = [], None
    for model in SEGMENTERS:
        metrics = results.get(model.name)
        if not metrics:
            continue
        if model.name == results.get("shipped"):
            best = len(rows)
        trained = models.get(model.name)
        steps = f"{trained.training['steps']:,}" if trained is not None and trained.training else ""
        learned = "" if trained is None else _learned_from(trained)
        rows.append([model.title, *(percent(metrics.get(column)) for column in columns), steps, learned])
    header = ["model, on the validation images", *columns, "steps", "learned from"]
    content = card(table(header, rows, best, "ships")) if rows else ""
    sentences = list(results.get("notes") or [])
    if results.get("gate"):
        sentences.insert(0, f"Gate: {Gate.from_dict(results['gate']).summary()}.")
    return content + notes(sentence[:1].upper() + sentence[1:] for sentence in sentences)


def _learned_from(model: TrainingFacts) -> str:
    parts = [counted(model.learned_from["full"], "image with masks", "images with masks")]
    if model.learned_from.get("pseudo"):
        parts.append(f"{model.learned_from['pseudo']:,} with pseudo labels")
    return ", ".join(parts)


def _curves(folder: Path) -> str:
    captions = {
        LEARNING_CURVES_FILE: "Losses over the steps of each training, and the AP of evaluations on the way",
        PRECISION_RECALL_PICTURE: "Precision over recall at an IoU of 0.5, averaged over the classes",
    }
    drawn = []
    for name, caption in captions.items():
        if (folder / name).is_file():
            with Image.open(folder / name) as picture:
                drawn.append(card(figure(picture, caption, is_drawing=True)))
    return side_by_side(drawn) if drawn else ""


def _labels(folder: Path, results: Mapping[str, Any], labels: Dataset | None, ground_truth: Dataset) -> str:
    """Return the quality of the pseudo labels, the contact sheet, and the labels most in doubt."""
    rows = []
    for name, title in PSEUDO_LABELS.items():
        values = (results.get("pseudo_labels") or {}).get(name)
        if values:
            count = f"{values['labels']:,} / {values['points']:,}"
            rows.append([title, *(percent(values.get(column)) for column in LABEL_COLUMNS), count])
    header = ["labels, against the hidden masks", *LABEL_COLUMNS.values(), "masks / points"]
    content = card(table(header, rows)) if rows else ""
    if (folder / CONTACT_SHEET).is_file():
        with Image.open(folder / CONTACT_SHEET) as sheet:
            sheet.thumbnail((SHEET_WIDTH, 4 * SHEET_WIDTH))
            caption = "Some images with their labels; an object keeps its color throughout a row"
            content += card(figure(sheet, caption), "Contact sheet")
    figures = [] if labels is None else doubtful_figures(labels, ground_truth, NUM_DOUBTFUL)
    if figures:
        content += card(DOUBT_EXPLAINED + gallery(figures), "Labels most in doubt")
    return content


def _settings(folder: Path, models: Mapping[str, TrainingFacts], ground_truth: Dataset) -> str:
    """Return data, machine, and the settings that differ from the defaults."""
    any_model, names = next(iter(models.values()), None), class_names(ground_truth)
    data = {"classes": f"{len(names)}: {', '.join(names)}"}
    if any_model is not None:
        data = {"training images": f"{any_model.data['images']:,} ({any_model.data['name']})", **data}
        if "val_images" in any_model.data:
            data["validation images"] = f"{any_model.data['val_images']:,} ({any_model.data['val_name']})"
        for kind, count in any_model.labels.items():
            time = _labeling_time(any_model.label_days[kind])
            data[f"images with {LABEL_KINDS[kind]}"] = f"{count:,}, about {time} of labeling"
        data["network"] = f"{any_model.backbone}, {any_model.start}"
    cards = [card(facts(data), "Data"), card(facts(_machine(folder)), "Machine of this report")]
    content = side_by_side(cards)
    if any_model is not None and any_model.recipe:
        text = yaml.safe_dump(any_model.recipe, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
        content += card(code(text), "Settings that differ from the defaults")
    return content


def _labeling_time(days: float) -> str:
    """Return a time in days, or below one day in hours."""
    return f"{days:.1f} days" if days >= 1 else f"{24 * days:.1f} hours"


def _machine(folder: Path) -> dict[str, str]:
    """Return the machine and versions that this process runs on, and the settings that were measured for it."""
    device = best_device()
    values = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper(),
        "system": f"{platform.system()} {platform.machine()}, {counted(os.cpu_count() or 1, 'CPU core')}",
        "Python": platform.python_version(),
    }
    for package in ("pointwssis", "torch", "transformers"):
        values[package] = version(package)
    for kind, settings in (read_json(folder / SPEED_FILE) or {}).items():
        if isinstance(settings, dict):
            precision = "bfloat16" if settings["bf16"] else "float32"
            values[f"{kind}, measured"] = f"{precision}, {counted(settings['threads'], 'thread')}"
    return values
